// Which rules apply, which of them decides, and what each mode means.

import { describe, expect, test } from 'vitest';
import {
  QuotaMode,
  QuotaSource,
  type QuotaStatus,
  Reason,
} from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, item, labels, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const yaml = catalogueYaml({
  plans: `
    - id: free
      quotas:
        - {key: tokens, meter: tokens, limit: 100}
        - {key: model-x, meter: tokens, match: {model: x}, limit: 10}
        - {key: per-run, meter: tokens, scope: [run], limit: 50, window: LIFETIME}
    - id: team
      quotas:
        - {key: tokens, meter: tokens, limit: 500}
        - {key: calls, meter: calls, limit: 9}
    - id: mild
      quotas:
        - {key: soft, meter: tokens, limit: 10, mode: SOFT}
        - {key: shadow, meter: tokens, limit: 5, mode: SHADOW, window: CALENDAR_DAY}
        - {key: hard, meter: tokens, limit: 20, window: CALENDAR_YEAR}
    - id: dark
      quotas:
        - {key: shadow, meter: tokens, limit: 5, mode: SHADOW}
    - id: many
      quotas:
        - {key: hour, meter: tokens, limit: 10, window: CALENDAR_HOUR}
        - {key: day, meter: tokens, limit: 10, window: CALENDAR_DAY}
        - {key: year, meter: tokens, limit: 20, window: CALENDAR_YEAR}
        - {key: other, meter: tokens, limit: 30, mode: SOFT, window: CALENDAR_MONTH}
    - id: endless
      quotas:
        - {key: day, meter: tokens, limit: 10, window: CALENDAR_DAY}
        - {key: ever, meter: tokens, limit: 10, window: LIFETIME}`,
  default_quotas: `
    - {key: default-calls, meter: calls, limit: 3}
    - {key: default-peak, meter: peak, limit: 7}`,
  organizations: `
    - {id: team-1, plan: team}
    - {id: team-2, plan: team}
    - {id: mild-1, plan: mild}
    - {id: mild-2, plan: mild}
    - {id: mild-3, plan: mild}
    - {id: dark-1, plan: dark}
    - {id: many-1, plan: many}
    - {id: many-2, plan: many}
    - {id: many-3, plan: many}
    - {id: endless-1, plan: endless}
    - id: over-1
      plan: team
      quota_overrides: [{key: own, meter: tokens, limit: 3}]
    - id: over-2
      plan: team
      quota_overrides:
        - {key: own, meter: tokens, limit: 3, window: CALENDAR_DAY, replaces: tokens}
    - id: over-3
      plan: team
      quota_overrides: [{key: own, meter: tokens, limit: 3, window: CALENDAR_DAY}]
    - id: over-4
      plan: team
      quota_overrides:
        - {key: own, meter: tokens, limit: 3, expires: '2026-11-20T13:00:00Z'}
    - id: over-5
      plan: team
      quota_overrides:
        - {key: day, meter: tokens, limit: 3, window: CALENDAR_DAY, replaces: tokens,
           expires: '2026-11-20T13:00:00Z'}
    - id: over-6
      plan: team
      quota_overrides: [{key: lifted, meter: tokens}]
    - id: over-7
      quota_overrides: [{key: none, meter: calls, limit: 0}]`,
});
const { now, org } = sharedService({ yaml, clock });

async function record(given: GivenEvent, enforceQuota = false, running: Running = now()) {
  const reply = await ask(running, 'record', { event: event(given), enforceQuota });
  const { quotas } = reply;
  return { outcome: nameIn(Outcome, reply.outcome), reason: nameIn(Reason, reply.reason), quotas };
}

async function check(orgId: string, given: GivenEvent = {}, running: Running = now()) {
  const { meter = 'tokens', ...rest } = given;
  const reply = await ask(running, 'checkQuota', { orgId, items: [item(meter, rest)] });
  return { ...reply, reason: nameIn(Reason, reply.reason) };
}

const keysOf = (quotas: readonly QuotaStatus[]) => quotas.map(({ quotaKey }) => quotaKey);
const sourceOf = (status: QuotaStatus | undefined) => nameIn(QuotaSource, status?.source ?? 0);

describe('precedence: override, plan, default, none', () => {
  const ROWS: readonly (readonly [what: string, orgId: string, meter: string, string[], string])[] =
    [
      ['a plan beats the default', 'team-1', 'calls', ['calls 9'], 'PLAN'],
      ['a default fills in', 'team-1', 'peak', ['default-peak 7'], 'DEFAULT'],
      ['an override of the same window beats the plan', 'over-1', 'tokens', ['own 3'], 'OVERRIDE'],
      [
        'an override that replaces may have another window',
        'over-2',
        'tokens',
        ['own 3'],
        'OVERRIDE',
      ],
      [
        'an override of another window stands beside it',
        'over-3',
        'tokens',
        ['own 3', 'tokens 500'],
        'OVERRIDE',
      ],
      ['an override without a limit lifts it', 'over-6', 'tokens', ['lifted'], 'OVERRIDE'],
      ['an override beats the default', 'over-7', 'calls', ['none 0'], 'OVERRIDE'],
      ['no rule at all', 'team-1', 'seats', [], 'UNSPECIFIED'],
    ];
  test.each(ROWS)('%s', async (_what, orgId, meter, rules, source) => {
    const { quotas } = await check(orgId, { meter });
    const shown = quotas.map(({ quotaKey, limit }) => [quotaKey, limit].filter(Boolean).join(' '));
    expect(shown).toEqual(rules);
    expect(sourceOf(quotas[0])).toBe(source);
  });

  test('an override ends at its time, and the plan holds from then on', async () => {
    const own = createTestClock('2026-11-20T12:59:59.999Z');
    const running = await start({ yaml, clock: own });
    expect(keysOf((await check('over-4', {}, running)).quotas)).toEqual(['own']);
    expect(keysOf((await check('over-5', {}, running)).quotas)).toEqual(['day']);
    await record({ orgId: 'over-4', quantity: '3' }, true, running);
    await record({ orgId: 'over-5', quantity: '3' }, true, running);
    expect((await check('over-4', {}, running)).allowed).toBe(false);
    own.advance(1);
    for (const orgId of ['over-4', 'over-5']) {
      const { quotas, allowed } = await check(orgId, {}, running);
      expect([allowed, keysOf(quotas), quotas[0]?.used, quotas[0]?.limit]).toEqual([
        true,
        ['tokens'],
        '3',
        '500',
      ]);
    }
    await running.stop();
  });
});

describe('match and scope', () => {
  test('a rule with a match counts only what it matches', async () => {
    const orgId = org();
    await record({ orgId, quantity: '9', dimensions: { model: 'y' } });
    await record({ orgId, quantity: '9', dimensions: { model: 'x', tool: 't' } });
    const { quotas } = await check(orgId, { dimensions: { model: 'x' } });
    const used = new Map(quotas.map((quota) => [quota.quotaKey, quota.used]));
    expect(used).toEqual(
      new Map([
        ['model-x', '9'],
        ['tokens', '18'],
        ['per-run', '18'],
      ]),
    );
    expect(keysOf((await check(orgId, { dimensions: { model: 'y' } })).quotas)).toEqual([
      'per-run',
      'tokens',
    ]);
    expect((await record({ orgId, quantity: '2', dimensions: { model: 'x' } }, true)).outcome).toBe(
      'DENIED',
    );
    expect((await record({ orgId, quantity: '2', dimensions: { model: 'y' } }, true)).outcome).toBe(
      'RECORDED',
    );
  });

  test('each value of a scope has a counter of its own; a missing key counts as empty', async () => {
    const orgId = org();
    const runs: readonly (readonly [given: GivenEvent['dimensions'], used: string])[] = [
      [{ run: 'a' }, '30'],
      [{ run: 'b' }, '20'],
      [{}, '5'],
      [{ run: '' }, '10'],
    ];
    for (const [dimensions, used] of runs) {
      const quantity = used === '10' ? '5' : used;
      const { quotas } = await record({ orgId, quantity, dimensions: dimensions ?? {} });
      const status = quotas.find(({ quotaKey }) => quotaKey === 'per-run');
      const run = labels(dimensions).get('run') ?? '';
      expect(status).toMatchObject({ used, scope: new Map([['run', run]]) });
    }
    const denied = await record({ orgId, quantity: '21', dimensions: { run: 'a' } }, true);
    expect(denied.outcome).toBe('DENIED');
    expect(denied.quotas[0]).toMatchObject({ quotaKey: 'per-run', used: '30', limit: '50' });
    const other = await record({ orgId, quantity: '21', dimensions: { run: 'b' } }, true);
    expect(other.outcome).toBe('RECORDED');
  });

  test('a scope value may look like anything', async () => {
    const orgId = org();
    const VALUES = ['__proto__', 'a b', 'a=b', '値', '"', '\\', '/', '%00', 'x'.repeat(256)];
    for (const run of VALUES) {
      const { quotas } = await record({ orgId, quantity: '1', dimensions: { run } });
      const status = quotas.find(({ quotaKey }) => quotaKey === 'per-run');
      expect(status).toMatchObject({ used: '1', scope: new Map([['run', run]]) });
    }
  });
});

describe('modes', () => {
  test('SOFT allows and says so, SHADOW allows and says nothing, HARD denies', async () => {
    const steps: readonly (readonly [quantity: string, string, string, key: string])[] = [
      ['6', 'RECORDED', 'WITHIN_LIMIT', 'soft'],
      ['5', 'RECORDED', 'SOFT_LIMIT_EXCEEDED', 'soft'],
      ['9', 'RECORDED', 'SOFT_LIMIT_EXCEEDED', 'soft'],
      ['1', 'DENIED', 'HARD_LIMIT_EXCEEDED', 'hard'],
    ];
    for (const [quantity, outcome, reason, key] of steps) {
      const reply = await record({ orgId: 'mild-1', quantity }, true);
      expect([reply.outcome, reply.reason, reply.quotas[0]?.quotaKey]).toEqual([
        outcome,
        reason,
        key,
      ]);
      expect(reply.quotas.map(({ mode }) => nameIn(QuotaMode, mode)).toSorted()).toEqual([
        'HARD',
        'SHADOW',
        'SOFT',
      ]);
    }
  });

  test('CheckQuota and Reserve go on past a SOFT rule', async () => {
    await record({ orgId: 'mild-2', quantity: '10' });
    const checked = await check('mild-2', { quantity: '1' });
    expect([checked.allowed, checked.reason]).toEqual([true, 'SOFT_LIMIT_EXCEEDED']);
    const hold = { orgId: 'mild-2', reservationId: 'r', items: [item('tokens')] };
    const reserved = await ask(now(), 'reserve', hold);
    expect([reserved.granted, nameIn(Reason, reserved.reason)]).toEqual([
      true,
      'SOFT_LIMIT_EXCEEDED',
    ]);
  });

  test('SHADOW counts who would have been denied', async () => {
    const { metrics } = now().core;
    const before = metrics.shadowDenials.value();
    expect((await record({ orgId: 'dark-1', quantity: '5' }, true)).outcome).toBe('RECORDED');
    expect(metrics.shadowDenials.value()).toBe(before);
    const over = await record({ orgId: 'dark-1', quantity: '1' }, true);
    expect([over.outcome, over.reason]).toEqual(['RECORDED', 'UNLIMITED']);
    expect(metrics.shadowDenials.value()).toBe(before + 1);
    expect(over.quotas[0]).toMatchObject({ quotaKey: 'shadow', used: '6', remaining: '0' });
  });
});

describe('the deciding rule stands first', () => {
  test('of failing HARD rules the one with the latest reset', async () => {
    await record({ orgId: 'many-1', quantity: '10' });
    const { quotas, reason } = await check('many-1', { quantity: '11' });
    expect([reason, keysOf(quotas)[0]]).toEqual(['HARD_LIMIT_EXCEEDED', 'year']);
    const some = await check('many-1', { quantity: '1' });
    expect([some.reason, keysOf(some.quotas)[0]]).toEqual(['HARD_LIMIT_EXCEEDED', 'day']);
    expect(some.quotas).toHaveLength(4);
  });

  test('one that never resets is the latest of all', async () => {
    await record({ orgId: 'endless-1', quantity: '10' });
    expect(keysOf((await check('endless-1')).quotas)).toEqual(['ever', 'day']);
  });

  test('else the one with the least remaining', async () => {
    const { quotas, reason } = await check('many-2', { quantity: '1' });
    expect([reason, keysOf(quotas)[0]]).toEqual(['WITHIN_LIMIT', 'hour']);
  });
});

describe('thresholds', () => {
  test('are those that `used` has reached', async () => {
    const own = await start({
      clock: createTestClock(),
      yaml: catalogueYaml({
        plans: freePlan('{key: t, meter: tokens, limit: 200, thresholds: [100, 50, 80]}'),
      }),
    });
    const steps: readonly (readonly [string, number[]])[] = [
      ['99', []],
      ['1', [50]],
      ['59', [50]],
      ['1', [50, 80]],
      ['39', [50, 80]],
      ['1', [50, 80, 100]],
      ['50', [50, 80, 100]],
    ];
    for (const [quantity, crossed] of steps) {
      const { quotas } = await record({ orgId: 'o', quantity }, false, own);
      expect(quotas[0]?.thresholdsCrossed).toEqual(crossed);
    }
    await own.stop();
  });

  test('are raised once in each window and for each limit, on every way in', async () => {
    const own = createTestClock('2026-11-20T23:00:00Z');
    const of = (limit: number) =>
      catalogueYaml({
        plans: freePlan(`{key: t, meter: tokens, limit: ${limit}, window: CALENDAR_DAY}`),
      });
    let running = await start({ clock: own, yaml: of(100) });
    let before = 0;
    const raised = () => {
      const now = running.core.metrics.thresholds.value();
      const count = now - before;
      before = now;
      return count;
    };
    const use = (quantity: string) => record({ orgId: 'o', quantity }, false, running);
    await use('79');
    expect(raised()).toBe(0);
    await use('1');
    expect(raised()).toBe(1);
    await use('10');
    expect(raised()).toBe(0);
    running = await running.restart();
    before = 0;
    await use('20');
    expect(raised()).toBe(1);
    own.advance(3_600_000);
    const events = ['79', '2', '15'].map((quantity) => event({ orgId: 'o', quantity }));
    await ask(running, 'recordBatch', { events });
    expect(raised()).toBe(2);
    running = await running.restart({ yaml: of(101) });
    before = 0;
    await use('1');
    expect(raised()).toBe(2);
    own.advance(86_400_000);
    const hold = { orgId: 'o', reservationId: 'r' };
    await ask(running, 'reserve', { ...hold, items: [item('tokens', { quantity: '100' })] });
    expect(raised()).toBe(0);
    const settled = ['50', '50'].map((quantity) => event({ quantity }));
    await ask(running, 'settle', { ...hold, events: settled });
    expect(raised()).toBe(2);
    await running.stop();
  });

  test('of a limit of 0 are crossed by the first quantum', async () => {
    const none = await check('over-7', { meter: 'calls' });
    expect(none.quotas[0]?.thresholdsCrossed).toEqual([]);
    const { quotas } = await record({ orgId: 'over-7', meter: 'calls' });
    expect(quotas[0]?.thresholdsCrossed).toEqual([80, 95]);
  });
});
