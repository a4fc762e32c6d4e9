// allow ⇔ used + reserved + max(requested, 1 quantum) ≤ limit, on each of the three ways to ask.

import { describe, expect, test } from 'vitest';
import {
  QuotaMode,
  QuotaSource,
  QuotaWindow,
  Reason,
} from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, iso, item, nameIn } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const LIMITS = ['0', '1', '50', '100', '5000', '1099511627776'];
const plans = LIMITS.map(
  (limit) => `
    - id: l${limit}
      quotas:
        - {key: run_units, meter: run_units, limit: ${limit}}
        - {key: calls, meter: calls, limit: ${limit}}
        - {key: tokens, meter: tokens, limit: ${limit}}`,
);
/** Organisations `l100-1`, `l100-2`, … on the plan of their name. */
const numbers = Array.from({ length: 20 }, (_, i) => i + 1);
const ids = [...LIMITS.map((limit) => `l${limit}`), 'enterprise'].flatMap((plan) =>
  numbers.map((n) => `\n    - {id: ${plan}-${n}, plan: ${plan}}`),
);
const yaml = catalogueYaml({
  plans: `
    - {id: free}
    - id: enterprise
      quotas: [{key: run_units, meter: run_units}]${plans.join('')}`,
  organizations: ids.join(''),
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now } = sharedService({ yaml, clock });

const taken = new Map<string, number>();
function orgOn(plan: string): string {
  const number = (taken.get(plan) ?? 0) + 1;
  taken.set(plan, number);
  if (number > numbers.length) throw new Error(`no organisation is left on ${plan}`);
  return `${plan}-${number}`;
}

const use = (orgId: string, given: GivenEvent) =>
  ask(now(), 'record', { event: event({ orgId, meter: 'run_units', ...given }) });

/** The three ways to ask for the same, from the one that changes nothing on. */
async function askAll(orgId: string, meter: string, quantity: string | undefined) {
  const given = quantity === undefined ? {} : { quantity };
  const items = [item(meter, given)];
  const checked = await ask(now(), 'checkQuota', { orgId, items });
  const estimated = await ask(now(), 'estimateUsage', { orgId, items });
  const hold = { orgId, reservationId: 'probe' };
  const reserved = await ask(now(), 'reserve', { ...hold, items });
  if (reserved.granted) await ask(now(), 'release', hold);
  const recorded = await ask(now(), 'record', {
    event: event({ orgId, meter, quantity: quantity ?? '0.0001' }),
    enforceQuota: true,
  });
  const denied = nameIn(Outcome, recorded.outcome) === 'DENIED';
  return {
    checked,
    reserved,
    recorded,
    allowed: [checked.allowed, reserved.granted, !denied, !estimated.wouldExceed],
  };
}

type Boundary = readonly [
  plan: string,
  used: string,
  requested: string | undefined,
  allowed: boolean,
];
const BOUNDARIES: readonly Boundary[] = [
  ['l100', '99', undefined, true],
  ['l100', '99.9999', undefined, true],
  ['l100', '100', undefined, false],
  ['l100', '99.9999', '0.0001', true],
  ['l100', '99.9999', '0.0002', false],
  ['l100', '100', '0', false],
  ['l100', '99.9999', '0', true],
  ['l100', '0', '100', true],
  ['l100', '0', '100.0001', false],
  ['l100', '95', '10', false],
  ['l100', '99', '1', true],
  ['l5000', '4999', undefined, true],
  ['l5000', '5000', undefined, false],
  ['enterprise', '922337203685477.5807', undefined, true],
  ['enterprise', '0', '922337203685477.5807', true],
  ['l0', '0', undefined, false],
  ['l0', '0', '0', false],
  ['l1', '0', '1', true],
  ['l50', '55', '1', false],
  ['l1099511627776', '1099511627775', '1', true],
  ['l1099511627776', '1099511627775.5', '0.5001', false],
  ['l1099511627776', '1099511627776', undefined, false],
];

describe('CheckQuota, Reserve, enforced Record and EstimateUsage agree', () => {
  test.each(BOUNDARIES)('%s: used %s, asked for %s: %s', async (plan, used, asked, allowed) => {
    const orgId = orgOn(plan);
    if (used !== '0') await use(orgId, { quantity: used });
    const before = now().core.journal.lastSequence();
    const answer = await askAll(orgId, 'run_units', asked);
    expect(answer.allowed).toEqual(Array(4).fill(allowed));
    if (allowed) return;
    for (const reply of [answer.checked, answer.reserved, answer.recorded]) {
      expect(nameIn(Reason, reply.reason)).toBe('HARD_LIMIT_EXCEEDED');
      expect(reply.plan).toBe(plan);
    }
    expect(now().core.journal.lastSequence()).toBe(before);
  });

  test('limit 50, used 55, one more: projected 56', async () => {
    const orgId = orgOn('l50');
    await use(orgId, { quantity: '55' });
    const { checked, reserved, recorded } = await askAll(orgId, 'run_units', '1');
    for (const { quotas } of [checked, reserved, recorded]) {
      const [quota] = quotas;
      expect(quota).toMatchObject({
        quotaKey: 'run_units',
        meter: 'run_units',
        limit: '50',
        used: '55',
        reserved: '0',
        requested: '1',
        projected: '56',
        remaining: '0',
        scope: new Map(),
        thresholdsCrossed: [80, 95],
        countingSince: undefined,
        windowLength: undefined,
      });
      expect(nameIn(QuotaSource, quota?.source ?? 0)).toBe('PLAN');
      expect(nameIn(QuotaMode, quota?.mode ?? 0)).toBe('HARD');
      expect(nameIn(QuotaWindow, quota?.window ?? 0)).toBe('CALENDAR_MONTH');
      expect(iso(quota?.windowStart)).toBe('2026-11-01T00:00:00.000Z');
      expect(iso(quota?.resetTime)).toBe('2026-12-01T00:00:00.000Z');
    }
    expect(recorded.message).toContain('run_units');
  });

  test('unlimited is an absent limit and an absent remaining', async () => {
    const orgId = orgOn('enterprise');
    const { checked } = await askAll(orgId, 'run_units', '1');
    expect(checked.quotas[0]).toMatchObject({ limit: undefined, remaining: undefined, used: '0' });
    expect(nameIn(Reason, checked.reason)).toBe('UNLIMITED');
  });

  test('a meter without a rule is allowed and says so', async () => {
    const reply = await ask(now(), 'checkQuota', { orgId: 'anyone', items: [item('tokens')] });
    expect(reply).toMatchObject({ allowed: true, degraded: false, degradedAge: undefined });
    expect(nameIn(Reason, reply.reason)).toBe('QUOTA_NOT_CONFIGURED');
  });
});

describe('sums', () => {
  test('1000 events of 0.1 are exactly 100, and one quantum more is denied', async () => {
    const orgId = orgOn('l100');
    const events = Array.from({ length: 1000 }, (_, i) =>
      event({ eventId: `e${i}`, meter: 'run_units', quantity: '0.1' }),
    );
    const { results } = await ask(now(), 'recordBatch', { orgId, events, enforceQuota: true });
    expect(new Set(results.map(({ outcome }) => nameIn(Outcome, outcome)))).toEqual(
      new Set(['RECORDED']),
    );
    const answer = await askAll(orgId, 'run_units', undefined);
    expect(answer.allowed).toEqual(Array(4).fill(false));
    expect(answer.checked.quotas[0]).toMatchObject({ used: '100', remaining: '0' });
  });

  test('a plain Record is never refused and says where the quota stands', async () => {
    const orgId = orgOn('l100');
    const steps = [
      ['100', 'WITHIN_LIMIT', '100', '0'],
      ['0.0001', 'HARD_LIMIT_EXCEEDED', '100.0001', '0'],
    ] as const;
    for (const [quantity, reason, used, remaining] of steps) {
      const reply = await use(orgId, { quantity });
      expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
      expect(nameIn(Reason, reply.reason)).toBe(reason);
      expect(reply.quotas[0]).toMatchObject({
        used,
        remaining,
        requested: quantity,
        projected: used,
      });
    }
  });

  test('COUNT takes one for each event', async () => {
    const orgId = orgOn('l1');
    const outcomes: string[] = [];
    for (const quantity of ['1', '1']) {
      const given = event({ orgId, meter: 'calls', quantity });
      const reply = await ask(now(), 'record', { event: given, enforceQuota: true });
      outcomes.push(nameIn(Outcome, reply.outcome));
    }
    expect(outcomes).toEqual(['RECORDED', 'DENIED']);
  });

  test('a run asks for the units it gives', async () => {
    const orgId = orgOn('l1');
    const run = { cpuSeconds: 0.5 };
    const answers: string[] = [];
    for (let i = 0; i < 2; i++) {
      const given = event({ orgId, meter: 'run_units', run });
      const reply = await ask(now(), 'record', { event: given, enforceQuota: true });
      answers.push(`${nameIn(Outcome, reply.outcome)} ${reply.quantity}`);
    }
    expect(answers).toEqual(['RECORDED 0.6', 'DENIED 0.6']);
  });
});

describe('several items', () => {
  const both = (orgId: string, calls: number, units: string) => {
    const items = [
      ...Array.from({ length: calls }, () => item('calls')),
      item('run_units', { quantity: units }),
    ];
    return { orgId, items };
  };

  test.each([
    ['all fit', 1, '1', true],
    ['one does not', 1, '1.0001', false],
    ['two of one meter do not fit together', 2, '1', false],
  ])('%s', async (_what, calls, units, allowed) => {
    const orgId = orgOn('l1');
    const checked = await ask(now(), 'checkQuota', both(orgId, calls, units));
    expect(checked.allowed).toBe(allowed);
    const hold = { ...both(orgId, calls, units), reservationId: 'r' };
    expect((await ask(now(), 'reserve', hold)).granted).toBe(allowed);
    const alone = await ask(now(), 'checkQuota', { orgId, items: [item('calls')] });
    expect(alone.quotas[0]?.reserved).toBe(allowed ? '1' : '0');
  });

  test('items of one rule see what those before them ask for', async () => {
    const orgId = orgOn('l100');
    const items = ['60', '40', '0.0001'].map((quantity) => item('run_units', { quantity }));
    const fits = async (count: number) =>
      (await ask(now(), 'checkQuota', { orgId, items: items.slice(0, count) })).allowed;
    expect([await fits(1), await fits(2), await fits(3)]).toEqual([true, true, false]);
  });

  test('no items are every rule of the organisation, one quantum each', async () => {
    const orgId = orgOn('l1');
    const open = await ask(now(), 'checkQuota', { orgId });
    const requested = new Map(open.quotas.map(({ quotaKey, requested: r }) => [quotaKey, r]));
    expect(open.allowed).toBe(true);
    expect(requested).toEqual(
      new Map([
        ['run_units', '0.0001'],
        ['calls', '1'],
        ['tokens', '1'],
      ]),
    );
    await ask(now(), 'record', { event: event({ orgId, meter: 'calls' }) });
    const full = await ask(now(), 'checkQuota', { orgId });
    expect(full.allowed).toBe(false);
    expect(full.quotas).toHaveLength(3);
    expect(full.quotas[0]?.quotaKey).toBe('calls');
  });

  test('no items and no rules are allowed', async () => {
    const reply = await ask(now(), 'checkQuota', { orgId: 'anyone' });
    expect(reply).toMatchObject({ allowed: true, quotas: [], plan: 'free' });
    expect(nameIn(Reason, reply.reason)).toBe('QUOTA_NOT_CONFIGURED');
  });
});
