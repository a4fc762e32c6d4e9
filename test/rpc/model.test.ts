// A service against a model that keeps every event and adds up anew each time: random commands over
// days, with restarts. A failure names its seed.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { moveOn } from '../support/move-on.js';
import { type Hold, type Item, openModel, type Used } from '../support/quota-model.js';
import { refused } from '../support/refusals.js';
import { ask, duration, event, item, nameIn, time } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const HOUR_MS = 3_600_000;
const STEPS = 150;
const SEEDS = [1, 2, 3];

const yaml = catalogueYaml({
  plans: freePlan(
    '{key: month, meter: tokens, limit: 400}',
    '{key: day, meter: tokens, limit: 120, window: CALENDAR_DAY}',
    '{key: run, meter: tokens, limit: 90, window: LIFETIME, scope: [run]}',
    '{key: x, meter: tokens, limit: 50, window: CALENDAR_DAY, match: {model: x}}',
    '{key: calls, meter: calls, limit: 15, window: CALENDAR_DAY}',
    '{key: seats, meter: seats, limit: 20, window: LIFETIME}',
    '{key: users, meter: users, limit: 3, window: CALENDAR_DAY}',
    '{key: peak, meter: peak, limit: 50, window: CALENDAR_DAY}',
  ),
});

interface World {
  readonly clock: TestClock;
  readonly model: ReturnType<typeof openModel>;
  readonly pick: <T>(from: readonly T[]) => T;
  readonly upTo: (bound: number) => number;
  running: Running;
  next: number;
}

const ORGS = ['a', 'b'];

/** A piece of usage: mostly new, some of it late. */
function usage(world: World, orgId: string, eventId: string): Used {
  const { pick, upTo, clock } = world;
  const meter = pick(['tokens', 'tokens', 'calls', 'seats', 'users', 'peak']);
  const amounts: Record<string, string> = {
    tokens: `${upTo(40)}`,
    calls: '1',
    seats: `${upTo(14)}`,
    users: '1',
    peak: `${upTo(60)}.5`,
  };
  const labels: Record<string, string> = {};
  if (meter === 'tokens' && upTo(3) > 0) labels['run'] = pick(['r1', 'r2']);
  if (meter === 'tokens' && upTo(2) > 0) labels['model'] = pick(['x', 'y']);
  if (meter === 'seats') labels['team'] = pick(['s', 't', 'u']);
  if (meter === 'users') labels['user'] = pick(['u1', 'u2', 'u3', 'u4', 'u5']);
  const backMs = upTo(3) === 0 ? upTo(60 * HOUR_MS) : 0;
  const atMs = clock.wallMs() - backMs;
  return { orgId, eventId, meter, amount: amounts[meter] ?? '1', labels, atMs };
}

const sent = ({ orgId, eventId, meter, amount, labels, atMs }: Used) =>
  event({ orgId, eventId, meter, quantity: amount, at: time(atMs), dimensions: labels });

async function record(world: World): Promise<void> {
  const { model, pick, upTo, running, clock } = world;
  const orgId = pick(ORGS);
  const known = model.events(orgId);
  const again = upTo(8) === 0 && known.length > 0 ? pick(known) : undefined;
  const used = again ?? usage(world, orgId, `e${world.next++}`);
  const enforceQuota = upTo(2) > 0;
  const expected = model.outcome(used, clock.wallMs(), enforceQuota);
  const call = ask(running, 'record', { event: sent(used), enforceQuota });
  const outcome = await call.then(
    (reply) => nameIn(Outcome, reply.outcome),
    async (error: Error) => (await refused(Promise.reject(error))).reason,
  );
  expect([used, outcome]).toEqual([used, expected]);
  if (outcome === 'RECORDED') model.add(used);
}

async function reserve(world: World): Promise<void> {
  const { model, pick, upTo, running, clock } = world;
  const orgId = pick(ORGS);
  const run = pick(['r1', 'r2']);
  const items = Array.from({ length: 1 + upTo(2) }, (): Item => {
    if (upTo(3) === 0) return { meter: 'calls', quantity: 1, labels: {} };
    return { meter: 'tokens', quantity: upTo(30), labels: { run, model: pick(['x', 'y']) } };
  });
  const seconds = 60 + upTo(20 * 3600);
  const expiresMs = clock.wallMs() + seconds * 1000;
  const hold: Hold = { orgId, reservationId: `h${world.next++}`, items, expiresMs };
  const { granted } = await ask(running, 'reserve', {
    orgId,
    reservationId: hold.reservationId,
    ttl: duration(seconds),
    items: items.map(({ meter, quantity, labels }) =>
      item(meter, { quantity: `${quantity}`, dimensions: labels }),
    ),
  });
  expect([hold, granted]).toEqual([hold, model.fits(hold, clock.wallMs())]);
  if (granted) model.hold(hold);
}

async function end(world: World): Promise<void> {
  const { model, pick, upTo, running, clock } = world;
  const holds = model.holds();
  if (holds.length === 0) return;
  const hold = pick(holds);
  const { orgId, reservationId, items } = hold;
  if (upTo(3) === 0) {
    await ask(running, 'release', { orgId, reservationId });
    model.end(hold);
    return;
  }
  const labels = items.find(({ meter }) => meter === 'tokens')?.labels ?? {};
  const run: Record<string, string> = labels['run'] === undefined ? {} : { run: labels['run'] };
  const used = Array.from({ length: upTo(3) }, (_, i): Used => {
    const eventId = `rsv:${reservationId}:${i}`;
    const amount = `${upTo(60)}`;
    return { orgId, eventId, meter: 'tokens', amount, labels: run, atMs: clock.wallMs() };
  });
  const events = used.map((each) => sent({ ...each, eventId: '', labels: {} }));
  const { results } = await ask(running, 'settle', { orgId, reservationId, events });
  expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(
    used.map(() => 'RECORDED'),
  );
  model.end(hold);
  for (const each of used) model.add(each);
}

async function advance(world: World): Promise<void> {
  const { model, upTo, clock } = world;
  await moveOn(world.running, clock, upTo(9 * HOUR_MS));
  const open = model.expire(clock.wallMs());
  const holds = () => world.running.core.fold.holds.open();
  await expect.poll(holds, { interval: 5, timeout: 10_000 }).toBe(open);
}

/** Every counter and the totals of all time. */
async function compare({ model, clock, running }: World): Promise<void> {
  for (const orgId of ORGS) {
    for (const { meter, labels } of model.PROBES) {
      const items = [item(meter, { dimensions: labels })];
      const { quotas } = await ask(running, 'checkQuota', { orgId, items });
      const found = quotas.map(({ quotaKey, used, reserved }) => [quotaKey, used, reserved]);
      const expected = model.counters(orgId, meter, labels, clock.wallMs());
      expect([orgId, meter, labels, found.toSorted()]).toEqual([orgId, meter, labels, expected]);
    }
    const given = { startTime: time('2026-01-01'), endTime: time('2027-12-31') };
    const meters = ['calls', 'peak', 'seats', 'tokens', 'users'];
    const { totals } = await ask(running, 'getUsage', { orgId, meters, ...given });
    const shown = totals.map(({ meter, quantity, eventCount }) => [meter, quantity, eventCount]);
    expect(shown).toEqual(meters.map((meter) => model.total(orgId, meter)));
  }
}

describe('a service and its model agree', () => {
  test.each(SEEDS)('with seed %s', async (seed) => {
    const clock = createTestClock('2026-10-25T06:00:00Z');
    let state = seed * 2_654_435_769;
    const upTo = (bound: number) => {
      // xorshift32
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % bound;
    };
    const pick = <T>(from: readonly T[]) => from[upTo(from.length)] as T;
    const running = await start({ yaml, clock });
    const world: World = { clock, model: openModel(), pick, upTo, running, next: 0 };
    for (let step = 0; step < STEPS; step++) {
      const command = upTo(100);
      if (command < 60) await record(world);
      else if (command < 75) await reserve(world);
      else if (command < 85) await end(world);
      else if (command < 98) await advance(world);
      else world.running = await world.running.restart();
      if (step % 10 === 0) await compare(world);
    }
    await compare(world);
    expect(world.running.fatal).toEqual([]);
    await world.running.stop();
  });
});
