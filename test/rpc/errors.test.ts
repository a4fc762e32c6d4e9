// Refusals that are not about one field: the code, the reason, and which of several comes first.

import { createHash } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { type Refused, refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  unknown_org: 'reject',
  plans: freePlan('{key: tokens, meter: tokens, limit: 10}'),
  organizations: '[{id: o}, {id: gone, suspended: true}]',
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, lastSequence } = sharedService({ yaml, clock });

const record = (given: GivenEvent, enforceQuota = false, running: Running = now()) =>
  ask(running, 'record', { event: event({ orgId: 'o', ...given }), enforceQuota });
const NOTHING = [item('nothing')];
const OLD = '1970-01-01T00:00:00Z';
const MIB = 1024 * 1024;

type Row = readonly [what: string, call: () => Promise<unknown>, code: string, reason: string];
const UNKNOWN = ['NOT_FOUND', 'METER_UNKNOWN'] as const;
const ROWS: readonly Row[] = [
  ['Record of an unknown meter', () => record({ meter: 'nothing' }), ...UNKNOWN],
  ['CheckQuota of one', () => ask(now(), 'checkQuota', { orgId: 'o', items: NOTHING }), ...UNKNOWN],
  [
    'Reserve of one',
    () => ask(now(), 'reserve', { orgId: 'o', reservationId: 'r', items: NOTHING }),
    ...UNKNOWN,
  ],
  [
    'EstimateUsage of one',
    () => ask(now(), 'estimateUsage', { orgId: 'o', items: NOTHING }),
    ...UNKNOWN,
  ],
  [
    'GetUsage of one',
    () => ask(now(), 'getUsage', { orgId: 'o', meters: ['nothing'] }),
    ...UNKNOWN,
  ],
  ['Record of 1970', () => record({ at: OLD }), 'OUT_OF_RANGE', 'EVENT_TOO_OLD'],
  ['Record of 1969', () => record({ at: '1969-12-31T23:59:59Z' }), 'OUT_OF_RANGE', 'EVENT_TOO_OLD'],
  [
    'Record of the year 1',
    () => record({ at: '0001-01-01T00:00:00Z' }),
    'OUT_OF_RANGE',
    'EVENT_TOO_OLD',
  ],
  [
    'Record of 9999',
    () => record({ at: '9999-12-31T23:59:59Z' }),
    'OUT_OF_RANGE',
    'EVENT_IN_FUTURE',
  ],
  [
    'GetInvoice of an unknown id',
    () => ask(now(), 'getInvoice', { orgId: 'o', invoiceId: 'x' }),
    'NOT_FOUND',
    'INVOICE_NOT_FOUND',
  ],
  [
    'GetReservation of an unknown id',
    () => ask(now(), 'getReservation', { orgId: 'o', reservationId: 'x' }),
    'NOT_FOUND',
    'RESERVATION_NOT_FOUND',
  ],
];

describe('a refusal carries its reason and nothing that is not due', () => {
  test.each(ROWS)('%s', async (_what, call, code, reason) => {
    const before = lastSequence();
    const refusal = await refused(call());
    expect(refusal).toMatchObject({
      code,
      reason,
      domain: 'tollgate.dev',
      details: ['ErrorInfo'],
      fields: [],
      retrySeconds: undefined,
    });
    expect(refusal.message).not.toBe('');
    expect(lastSequence()).toBe(before);
  });

  test('bad fields add BadRequest', async () => {
    const refusal = await refused(record({ meter: '' }));
    expect(refusal.details).toEqual(['ErrorInfo', 'BadRequest']);
  });
});

describe('the order of checks: syntax, dedupe, time, meter and scale, suspension, quota', () => {
  /** Each has the fault of its own row and those of all rows below. */
  const FAULTS: readonly (readonly [reason: string, given: GivenEvent])[] = [
    ['FIELD_INVALID', { eventId: 'taken', quantity: 'x', at: OLD, meter: 'nothing' }],
    ['EVENT_ID_REUSED', { eventId: 'taken', quantity: '1.5', at: OLD, meter: 'nothing' }],
    ['EVENT_TOO_OLD', { quantity: '1.5', at: OLD, meter: 'nothing' }],
    ['METER_UNKNOWN', { quantity: '1.5', meter: 'nothing' }],
    ['FIELD_INVALID', { quantity: '1.5' }],
  ];
  test.each(FAULTS)('%s of %j', async (reason, given) => {
    await record({ orgId: 'gone', eventId: 'taken', quantity: '1' });
    const refusal = await refused(record({ orgId: 'gone', ...given }, true));
    expect(refusal.reason).toBe(reason);
  });

  test('SUSPENDED before a quota that is used up', async () => {
    await record({ orgId: 'gone', quantity: '20' });
    const reply = await record({ orgId: 'gone', quantity: '1' }, true);
    expect(nameIn(Reason, reply.reason)).toBe('SUSPENDED');
  });

  test('a duplicate before everything but syntax', async () => {
    const first = { orgId: 'gone', eventId: 'dup', quantity: '1' };
    await record(first);
    const reply = await record({ ...first, at: OLD }, true);
    expect(nameIn(Outcome, reply.outcome)).toBe('DUPLICATE');
  });
});

describe('what the transport refuses', () => {
  test('a method that does not exist is UNIMPLEMENTED', async () => {
    const pass = (bytes: Buffer) => bytes;
    const call = new Promise((resolve, reject) => {
      const path = '/tollgate.v1.MeteringService/Nothing';
      const done = (error: Error | null, reply?: Buffer) =>
        error === null ? resolve(reply) : reject(error);
      now().client.makeUnaryRequest(path, pass, pass, Buffer.alloc(0), done);
    });
    expect((await refused(call)).code).toBe('UNIMPLEMENTED');
  });

  test('bytes that are no message, and the service goes on', async () => {
    const path = '/tollgate.v1.MeteringService/Record';
    for (const bytes of ['ff', '0a', '0aff', '0a05ffffffff', '80', '0a020a80']) {
      const call = new Promise((resolve, reject) => {
        const pass = (value: Buffer) => value;
        const done = (error: Error | null, reply?: Buffer) =>
          error === null ? resolve(reply) : reject(error);
        now().client.makeUnaryRequest(path, pass, pass, Buffer.from(bytes, 'hex'), done);
      });
      const refusal = await call.then(
        () => undefined,
        () => true,
      );
      expect(refusal).toBe(true);
    }
    expect(now().fatal).toEqual([]);
    expect(nameIn(Outcome, (await record({ quantity: '1' })).outcome)).toBe('RECORDED');
  });

  test('metadata that nobody asked for does no harm', async () => {
    const metadata = new Metadata();
    metadata.set('x-anything', 'v'.repeat(1000));
    metadata.set('bytes-bin', Buffer.from([0, 255]));
    const given = event({ orgId: 'o', quantity: '1' });
    const reply = await ask(now(), 'record', { event: given }, metadata);
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
  });
});

describe('a full journal', () => {
  /** 3 KiB of labels that no compression makes small. */
  const bulky = (seed: string) =>
    Array.from({ length: 12 }, (_, k): [string, string] => [
      `k${k}`,
      createHash('sha512').update(`${seed}-${k}`).digest('base64').repeat(2),
    ]);

  /** Batches until they are refused for good: what is sealed and compressed makes room again. */
  async function fill(running: Running): Promise<Refused> {
    for (let batch = 0, full = 0; batch < 200; batch++) {
      const events = Array.from({ length: 250 }, (_, i) =>
        event({ orgId: 'o', eventId: `${batch}-${i}`, dimensions: bulky(`${batch}-${i}`) }),
      );
      const attempt = await ask(running, 'recordBatch', { events }).then(
        () => undefined,
        (error: Error) => refused(Promise.reject(error)),
      );
      if (attempt === undefined || attempt.reason === 'OVERLOADED') continue;
      if (++full === 5) return attempt;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error('the journal has no bound');
  }

  /** Again while the next file is being made. */
  async function patiently<Reply>(act: () => Promise<Reply>): Promise<Reply> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        const { reason } = await refused(Promise.reject(error));
        if (reason !== 'OVERLOADED') throw error;
        await new Promise((done) => setTimeout(done, 20));
      }
    }
  }

  test('refuses usage and holds, still ends holds, and answers reads', async () => {
    const change = { segmentBytes: 2 * MIB, journalBytesMax: 8 * MIB };
    const open = catalogueYaml({ organizations: '[{id: o}]' });
    let running = await start({ yaml: open, change });
    const hold = (reservationId: string) => ({ orgId: 'o', reservationId, items: [item('calls')] });
    for (const id of ['a', 'b']) await ask(running, 'reserve', hold(id));
    const full = { code: 'RESOURCE_EXHAUSTED', reason: 'JOURNAL_FULL' };
    expect(await fill(running)).toMatchObject({ ...full, details: ['ErrorInfo', 'RetryInfo'] });
    const before = running.core.journal.lastSequence();
    const one = { eventId: 'e', meter: 'calls' };
    expect(await refused(record(one, false, running))).toMatchObject(full);
    expect(await refused(ask(running, 'reserve', hold('c')))).toMatchObject(full);
    expect(running.core.journal.lastSequence()).toBe(before);
    const events = [event({ meter: 'calls' })];
    const given = { orgId: 'o', reservationId: 'a', events };
    const { results } = await patiently(() => ask(running, 'settle', given));
    expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(['RECORDED']);
    await patiently(() => ask(running, 'release', { orgId: 'o', reservationId: 'b' }));
    const { totals } = await ask(running, 'getUsage', { orgId: 'o', meters: ['calls'] });
    expect(totals[0]?.quantity).toBe('1');
    running = await running.restart({ change: { ...change, journalBytesMax: 64 * MIB } });
    const last = await patiently(() => record(one, false, running));
    expect(nameIn(Outcome, last.outcome)).toBe('RECORDED');
    await running.stop();
  });
});
