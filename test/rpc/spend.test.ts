// Budgets: quotas on the meter `spend`, which every event feeds with its marginal price.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold } from '../support/cold.js';
import { moveOn } from '../support/move-on.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}
    - {key: seats, unit: seat, scale: 0, aggregation: LAST, source_keys: [team]}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: user}
    - {key: notes, unit: note, scale: 0, aggregation: COUNT}
    - {key: dust, unit: grain, scale: 0, aggregation: SUM}
    - {key: jobs, unit: job, scale: 0, aggregation: SUM}`,
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.10}
        - {meter: seats, unit_price: 2}
        - {meter: users, unit_price: 0.25, included: 1}
        - {meter: dust, unit_price: 0.0000000005}
        - {meter: jobs, kind: graduated, tiers: [{up_to: 10, unit_price: 0.05},
           {up_to: null, unit_price: 0.01}]}`,
  plans: `
    - id: free
      quotas:
        - {key: budget, meter: spend, limit: 1}
        - {key: each, meter: spend, limit: 0.80, scope: [user]}
        - {key: jobs-budget, meter: spend, limit: 0.62, match: {meter: jobs}}`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent, enforceQuota = true, running = now()) =>
  ask(running, 'record', { event: event(given), enforceQuota });

async function spentBy(orgId: string, running = now()): Promise<Record<string, string>> {
  const { rows } = await ask(running, 'getUsage', { orgId, meters: ['spend'], groupBy: ['meter'] });
  return Object.fromEntries(rows.map((row) => [row.dimensions.get('meter'), row.quantity]));
}

async function budgetOf(orgId: string, running = now()) {
  const { quotas } = await ask(running, 'checkQuota', { orgId, items: [item('spend')] });
  const own = quotas.find(({ quotaKey }) => quotaKey === 'budget');
  return [own?.used, own?.reserved, own?.remaining];
}

describe('a budget', () => {
  test('is enforced to the last cent', async () => {
    const orgId = org();
    for (const user of ['a', 'b', 'c']) {
      const reply = await record({ orgId, quantity: '3', dimensions: { user } });
      expect(reply.outcome).toBe(Outcome.OUTCOME_RECORDED);
      expect(reply.estimatedAmount).toBe('0.3');
    }
    const denied = await record({ orgId, quantity: '2', dimensions: { user: 'd' } });
    expect(denied.outcome).toBe(Outcome.OUTCOME_DENIED);
    expect(denied.message).toBe(
      'quota "budget": used 0.9, reserved 0, requested 0.2 of 1 in CALENDAR_MONTH',
    );
    const last = await record({ orgId, quantity: '1', dimensions: { user: 'd' } });
    expect(last.outcome).toBe(Outcome.OUTCOME_RECORDED);
    expect(last.quotas.map(({ quotaKey, meter, used }) => [quotaKey, meter, used])).toEqual([
      ['budget', 'spend', '1'],
      ['each', 'spend', '0.1'],
    ]);
    expect((await record({ orgId, quantity: '1' })).outcome).toBe(Outcome.OUTCOME_DENIED);
  });

  test('lets through what costs nothing', async () => {
    const orgId = org();
    await record({ orgId, quantity: '15' }, false);
    expect((await record({ orgId, quantity: '1' })).outcome).toBe(Outcome.OUTCOME_DENIED);
    expect((await record({ orgId, meter: 'notes' })).outcome).toBe(Outcome.OUTCOME_RECORDED);
    expect(await budgetOf(orgId)).toEqual(['1.5', '0', '0']);
  });

  test('of each user is its own', async () => {
    const orgId = org();
    const by = (user: string, quantity: string) =>
      record({ orgId, quantity, dimensions: { user } });
    expect((await by('a', '8')).outcome).toBe(Outcome.OUTCOME_RECORDED);
    expect((await by('a', '1')).outcome).toBe(Outcome.OUTCOME_DENIED);
    expect((await by('b', '2')).outcome).toBe(Outcome.OUTCOME_RECORDED);
  });

  test('may be for one meter, and follows its tiers', async () => {
    const orgId = org();
    const amounts: string[] = [];
    for (let i = 0; i < 12; i++) {
      const reply = await record({ orgId, meter: 'jobs', dimensions: { user: `${i}` } });
      expect(reply.outcome).toBe(Outcome.OUTCOME_RECORDED);
      expect(reply.quotas.map(({ quotaKey }) => quotaKey)).toContain('jobs-budget');
      amounts.push(reply.estimatedAmount);
    }
    expect(amounts).toEqual([...Array(10).fill('0.05'), '0.01', '0.01']);
    expect(await spentBy(orgId)).toEqual({ jobs: '0.52' });
    const more = await record({ orgId, meter: 'jobs', quantity: '11', dimensions: { user: 'z' } });
    expect(more.outcome).toBe(Outcome.OUTCOME_DENIED);
    expect(more.quotas[0]?.quotaKey).toBe('jobs-budget');
  });

  test('counts what others pay for: new values beyond what is included, changes of a level', async () => {
    const orgId = org();
    const user = (name: string) =>
      record({ orgId, meter: 'users', dimensions: { user: name } }, false);
    const amounts = [];
    for (const name of ['a', 'b', 'b', 'c']) amounts.push((await user(name)).estimatedAmount);
    expect(amounts).toEqual(['0', '0.25', '0', '0.25']);
    const seats = (quantity: string) => record({ orgId, meter: 'seats', quantity }, false);
    expect((await seats('3')).estimatedAmount).toBe('6');
    expect((await seats('1')).estimatedAmount).toBe('-4');
    expect(await spentBy(orgId)).toEqual({ users: '0.5', seats: '2' });
    expect(await budgetOf(orgId)).toEqual(['2.5', '0', '0']);
  });

  test('rounds each event half-even to 9 decimals', async () => {
    const orgId = org();
    for (const quantity of ['1', '3', '5']) await record({ orgId, meter: 'dust', quantity });
    // 0.5, 1.5 and 2.5 thousand-millionths.
    expect(await spentBy(orgId)).toEqual({ dust: '0.000000004' });
  });

  test('is counted over a batch whose events see each other', async () => {
    const orgId = org();
    const events = ['a', 'b', 'c'].map((user) => {
      return event({ orgId, eventId: user, quantity: '4', dimensions: { user } });
    });
    const given = { orgId, events, atomic: true, enforceQuota: true };
    const before = lastSequence();
    const { results } = await ask(now(), 'recordBatch', given);
    expect(results.map(({ outcome }) => outcome)).toEqual([
      Outcome.OUTCOME_NOT_APPLIED,
      Outcome.OUTCOME_NOT_APPLIED,
      Outcome.OUTCOME_DENIED,
    ]);
    expect(lastSequence()).toBe(before);
    const two = await ask(now(), 'recordBatch', { ...given, events: events.slice(0, 2) });
    expect(two.results.map(({ outcome }) => outcome)).toEqual([
      Outcome.OUTCOME_RECORDED,
      Outcome.OUTCOME_RECORDED,
    ]);
    expect(await budgetOf(orgId)).toEqual(['0.8', '0', '0.2']);
  });

  test('raises its thresholds once', async () => {
    const orgId = org();
    const crossed = [];
    for (const user of ['a', 'b', 'c']) {
      const reply = await record({ orgId, quantity: '3', dimensions: { user } });
      const own = reply.quotas.find(({ quotaKey }) => quotaKey === 'budget');
      crossed.push(own?.thresholdsCrossed);
    }
    expect(crossed).toEqual([[], [], [80]]);
  });

  test('is exact for many at once', async () => {
    const orgId = org();
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const given = { orgId, quantity: '1', dimensions: { user: `${i}` } };
        return (await record(given)).outcome;
      }),
    );
    const recorded = outcomes.filter((outcome) => outcome === Outcome.OUTCOME_RECORDED);
    expect(recorded).toHaveLength(10);
    expect(await budgetOf(orgId)).toEqual(['1', '0', '0']);
  });
});

describe('a reservation', () => {
  test('holds what its items cost, until it is settled', async () => {
    const orgId = org();
    const items = [item('tokens', { quantity: '6' }), item('jobs', { quantity: '4' })];
    const held = await ask(now(), 'reserve', { orgId, reservationId: 'r', items });
    expect(held.granted).toBe(true);
    expect(held.items.map(({ meter, quantity }) => [meter, quantity])).toEqual([
      ['tokens', '6'],
      ['jobs', '4'],
      ['spend', '0.6'],
      ['spend', '0.2'],
    ]);
    expect(await budgetOf(orgId)).toEqual(['0', '0.8', '0.2']);
    const more = await ask(now(), 'reserve', {
      orgId,
      reservationId: 's',
      items: [item('tokens', { quantity: '3' })],
    });
    expect(more.granted).toBe(false);
    const again = await ask(now(), 'reserve', { orgId, reservationId: 'r', items });
    expect(again.granted).toBe(true);
    const events = [event({ eventId: 'done', quantity: '2' })];
    await ask(now(), 'settle', { orgId, reservationId: 'r', events });
    expect(await budgetOf(orgId)).toEqual(['0.2', '0', '0.8']);
  });

  test('may hold money itself', async () => {
    const orgId = org();
    const items = [item('spend', { quantity: '0.75' })];
    const { granted } = await ask(now(), 'reserve', { orgId, reservationId: 'r', items });
    expect(granted).toBe(true);
    const ten = { orgId, items: [item('tokens', { quantity: '3' })] };
    expect((await ask(now(), 'checkQuota', ten)).allowed).toBe(false);
    await ask(now(), 'release', { orgId, reservationId: 'r' });
    expect((await ask(now(), 'checkQuota', ten)).allowed).toBe(true);
  });
});

test('CheckQuota adds up what all items cost, and shows every rule without items', async () => {
  const orgId = org();
  const one = item('tokens', { quantity: '6' });
  expect((await ask(now(), 'checkQuota', { orgId, items: [one] })).allowed).toBe(true);
  const both = await ask(now(), 'checkQuota', { orgId, items: [one, one] });
  expect(both.allowed).toBe(false);
  expect(both.quotas[0]).toMatchObject({ quotaKey: 'budget', projected: '1.2', limit: '1' });
  const { quotas } = await ask(now(), 'checkQuota', { orgId });
  expect(new Set(quotas.map(({ quotaKey }) => quotaKey))).toEqual(
    new Set(['budget', 'each', 'jobs-budget']),
  );
});

test('a voided event takes back what it spent, to the last decimal', async () => {
  const orgId = org();
  await record({ orgId, eventId: 'kept', meter: 'jobs', quantity: '9', dimensions: { user: 'a' } });
  await record({ orgId, eventId: 'gone', meter: 'jobs', quantity: '5', dimensions: { user: 'b' } });
  // One at 0.05, four at 0.01.
  expect(await spentBy(orgId)).toEqual({ jobs: '0.54' });
  const voided = { org_id: orgId, event_id: 'gone', reason: 'a test' };
  await cold(now(), 'Correction', 'VoidEvent', voided);
  expect(await spentBy(orgId)).toEqual({ jobs: '0.45' });
  expect(await budgetOf(orgId)).toEqual(['0.45', '0', '0.55']);
  const amended = {
    org_id: orgId,
    event_id: 'kept',
    reason: 'a test',
    replacement: { event_id: 'new', meter: 'tokens', quantity: '2', dimensions: { user: 'a' } },
  };
  await cold(now(), 'Correction', 'AmendEvent', amended);
  expect(await budgetOf(orgId)).toEqual(['0.2', '0', '0.8']);
  expect(await spentBy(orgId)).toEqual({ tokens: '0.2' });
});

describe('the meter spend', () => {
  test('takes no events of its own', async () => {
    const refusal = await refused(record({ orgId: org(), meter: 'spend', quantity: '1' }));
    expect(refusal).toMatchObject({ reason: 'FIELD_INVALID', fields: ['event.meter'] });
    expect(refusal.message).toContain('is kept by Tollgate');
  });

  test('is on no invoice', async () => {
    const orgId = org();
    await record({ orgId, quantity: '1' });
    const { invoice } = await ask(now(), 'getInvoice', { orgId });
    expect(invoice?.lines.map(({ meter }) => meter)).toEqual(['tokens']);
  });
});

describe('what was spent', () => {
  test('is the same after restarts, and when the state is built anew', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml, clock: own });
    const orgId = 'acme';
    for (let i = 0; i < 20; i++) {
      const given = { orgId, meter: i % 2 === 0 ? 'jobs' : 'tokens', dimensions: { user: 'a' } };
      await record({ ...given, quantity: '1' }, false, running);
    }
    const before = [await spentBy(orgId, running), await budgetOf(orgId, running)];
    expect(before).toEqual([{ jobs: '0.5', tokens: '1' }, ['1.5', '0', '0']]);
    running = await running.restart();
    expect([await spentBy(orgId, running), await budgetOf(orgId, running)]).toEqual(before);
    await running.service.close();
    rmSync(join(running.directory, 'state'), { recursive: true });
    running = await start({ yaml, clock: own, directory: running.directory });
    expect([await spentBy(orgId, running), await budgetOf(orgId, running)]).toEqual(before);
    const { estimatedAmount } = await record(
      { orgId, meter: 'jobs', quantity: '1' },
      false,
      running,
    );
    expect(estimatedAmount).toBe('0.01');
    await running.stop();
  });

  test('is known since a rule counts it', async () => {
    const own = createTestClock('2026-11-20T12:00:00Z');
    const without = catalogueYaml({
      price_lists: `
    - {id: usd, prices: [{meter: tokens, unit_price: 0.1}]}`,
    });
    let running = await start({ yaml: without, clock: own });
    await record({ orgId: 'acme', quantity: '4' }, false, running);
    await moveOn(running, own, 60_000);
    running = await running.restart({ yaml });
    const { quotas } = await record({ orgId: 'acme', quantity: '1' }, true, running);
    const budget = quotas.find(({ quotaKey }) => quotaKey === 'budget');
    expect(budget).toMatchObject({ used: '0.1', limit: '1' });
    expect(budget?.countingSince).toBeDefined();
    await running.stop();
  });
});
