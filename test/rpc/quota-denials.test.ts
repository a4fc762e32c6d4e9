// A denial as a status, by setting or by metadata: what the error says, and when.

import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  plans: `
    - id: free
      quotas:
        - {key: month, meter: tokens, limit: 10}
        - {key: hour, meter: calls, limit: 0, window: CALENDAR_HOUR}
        - {key: day, meter: peak, limit: 1, window: CALENDAR_DAY}
        - {key: ever, meter: seats, limit: 1, window: LIFETIME}
        - {key: user-day, meter: users, limit: 0, window: CALENDAR_DAY}
        - {key: user-year, meter: users, limit: 0, window: CALENDAR_YEAR}
        - {key: fixed, meter: run_units, limit: 1, window: FIXED_FROM_FIRST_USE,
           window_length: 90m}`,
  organizations: '[{id: gone, suspended: true}]',
});
const clock = createTestClock('2026-11-20T12:15:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const asError = new Metadata();
asError.set('tollgate-deny-as-error', 'true');

/** The three calls that deny, for more than there is of a meter. */
function calls(running: Running, orgId: string, meter: string, metadata?: Metadata) {
  const dimensions = { user: 'u' };
  const quantity = meter === 'calls' || meter === 'users' ? {} : { quantity: '11' };
  const given = { meter, dimensions, ...quantity };
  const items = [item(meter, given)];
  return [
    ask(running, 'record', { event: event({ orgId, ...given }), enforceQuota: true }, metadata),
    ask(running, 'checkQuota', { orgId, items }, metadata),
    ask(running, 'reserve', { orgId, reservationId: 'r', items }, metadata),
  ];
}

const refusals = (...given: Parameters<typeof calls>) =>
  Promise.all(calls(...given).map((call) => refused(call)));

type Row = readonly [meter: string, key: string, retrySeconds: number | undefined];
const ROWS: readonly Row[] = [
  ['tokens', 'month', undefined],
  ['calls', 'hour', 45 * 60],
  ['peak', 'day', undefined],
  ['seats', 'ever', undefined],
];

describe('with the metadata a denial is RESOURCE_EXHAUSTED', () => {
  test.each(ROWS)('on %s by the rule %s; retry after %s s', async (meter, key, retrySeconds) => {
    const orgId = org();
    const before = lastSequence();
    for (const refusal of await refusals(now(), orgId, meter, asError)) {
      expect(refusal).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'QUOTA_EXCEEDED',
        domain: 'tollgate.dev',
        metadata: new Map([
          ['quota_key', key],
          ['meter', meter],
        ]),
        retrySeconds,
      });
      const retry = retrySeconds === undefined ? [] : ['RetryInfo'];
      expect(refusal.details).toEqual(['ErrorInfo', 'QuotaFailure', ...retry]);
    }
    expect(lastSequence()).toBe(before);
  });

  const RESETS: readonly (readonly [at: string, retrySeconds: number | undefined])[] = [
    ['2026-11-20T23:00:00Z', undefined],
    ['2026-11-20T23:00:00.001Z', 3599.999],
    ['2026-11-20T23:59:59.999Z', 0.001],
  ];
  test.each(RESETS)('a daily rule at %s: retry after %s s', async (at, retrySeconds) => {
    const running = await start({ yaml, clock: createTestClock(at) });
    for (const refusal of await refusals(running, 'o', 'peak', asError)) {
      expect(refusal.retrySeconds).toBe(retrySeconds);
    }
    await running.stop();
  });

  test('a suspension is FAILED_PRECONDITION', async () => {
    for (const refusal of await refusals(now(), 'gone', 'tokens', asError)) {
      expect(refusal).toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'SUSPENDED',
        details: ['ErrorInfo'],
      });
    }
  });

  test('and what is granted, a duplicate or without a rule is answered as ever', async () => {
    const orgId = org();
    const given = event({ orgId, eventId: 'e', quantity: '10' });
    const request = { event: given, enforceQuota: true };
    const outcomes: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { outcome } = await ask(now(), 'record', request, asError);
      outcomes.push(nameIn(Outcome, outcome));
    }
    expect(outcomes).toEqual(['RECORDED', 'DUPLICATE']);
    const plain = await ask(now(), 'record', { event: event({ orgId, quantity: '5' }) }, asError);
    expect(nameIn(Outcome, plain.outcome)).toBe('RECORDED');
  });

  test('outcomes of a batch stay outcomes', async () => {
    const events = [event({ orgId: org(), quantity: '11' })];
    const reply = await ask(now(), 'recordBatch', { events, enforceQuota: true }, asError);
    expect(reply.results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(['DENIED']);
  });

  test('the subject of QuotaFailure is the organisation', async () => {
    const orgId = org();
    for (const { subjects } of await refusals(now(), orgId, 'tokens', asError)) {
      expect(subjects).toEqual([`org:${orgId}`]);
    }
  });

  test('QuotaFailure holds every failing rule', async () => {
    for (const { subjects } of await refusals(now(), org(), 'users', asError)) {
      expect(subjects).toHaveLength(2);
    }
  });

  test('there is no time to retry after where the window has not opened', async () => {
    const running = await start({ yaml: yaml.replace('90m', '30m'), clock });
    const found = await refusals(running, 'o', 'run_units', asError);
    await running.stop();
    expect(found.map(({ retrySeconds }) => retrySeconds)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('without', () => {
  test.each(['false', 'TRUE', '1', ''])(
    'or with the metadata %j a denial is data',
    async (value) => {
      const metadata = new Metadata();
      if (value !== '') metadata.set('tollgate-deny-as-error', value);
      const [recorded, checked, reserved] = await Promise.all(
        calls(now(), org(), 'tokens', metadata),
      );
      expect(recorded).toMatchObject({ outcome: Outcome.OUTCOME_DENIED });
      expect(checked).toMatchObject({ allowed: false });
      expect(reserved).toMatchObject({ granted: false });
    },
  );
});

test('with deny_as_error every denial is an error', async () => {
  const flags = ['--deny-as-error', 'true'];
  const running = await start({ yaml, flags, clock: createTestClock() });
  for (const { reason } of await refusals(running, 'o', 'tokens')) {
    expect(reason).toBe('QUOTA_EXCEEDED');
  }
  for (const { reason } of await refusals(running, 'gone', 'tokens')) {
    expect(reason).toBe('SUSPENDED');
  }
  await running.stop();
});
