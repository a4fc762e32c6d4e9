// What a change of plans and rules keeps: usage is counted by meter, match, scope and window, not by
// rule or plan.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { present } from '../../src/base/assert.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, iso, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const PLANS = `
    - id: free
      quotas: [{key: free-tokens, meter: tokens, limit: 100}]
    - id: team
      quotas: [{key: team-tokens, meter: tokens, limit: 500}]
    - id: daily
      quotas: [{key: daily-tokens, meter: tokens, limit: 80, window: CALENDAR_DAY}]`;
const onPlan = (plan: string) =>
  catalogueYaml({ plans: PLANS, organizations: `[{id: o, plan: ${plan}}]` });
const rules = (...given: string[]) => catalogueYaml({ plans: freePlan(...given) });

const record = (running: Running, given: GivenEvent) =>
  ask(running, 'record', { event: event({ orgId: 'o', ...given }) });

async function check(running: Running, given: GivenEvent = {}) {
  const { meter = 'tokens', orgId = 'o', ...rest } = given;
  const reply = await ask(running, 'checkQuota', { orgId, items: [item(meter, rest)] });
  const [quota] = reply.quotas;
  return {
    key: quota?.quotaKey,
    used: quota?.used,
    reserved: quota?.reserved,
    limit: quota?.limit,
    since: iso(quota?.countingSince),
    allowed: reply.allowed,
    plan: reply.plan,
  };
}

describe('a change of plan keeps what was used', () => {
  test('up, across to another window, and down again', async () => {
    const clock = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml: onPlan('free'), clock });
    await record(running, { quantity: '20', at: '2026-11-19T12:00:00Z' });
    await record(running, { quantity: '75' });
    const steps = [
      ['team', 'team-tokens', '95', '500', true],
      ['daily', 'daily-tokens', '75', '80', true],
      ['free', 'free-tokens', '95', '100', true],
    ] as const;
    for (const [plan, key, used, limit, allowed] of steps) {
      running = await running.restart({ yaml: onPlan(plan) });
      expect(await check(running)).toMatchObject({ plan, key, used, limit, allowed });
      expect((await check(running)).since).toBeUndefined();
    }
    await record(running, { quantity: '100' });
    running = await running.restart({ yaml: onPlan('team') });
    expect(await check(running)).toMatchObject({ used: '195', allowed: true });
    running = await running.restart({ yaml: onPlan('free') });
    expect(await check(running)).toMatchObject({ used: '195', allowed: false });
    await running.stop();
  });

  test('a lower limit on the same rule', async () => {
    let running = await start({ yaml: rules('{key: r, meter: tokens, limit: 100}') });
    await record(running, { quantity: '60' });
    running = await running.restart({ yaml: rules('{key: s, meter: tokens, limit: 50}') });
    expect(await check(running)).toMatchObject({ key: 's', used: '60', allowed: false });
    await running.stop();
  });
});

describe('a rule on what was not counted before', () => {
  type Row = readonly [
    what: string,
    rule: string,
    events: readonly GivenEvent[],
    asked: GivenEvent,
    used: string,
  ];
  const A = { model: 'a' };
  const ANSWERED: readonly Row[] = [
    [
      'a month of SUM',
      '{key: r, meter: tokens}',
      [
        { quantity: '3' },
        { quantity: '4', at: '2026-11-01T00:00:00Z' },
        { quantity: '9', at: '2026-10-31T23:59:59Z' },
      ],
      {},
      '7',
    ],
    [
      'an hour of SUM',
      '{key: r, meter: tokens, window: CALENDAR_HOUR}',
      [{ quantity: '3' }, { quantity: '9', at: '2026-11-20T11:59:59Z' }],
      {},
      '3',
    ],
    [
      'a lifetime of SUM',
      '{key: r, meter: tokens, window: LIFETIME}',
      [{ quantity: '3' }, { quantity: '9', at: '2026-10-20T00:00:00Z' }],
      {},
      '12',
    ],
    [
      'a match on a rollup key',
      '{key: r, meter: tokens, match: {model: a}}',
      [
        { quantity: '3', dimensions: A },
        { quantity: '9', dimensions: { model: 'b' } },
      ],
      { dimensions: A },
      '3',
    ],
    [
      'COUNT',
      '{key: r, meter: calls}',
      [{ meter: 'calls' }, { meter: 'calls' }],
      { meter: 'calls' },
      '2',
    ],
    [
      'MAX',
      '{key: r, meter: peak}',
      [
        { meter: 'peak', quantity: '7.5' },
        { meter: 'peak', quantity: '3' },
      ],
      { meter: 'peak' },
      '7.5',
    ],
    [
      'LAST, by sources',
      '{key: r, meter: seats, window: LIFETIME}',
      [
        { meter: 'seats', quantity: '7', dimensions: { team: 'a' } },
        { meter: 'seats', quantity: '2', dimensions: { team: 'b' } },
        { meter: 'seats', quantity: '3', dimensions: { team: 'a' } },
      ],
      { meter: 'seats' },
      '5',
    ],
    [
      'LAST, by a scope',
      '{key: r, meter: seats, window: LIFETIME, scope: [team]}',
      [
        { meter: 'seats', quantity: '7', dimensions: { team: 'a' } },
        { meter: 'seats', quantity: '2', dimensions: { team: 'b' } },
      ],
      { meter: 'seats', dimensions: { team: 'a' } },
      '7',
    ],
  ];
  describe('starts from the totals', () => {
    // One restart for all rows: an organisation and a rule for each.
    let running: Running | undefined;
    const now = () => present(running, 'the service');
    beforeAll(async () => {
      const clock = createTestClock('2026-11-20T12:30:00Z');
      const first = await start({ yaml: catalogueYaml(), clock });
      for (const [what, , events] of ANSWERED) {
        for (const given of events) await record(first, { ...given, orgId: orgOf(what) });
      }
      const yaml = rules(...ANSWERED.map(([what, rule]) => rule.replace('key: r', keyOf(what))));
      running = await first.restart({ yaml });
    });
    afterAll(() => now().stop());
    const orgOf = (what: string) => what.replace(/[^A-Za-z]/g, '-');
    const keyOf = (what: string) => `key: ${orgOf(what)}`;

    test.each(ANSWERED)('%s', async (what, _rule, _events, asked, used) => {
      const orgId = orgOf(what);
      const standing = async () => {
        const { meter = 'tokens', ...rest } = asked;
        const given = { orgId, items: [item(meter, rest)] };
        const { quotas } = await ask(now(), 'checkQuota', given);
        const own = quotas.find(({ quotaKey }) => quotaKey === orgId);
        return { used: own?.used, since: iso(own?.countingSince) };
      };
      expect(await standing()).toEqual({ used, since: undefined });
      await record(now(), { orgId, quantity: '1', ...asked });
      const { since } = await standing();
      expect(since).toBeUndefined();
    });
  });

  const UNANSWERED: readonly Row[] = [
    [
      'a match on another key',
      '{key: r, meter: tokens, match: {run: a}}',
      [{ quantity: '3', dimensions: { run: 'a' } }],
      { dimensions: { run: 'a' } },
      '0',
    ],
    [
      'a scope',
      '{key: r, meter: tokens, scope: [run]}',
      [{ quantity: '3', dimensions: { run: 'a' } }],
      { dimensions: { run: 'a' } },
      '0',
    ],
    [
      'UNIQUE',
      '{key: r, meter: users}',
      [{ meter: 'users', dimensions: { user: 'u' } }],
      { meter: 'users', dimensions: { user: 'v' } },
      '0',
    ],
  ];
  test.each(UNANSWERED)(
    '%s says since when it counts',
    async (_what, rule, events, asked, used) => {
      const clock = createTestClock('2026-11-20T12:00:00Z');
      let running = await start({ yaml: catalogueYaml(), clock });
      for (const given of events) await record(running, given);
      clock.advance(60_000);
      running = await running.restart({ yaml: rules(rule) });
      const since = '2026-11-20T12:01:00.000Z';
      expect(await check(running, asked)).toMatchObject({ used, since });
      await record(running, asked);
      clock.advance(86_400_000);
      running = await running.restart();
      expect(await check(running, asked)).toMatchObject({ used: '1', since });
      clock.setWall(Date.parse('2026-12-01T00:00:00Z'));
      expect(await check(running, asked)).toMatchObject({ used: '0', since: undefined });
      await running.stop();
    },
  );

  test('a first catalogue counts from the beginning', async () => {
    const running = await start({ yaml: rules('{key: r, meter: tokens, scope: [run]}') });
    await record(running, { quantity: '1', dimensions: { run: 'a' } });
    expect(await check(running, { dimensions: { run: 'a' } })).toMatchObject({
      used: '1',
      since: undefined,
    });
    await running.stop();
  });

  test('a rule that was gone for a while starts from the totals', async () => {
    const withRule = rules('{key: r, meter: tokens, limit: 100}');
    let running = await start({ yaml: withRule, clock: createTestClock() });
    await record(running, { quantity: '10' });
    running = await running.restart({ yaml: catalogueYaml() });
    await record(running, { quantity: '85' });
    running = await running.restart({ yaml: withRule });
    expect(await check(running)).toMatchObject({ used: '95', since: undefined });
    await running.stop();
  });

  test('nor does the window before forget what came while a rule was gone', async () => {
    const withRule = rules('{key: r, meter: tokens, limit: 10, window: CALENDAR_DAY}');
    const clock = createTestClock('2026-11-20T12:00:00Z');
    let running = await start({ yaml: withRule, clock });
    await record(running, { quantity: '5' });
    running = await running.restart({ yaml: catalogueYaml() });
    await record(running, { quantity: '4' });
    running = await running.restart({ yaml: withRule });
    clock.advance(86_400_000);
    const yesterday = { quantity: '2', at: '2026-11-20T13:00:00Z' };
    const enforced = async () => {
      const given = event({ orgId: 'o', ...yesterday });
      const { outcome } = await ask(running, 'record', { event: given, enforceQuota: true });
      return nameIn(Outcome, outcome);
    };
    const before = await enforced();
    await record(running, { quantity: '1' });
    const after = await enforced();
    await running.stop();
    expect([before, after]).toEqual(['DENIED', 'DENIED']);
  });

  test('an override like another organisation’s starts from the totals', async () => {
    const override = (id: string) =>
      `{id: ${id}, quota_overrides: [{key: d, meter: tokens, limit: 9, window: CALENDAR_DAY}]}`;
    const clock = createTestClock();
    let running = await start({
      yaml: catalogueYaml({ organizations: `[${override('p')}]` }),
      clock,
    });
    await record(running, { quantity: '50' });
    const both = catalogueYaml({ organizations: `[${override('p')}, ${override('o')}]` });
    running = await running.restart({ yaml: both });
    expect(await check(running)).toMatchObject({ used: '50', allowed: false });
    await running.stop();
  });

  test('what was reported ahead of its time is in a rule that came before the window', async () => {
    const clock = createTestClock('2026-11-20T11:58:00Z');
    let running = await start({ yaml: catalogueYaml(), clock });
    await record(running, { quantity: '7', at: '2026-11-20T12:01:00Z' });
    running = await running.restart({
      yaml: rules('{key: r, meter: tokens, window: CALENDAR_HOUR}'),
    });
    clock.advance(4 * 60_000);
    expect(await check(running)).toMatchObject({ used: '7' });
    await running.stop();
  });

  test('an open hold counts in the rules of the new plan', async () => {
    const clock = createTestClock();
    let running = await start({ yaml: onPlan('free'), clock });
    const held = item('tokens', { quantity: '50' });
    await ask(running, 'reserve', { orgId: 'o', reservationId: 'r', items: [held] });
    running = await running.restart({ yaml: onPlan('daily') });
    expect(await check(running)).toMatchObject({ key: 'daily-tokens', reserved: '50' });
    await running.stop();
  });

  test('an open hold counts in a rule that comes after it', async () => {
    let running = await start({ yaml: catalogueYaml(), clock: createTestClock() });
    const held = item('tokens', { quantity: '50' });
    await ask(running, 'reserve', { orgId: 'o', reservationId: 'r', items: [held] });
    running = await running.restart({ yaml: rules('{key: r, meter: tokens, limit: 60}') });
    const found = await check(running);
    await running.stop();
    expect(found).toMatchObject({ used: '0', reserved: '50' });
  });

  test('a match on what overflowed the label sets says since when it counts', async () => {
    const clock = createTestClock('2026-11-20T12:00:00Z');
    const meters = `
    - {key: tokens, unit: t, scale: 0, aggregation: SUM, rollup_keys: [model], label_sets_max: 1}`;
    let running = await start({ yaml: catalogueYaml({ meters }), clock });
    for (const model of ['a', 'b']) await record(running, { quantity: '5', dimensions: { model } });
    clock.advance(60_000);
    const rule = '{key: r, meter: tokens, match: {model: b}}';
    running = await running.restart({ yaml: catalogueYaml({ meters, plans: freePlan(rule) }) });
    const found = await check(running, { dimensions: { model: 'b' } });
    await running.stop();
    expect(found).toMatchObject({ used: '0', since: '2026-11-20T12:01:00.000Z' });
  });
});

describe('the record of an unlimited plan', () => {
  test('counts for the plan that comes after it', async () => {
    const both = `
    - {id: free, quotas: [{key: r, meter: tokens, limit: 100}]}
    - {id: endless, quotas: []}`;
    const plan = (id: string) =>
      catalogueYaml({ plans: both, organizations: `[{id: o, plan: ${id}}]` });
    let running = await start({ yaml: plan('endless'), clock: createTestClock() });
    const reply = await record(running, { quantity: '150' });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    expect(reply.quotas).toEqual([]);
    running = await running.restart({ yaml: plan('free') });
    expect(await check(running)).toMatchObject({ used: '150', allowed: false });
    await running.stop();
  });
});
