// Every answer that a crash could take back waits for the disk: whatever it says, and whoever asks.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getUsage } from '../../src/operations/get-usage.js';
import { record } from '../../src/operations/record.js';
import { rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { type HeldFiles, heldFiles } from '../support/fault-files.js';
import { refused } from '../support/refusals.js';
import { ask, duration, event, item, time } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const YAML = rulesYaml('{key: calls, meter: calls, limit: "3", window: LIFETIME}');

interface Pending {
  readonly settled: () => boolean;
  readonly answer: Promise<unknown>;
}

function pending(answer: Promise<unknown>): Pending {
  let settled = false;
  const done = answer
    .catch((error: unknown) => error)
    .finally(() => {
      settled = true;
    });
  return { settled: () => settled, answer: done };
}

describe('while a batch is on its way to the disk', () => {
  let disk: HeldFiles;
  let running: Running;
  let organisations = 0;

  beforeAll(async () => {
    disk = heldFiles();
    running = await start({ yaml: YAML, clock: createTestClock(), files: disk.files });
  });
  afterAll(() => running.stop());

  const event1 = (orgId: string, dimensions: Readonly<Record<string, string>> = {}) =>
    event({ orgId, eventId: 'e-1', meter: 'calls', dimensions });
  const hold = (orgId: string, seconds = 60) => ({
    orgId,
    reservationId: 'r-1',
    items: [item('calls')],
    ttl: duration(seconds),
  });

  type Ask = (orgId: string) => Promise<unknown>;
  type Case = readonly [name: string, before: Ask | undefined, call: Ask];

  const recordOne: Ask = (orgId) => ask(running, 'record', { event: event1(orgId) });
  const reserveOne: Ask = (orgId) => ask(running, 'reserve', hold(orgId));
  const settleOne: Ask = (orgId) =>
    ask(running, 'settle', { orgId, reservationId: 'r-1', events: [event1('')] });

  const WAITING: readonly Case[] = [
    ['a recorded event', undefined, recordOne],
    ['a duplicate of it', recordOne, recordOne],
    [
      'a batch of events',
      undefined,
      (orgId) => ask(running, 'recordBatch', { orgId, events: [event1('')] }),
    ],
    [
      'a conflict in a batch',
      recordOne,
      (orgId) => ask(running, 'recordBatch', { orgId, events: [event1('', { tool: 'other' })] }),
    ],
    [
      'a denial by usage that waits itself',
      (orgId) =>
        ask(running, 'recordBatch', {
          orgId,
          events: ['a', 'b', 'c'].map((eventId) => event({ eventId, meter: 'calls' })),
        }),
      (orgId) => ask(running, 'record', { event: event1(orgId), enforceQuota: true }),
    ],
    ['a granted hold', undefined, reserveOne],
    ['the same hold again', reserveOne, reserveOne],
    [
      'a refused hold',
      reserveOne,
      (orgId) =>
        ask(running, 'reserve', {
          ...hold(orgId),
          reservationId: 'r-2',
          items: Array.from({ length: 3 }, () => item('calls')),
        }),
    ],
    ['a settlement', reserveOne, settleOne],
    ['a release', reserveOne, (orgId) => ask(running, 'release', { orgId, reservationId: 'r-1' })],
    [
      'an extension',
      reserveOne,
      (orgId) =>
        ask(running, 'extendReservation', { orgId, reservationId: 'r-1', ttl: duration(9) }),
    ],
    [
      'a hold that is read',
      reserveOne,
      (orgId) => ask(running, 'getReservation', { orgId, reservationId: 'r-1' }),
    ],
    ['a list of holds', reserveOne, (orgId) => ask(running, 'listReservations', { orgId })],
    ['usage', recordOne, (orgId) => ask(running, 'getUsage', { orgId })],
    ['a list of events', recordOne, (orgId) => ask(running, 'listUsageEvents', { orgId })],
    ['an invoice', recordOne, (orgId) => ask(running, 'getInvoice', { orgId })],
  ];

  test.each(WAITING)('%s waits', async (_name, before, call) => {
    await expectWaiting(before, call);
  });

  async function expectWaiting(before: Ask | undefined, call: Ask): Promise<unknown> {
    const orgId = `org-${++organisations}`;
    disk.hold();
    const first = before === undefined ? undefined : pending(before(orgId));
    // An advisory call on the same connection: when it answers, those before it were decided.
    await ask(running, 'checkQuota', { orgId });
    const answer = pending(call(orgId));
    await ask(running, 'checkQuota', { orgId });
    const early = answer.settled();
    disk.release();
    await first?.answer;
    const reply = await answer.answer;
    expect(early).toBe(false);
    return reply;
  }

  // A refusal may say something of an entry that a crash would take back.
  const EARLY: readonly Case[] = [
    [
      'a conflict',
      recordOne,
      (orgId) => ask(running, 'record', { event: event1(orgId, { tool: 'other' }) }),
    ],
    ['a hold whose id is used', reserveOne, (orgId) => ask(running, 'reserve', hold(orgId, 61))],
    [
      'a hold that has just ended',
      (orgId) =>
        Promise.all([reserveOne(orgId), ask(running, 'release', { orgId, reservationId: 'r-1' })]),
      (orgId) =>
        ask(running, 'extendReservation', { orgId, reservationId: 'r-1', ttl: duration(9) }),
    ],
  ];

  test.each(EARLY)('%s waits', async (_name, before, call) => {
    const reply = await expectWaiting(before, call);
    expect(reply).toBeInstanceOf(Error);
  });

  test('advice does not wait', async () => {
    const orgId = `org-${++organisations}`;
    disk.hold();
    const recorded = pending(recordOne(orgId));
    const { quotas } = await ask(running, 'checkQuota', { orgId });
    expect(quotas[0]?.used).toBe('1');
    expect(recorded.settled()).toBe(false);
    disk.release();
    await recorded.answer;
  });

  test('a fault of the request itself does not wait', async () => {
    disk.hold();
    const recorded = pending(recordOne(`org-${++organisations}`));
    const refusal = await refused(ask(running, 'record', { event: event({ meter: 'calls' }) }));
    expect(refusal.code).toBe('INVALID_ARGUMENT');
    disk.release();
    await recorded.answer;
  });
});

test('usage that is read in slices waits for all that it says', async () => {
  const clock = createTestClock();
  let looks = 0;
  // Every look at the clock takes a millisecond, so every slice is used up at once.
  const slow = { ...clock, monotonicMs: () => clock.monotonicMs() + 1.1 * looks++ };
  const running = await start({ yaml: YAML, clock: slow });
  const put = (eventId: string, meter: string, at: string) =>
    record(running.core, {
      event: event({ orgId: 'acme', eventId, meter, at }),
      durability: 0,
      enforceQuota: false,
      validateOnly: false,
    }).after;
  for (let i = 0; i < 100; i++) put(`c-${i}`, 'calls', '2026-11-20T11:59:59Z');
  const reading = getUsage(running.core, {
    orgId: 'acme',
    meters: ['calls', 'tokens'],
    period: '',
    startTime: time('2026-11-20T00:00:00Z'),
    // Off the grid of the totals: the last minutes are read event by event.
    endTime: time('2026-11-20T11:59:59.500Z'),
    groupBy: [],
    window: 0,
    timeZone: '',
  });
  const sequences: number[] = [];
  let done = false;
  void reading.finally(() => {
    done = true;
  });
  while (!done) {
    sequences.push(put(`t-${sequences.length}`, 'tokens', '2026-11-20T11:00:00Z'));
    await new Promise(setImmediate);
  }
  const { reply, after } = await reading;
  await running.stop();
  const seen = Number(reply.totals[1]?.quantity);
  expect(after).toBeGreaterThanOrEqual(sequences[seen - 1] ?? 0);
});
