// Organisations: known or not, suspended, and apart from each other.

import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item, nameIn, type Request } from '../support/requests.js';
import { start, type UnaryName } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const RULE = freePlan('{key: tokens, meter: tokens, limit: 10}');
const yaml = catalogueYaml({
  unknown_org: 'reject',
  plans: RULE,
  organizations: `
    - {id: known}
    - {id: known-2}
    - {id: gone, suspended: true}
    - {id: gone-2, suspended: true}
    - {id: gone-3, suspended: true}`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent, enforceQuota = false) =>
  ask(now(), 'record', { event: event(given), enforceQuota });
const items = [item('tokens')];

describe('unknown_org: reject', () => {
  test('refuses Record of an organisation that is not in the catalogue', async () => {
    const before = lastSequence();
    const refusal = await refused(record({ orgId: 'stranger' }));
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'ORGANIZATION_NOT_FOUND' });
    expect(lastSequence()).toBe(before);
  });

  test('refuses its event in a batch, and only that', async () => {
    const events = ['stranger', 'known'].map((orgId) => event({ orgId }));
    const { results } = await ask(now(), 'recordBatch', { events });
    expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(['INVALID', 'RECORDED']);
    expect(results[0]?.message).toContain('stranger');
  });

  test('refuses Reserve of such an organisation, too', async () => {
    const hold = { orgId: 'stranger', reservationId: 'r', items };
    const refusal = await refused(ask(now(), 'reserve', hold));
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'ORGANIZATION_NOT_FOUND' });
  });

  test('knows an organisation that has used something before', async () => {
    const accepting = catalogueYaml({ plans: RULE });
    let running = await start({ yaml: accepting, clock: createTestClock() });
    await ask(running, 'record', { event: event({ orgId: 'old' }) });
    running = await running.restart({ yaml });
    const reply = await ask(running, 'record', { event: event({ orgId: 'old' }) });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    await running.stop();
  });
});

describe('unknown_org: accept', () => {
  test('the first use makes the organisation, on the default plan', async () => {
    const running = await start({ yaml: catalogueYaml({ plans: RULE }) });
    const reply = await ask(running, 'record', { event: event({ orgId: 'new' }) });
    expect(reply.plan).toBe('free');
    expect(reply.quotas[0]).toMatchObject({ used: '1', limit: '10' });
    await running.stop();
  });

  test('reads of an organisation that was never used answer without it', async () => {
    const orgId = 'nobody';
    const before = lastSequence();
    const READS: { readonly [Name in UnaryName]?: Partial<Request<Name>> } = {
      getUsage: { orgId, meters: ['tokens'] },
      listUsageEvents: { orgId },
      listReservations: { orgId },
      getInvoice: { orgId },
      checkQuota: { orgId, items },
      estimateUsage: { orgId, items },
    };
    for (const [name, given] of Object.entries(READS)) {
      await ask(now(), name as UnaryName, given);
    }
    const usage = await ask(now(), 'getUsage', { orgId, meters: ['tokens', 'calls'] });
    expect(usage.rows).toEqual([]);
    expect(usage.totals.map(({ meter, quantity }) => [meter, quantity])).toEqual([
      ['calls', '0'],
      ['tokens', '0'],
    ]);
    expect(lastSequence()).toBe(before);
  });
});

describe('a suspended organisation', () => {
  test('is denied enforced Record and Reserve, and CheckQuota says why', async () => {
    const before = lastSequence();
    const recorded = await record({ orgId: 'gone', quantity: '1' }, true);
    const hold = { orgId: 'gone', reservationId: 'r', items };
    const reserved = await ask(now(), 'reserve', hold);
    const checked = await ask(now(), 'checkQuota', { orgId: 'gone', items });
    const all = await ask(now(), 'checkQuota', { orgId: 'gone' });
    expect(nameIn(Outcome, recorded.outcome)).toBe('DENIED');
    expect([reserved.granted, checked.allowed, all.allowed]).toEqual([false, false, false]);
    for (const { reason } of [recorded, reserved, checked, all]) {
      expect(nameIn(Reason, reason)).toBe('SUSPENDED');
    }
    expect(reserved.items).toEqual([]);
    expect(lastSequence()).toBe(before);
  });

  test('is denied on a meter without a rule, too', async () => {
    const reply = await record({ orgId: 'gone', meter: 'calls' }, true);
    expect([nameIn(Outcome, reply.outcome), nameIn(Reason, reply.reason)]).toEqual([
      'DENIED',
      'SUSPENDED',
    ]);
  });

  test('may record what it has used, which is billable', async () => {
    const reply = await record({ orgId: 'gone-2', quantity: '20' });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    const { totals } = await ask(now(), 'getUsage', { orgId: 'gone-2', meters: ['tokens'] });
    expect(totals[0]?.quantity).toBe('20');
    const denied = await record({ orgId: 'gone-2', quantity: '1' }, true);
    expect(nameIn(Reason, denied.reason)).toBe('SUSPENDED');
  });

  test('may settle and release what it held before', async () => {
    const open = catalogueYaml({ plans: RULE });
    let running = await start({ yaml: open, clock: createTestClock() });
    for (const reservationId of ['a', 'b']) {
      await ask(running, 'reserve', { orgId: 'gone-3', reservationId, items });
    }
    running = await running.restart({ yaml });
    const events = [event({ quantity: '30' })];
    const settled = await ask(running, 'settle', { orgId: 'gone-3', reservationId: 'a', events });
    expect(settled.results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(['RECORDED']);
    await ask(running, 'release', { orgId: 'gone-3', reservationId: 'b' });
    await running.stop();
  });

  test('a duplicate stays one', async () => {
    const given = { orgId: 'gone-3', eventId: 'e', quantity: '1' };
    await record(given);
    expect(nameIn(Outcome, (await record(given, true)).outcome)).toBe('DUPLICATE');
  });
});

describe('one organisation never sees another’s', () => {
  test('usage, events, reservations, invoice', async () => {
    await record({ orgId: 'known', eventId: 'secret', quantity: '5' });
    const hold = { reservationId: 'r' };
    await ask(now(), 'reserve', { orgId: 'known', ...hold, items });
    const orgId = 'known-2';
    const usage = await ask(now(), 'getUsage', { orgId });
    const events = await ask(now(), 'listUsageEvents', { orgId });
    const list = await ask(now(), 'listReservations', { orgId });
    const invoice = await ask(now(), 'getInvoice', { orgId });
    expect(usage).toEqual({ rows: [], totals: [] });
    expect(events.events).toEqual([]);
    expect(list.reservations).toEqual([]);
    expect(invoice.invoice?.lines).toEqual([]);
    for (const name of ['getReservation', 'release', 'extendReservation', 'settle'] as const) {
      const refusal = await refused(ask(now(), name, { orgId, ...hold }));
      expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'RESERVATION_NOT_FOUND' });
    }
  });

  test('names that end as another begins', async () => {
    const running = await start({ yaml: catalogueYaml({ plans: RULE }) });
    const PAIRS = [
      ['a', 'b_c'],
      ['a_b', 'c'],
      ['ab', 'c'],
      ['a', 'bc'],
      ['A', 'bc'],
    ] as const;
    for (const [orgId, eventId] of PAIRS) {
      const reply = await ask(running, 'record', { event: event({ orgId, eventId }) });
      expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    }
    const { events } = await ask(running, 'listUsageEvents', { orgId: 'a' });
    expect(events.map(({ eventId }) => eventId).toSorted()).toEqual(['b_c', 'bc']);
    await running.stop();
  });
});
