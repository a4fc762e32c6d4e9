// A service beside the model of quota-model.ts: random commands over days, and whether the two still
// agree.

import { expect } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from './catalogue.js';
import type { TestClock } from './clock.js';
import { moveOn } from './move-on.js';
import { type Hold, type Item, openModel, type Used } from './quota-model.js';
import { refused } from './refusals.js';
import { ask, duration, event, item, nameIn, time } from './requests.js';
import type { Running } from './service.js';

const HOUR_MS = 3_600_000;

export const WORLD_YAML = catalogueYaml({
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

export interface World {
  readonly clock: TestClock;
  readonly model: ReturnType<typeof openModel>;
  readonly pick: <T>(from: readonly T[]) => T;
  /** A number from 0 up to, and without, the bound. */
  readonly upTo: (bound: number) => number;
  running: Running;
  next: number;
}

/** The same commands for the same seed. */
export function openWorld(seed: number, clock: TestClock, running: Running): World {
  let state = seed * 2_654_435_769;
  const upTo = (bound: number) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  const pick = <T>(from: readonly T[]) => from[upTo(from.length)] as T;
  return { clock, model: openModel(), pick, upTo, running, next: 0 };
}

/** One command. `restart`: in place of a stop and a start. */
export async function step(world: World, restart: (world: World) => Promise<void>): Promise<void> {
  const command = world.upTo(100);
  if (command < 60) await record(world);
  else if (command < 75) await reserve(world);
  else if (command < 85) await end(world);
  else if (command < 98) await advance(world);
  else await restart(world);
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

/** A command that was answered, to be sent again. */
export interface Recorded {
  readonly used: Used;
  readonly enforceQuota: boolean;
  readonly outcome: string;
}

export async function record(world: World): Promise<Recorded> {
  const { model, pick, upTo, clock } = world;
  const orgId = pick(ORGS);
  const known = model.events(orgId);
  const again = upTo(8) === 0 && known.length > 0 ? pick(known) : undefined;
  const used = again ?? usage(world, orgId, `e${world.next++}`);
  const enforceQuota = upTo(2) > 0;
  const expected = model.outcome(used, clock.wallMs(), enforceQuota);
  const outcome = await send(world, used, enforceQuota);
  expect([used, outcome]).toEqual([used, expected]);
  if (outcome === 'RECORDED') model.add(used);
  return { used, enforceQuota, outcome };
}

/** After a crash in the middle of it: it was recorded then, or is now, and in either case once. */
export async function recordAgain(world: World, before: Recorded): Promise<void> {
  const { used, enforceQuota, outcome } = before;
  const now = await send(world, used, enforceQuota);
  const possible = outcome === 'RECORDED' ? ['RECORDED', 'DUPLICATE'] : [outcome];
  expect(possible, `${used.eventId}, sent again`).toContain(now);
}

async function send({ running }: World, used: Used, enforceQuota: boolean): Promise<string> {
  return ask(running, 'record', { event: sent(used), enforceQuota }).then(
    (reply) => nameIn(Outcome, reply.outcome),
    async (error: Error) => (await refused(Promise.reject(error))).reason,
  );
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
export async function compare({ model, clock, running }: World): Promise<void> {
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
