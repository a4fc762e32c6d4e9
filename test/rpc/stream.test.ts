// RecordStream: cumulative acknowledgements, what ends a stream, and going on after a break.

import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, nameIn } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';
import { openStream, type TestStream } from '../support/streams.js';

const yaml = rulesYaml('{key: tokens, meter: tokens, limit: 10}');
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml, clock });

const one = (orgId: string, eventId: string, given: GivenEvent = {}) =>
  event({ orgId, eventId, quantity: '1', ...given });
const FULL = { quantity: '10' };
const usedOf = async (orgId: string) => {
  const { totals } = await ask(now(), 'getUsage', { orgId, meters: ['tokens'] });
  return totals[0]?.quantity;
};
const resultsOf = ({ replies }: TestStream) =>
  replies.flatMap(({ results }) =>
    results.map(({ clientSequence, outcome }) => `${clientSequence} ${nameIn(Outcome, outcome)}`),
  );
const lastAck = ({ replies }: TestStream) => replies.at(-1)?.ackedSequence ?? 0n;

describe('a stream', () => {
  test('acknowledges every item, in rising order, and ends OK after half-close', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    for (let i = 1; i <= 2000; i++) stream.item(i, one(orgId, `e${i}`));
    stream.halfClose();
    expect(await stream.end).toEqual({ code: 'OK', refused: undefined });
    const acks = stream.replies.map(({ ackedSequence }) => ackedSequence);
    expect(acks.at(-1)).toBe(2000n);
    expect(acks).toEqual(acks.toSorted((a, b) => Number(a - b)));
    expect(resultsOf(stream)).toEqual([]);
    expect(await usedOf(orgId)).toBe('2000');
  });

  test('acknowledges while it is open', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    stream.item(1, one(orgId, 'a'));
    await stream.acked(1);
    expect(await usedOf(orgId)).toBe('1');
    stream.item(7, one(orgId, 'b'));
    await stream.acked(7);
    stream.item(5_000_000_000, one(orgId, 'c'));
    await stream.acked(5_000_000_000);
    stream.item(2n ** 63n, one(orgId, 'd'));
    stream.halfClose();
    expect((await stream.end).code).toBe('OK');
    expect(lastAck(stream)).toBe(2n ** 63n);
    expect(await usedOf(orgId)).toBe('4');
  });

  test('sends outcomes other than RECORDED before or with their acknowledgement', async () => {
    const orgId = org();
    await ask(now(), 'record', { event: one(orgId, 'taken') });
    const stream = openStream(now());
    stream.options({ enforceQuota: true });
    const items = [
      one(orgId, 'a', { quantity: '8' }),
      one(orgId, 'b', { quantity: '2' }),
      one(orgId, 'c', { quantity: 'x' }),
      one(orgId, 'taken', { quantity: '2' }),
      one(orgId, 'd', { at: '1970-01-01T00:00:00Z' }),
      one(orgId, 'e', { at: '2027-01-01T00:00:00Z' }),
      one(orgId, 'f', { meter: 'nothing' }),
      one('/', 'g'),
      one(orgId, 'h'),
    ];
    for (const [index, each] of items.entries()) stream.item(index + 1, each);
    stream.halfClose();
    expect((await stream.end).code).toBe('OK');
    expect(resultsOf(stream)).toEqual([
      '2 DENIED',
      '3 INVALID',
      '4 CONFLICT',
      '5 TOO_OLD',
      '6 IN_FUTURE',
      '7 UNKNOWN_METER',
      '8 INVALID',
    ]);
    let acked = 0n;
    for (const reply of stream.replies) {
      for (const { clientSequence } of reply.results) expect(clientSequence).toBeGreaterThan(acked);
      acked = reply.ackedSequence;
    }
    const denied = stream.replies.flatMap(({ results }) => results)[0];
    expect(nameIn(Reason, denied?.reason ?? 0)).toBe('HARD_LIMIT_EXCEEDED');
    expect(denied).toMatchObject({ eventId: 'b', sequence: 0n });
    expect(await usedOf(orgId)).toBe('10');
  });

  test('without enforce_quota denies nothing', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    stream.item(1, one(orgId, 'a', { quantity: '50' }));
    stream.halfClose();
    await stream.end;
    expect([lastAck(stream), ...resultsOf(stream)]).toEqual([1n]);
  });

  test('carries events of several organisations', async () => {
    const [a, b] = [org(), org()];
    const stream = openStream(now());
    stream.options();
    stream.item(1, one(a, 'e'));
    stream.item(2, one(b, 'e'));
    stream.halfClose();
    await stream.end;
    expect([await usedOf(a), await usedOf(b)]).toEqual(['1', '1']);
  });

  test('takes several events in one message as so many messages', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options({ enforceQuota: true });
    stream.item(1, one(orgId, 'a'));
    stream.batch([3, one(orgId, 'b')], [4, one(orgId, 'a')], [9, one(orgId, 'c', FULL)]);
    stream.item(10, one(orgId, 'd'));
    stream.halfClose();
    expect((await stream.end).code).toBe('OK');
    expect([lastAck(stream), ...resultsOf(stream)]).toEqual([10n, '4 DUPLICATE', '9 DENIED']);
    expect(await usedOf(orgId)).toBe('3');
  });

  test('acknowledges what one sync made durable in one go', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    stream.batch(...Array.from({ length: 1000 }, (_, i) => [i + 1, one(orgId, `e${i}`)] as const));
    await stream.acked(1000);
    expect(stream.replies.map(({ ackedSequence }) => ackedSequence)).toEqual([1000n]);
    stream.halfClose();
    await stream.end;
  });

  test.each(['nothing', 'options alone'])('of %s ends OK', async (what) => {
    const stream = openStream(now());
    if (what !== 'nothing') stream.options();
    stream.halfClose();
    expect((await stream.end).code).toBe('OK');
    expect(stream.replies).toEqual([]);
  });

  test('lists a DUPLICATE with the first recording', async () => {
    const orgId = org();
    const first = await ask(now(), 'record', { event: one(orgId, 'a') });
    const stream = openStream(now());
    stream.options();
    stream.item(1, one(orgId, 'a'));
    stream.item(2, one(orgId, 'b'));
    stream.item(3, one(orgId, 'b'));
    stream.halfClose();
    await stream.end;
    expect([lastAck(stream), ...resultsOf(stream)]).toEqual([3n, '1 DUPLICATE', '3 DUPLICATE']);
    const [result] = stream.replies.flatMap(({ results }) => results);
    expect(result).toMatchObject({ eventId: 'a', quantity: '1', sequence: first.sequence });
    expect(await usedOf(orgId)).toBe('2');
  });
});

describe('a stream ends INVALID_ARGUMENT, with all before it acknowledged', () => {
  type Row = readonly [
    what: string,
    send: (stream: TestStream, orgId: string) => void,
    field: string,
  ];
  const SEQUENCE = 'batch.items[0].client_sequence';
  const ROWS: readonly Row[] = [
    ['a sequence of 0', (s, o) => s.item(0, one(o, 'x')), 'item.client_sequence'],
    ['a sequence again', (s, o) => s.item(2, one(o, 'x')), 'item.client_sequence'],
    ['a sequence that falls', (s, o) => s.item(1, one(o, 'x')), 'item.client_sequence'],
    ['an item without an event', (s) => s.item(3, undefined), 'item.event'],
    ['an event without an id', (s, o) => s.item(3, one(o, '')), 'item.event.event_id'],
    ['a batch of nothing', (s) => s.batch(), 'batch.items'],
    ['a batch with a sequence that falls', (s, o) => s.batch([1, one(o, 'x')]), SEQUENCE],
    ['options again', (s) => s.options(), 'options'],
    ['a message of nothing', (s) => s.send(undefined), 'message'],
  ];
  test.each(ROWS)('%s', async (_what, send, field) => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    stream.item(1, one(orgId, 'a'));
    stream.item(2, one(orgId, 'b'));
    send(stream, orgId);
    stream.item(9, one(orgId, 'after'));
    const { refused } = await stream.end;
    expect(refused).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'FIELD_INVALID',
      fields: [field],
    });
    expect(lastAck(stream)).toBe(2n);
    expect(await usedOf(orgId)).toBe('2');
  });

  test('in the middle of a batch, with the events before it acknowledged', async () => {
    const orgId = org();
    const stream = openStream(now());
    stream.options();
    stream.batch(
      [1, one(orgId, 'a')],
      [2, one(orgId, 'b')],
      [3, one(orgId, '')],
      [4, one(orgId, 'c')],
    );
    const { refused } = await stream.end;
    expect(refused).toMatchObject({ fields: ['batch.items[2].event.event_id'] });
    expect(lastAck(stream)).toBe(2n);
    expect(await usedOf(orgId)).toBe('2');
  });

  test.each([
    ['an item before the options', (s: TestStream) => s.item(1, one('o', 'x')), 'options'],
    ['durability LEDGER', (s: TestStream) => s.options({ durability: 3 }), 'durability'],
    ['an unknown durability', (s: TestStream) => s.options({ durability: 9 as 0 }), 'durability'],
  ])('%s', async (_what, send, field) => {
    const before = lastSequence();
    const stream = openStream(now());
    send(stream);
    const { refused } = await stream.end;
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    expect(lastSequence()).toBe(before);
    expect(stream.replies).toEqual([]);
  });
});

describe('after a break', () => {
  test('resending what was not acknowledged counts everything once', async () => {
    const orgId = org();
    const ids = Array.from({ length: 300 }, (_, i) => `e${i + 1}`);
    const first = openStream(now());
    first.options();
    ids.forEach((id, index) => {
      first.item(index + 1, one(orgId, id));
    });
    await first.acked(1);
    first.cancel();
    expect((await first.end).code).toBe('CANCELLED');
    const acked = Number(lastAck(first));
    const second = openStream(now());
    second.options();
    ids.slice(acked).forEach((id, index) => {
      second.item(index + 1, one(orgId, id));
    });
    second.halfClose();
    expect((await second.end).code).toBe('OK');
    expect(await usedOf(orgId)).toBe('300');
    for (const result of resultsOf(second)) expect(result).toMatch(/ DUPLICATE$/);
  });

  test('resending everything counts nothing twice', async () => {
    const orgId = org();
    for (let attempt = 0; attempt < 3; attempt++) {
      const stream = openStream(now());
      stream.options();
      for (let i = 1; i <= 50; i++) stream.item(i, one(orgId, `e${i}`));
      stream.halfClose();
      await stream.end;
      expect(lastAck(stream)).toBe(50n);
    }
    expect(await usedOf(orgId)).toBe('50');
  });

  test('a server that stops acknowledges what it has, then says DRAINING', async () => {
    let running = await start({ yaml, clock });
    const stream = openStream(running);
    stream.options();
    stream.item(1, one('o', 'a'));
    await stream.acked(1);
    const next = running.restart();
    const { refused } = await stream.end;
    running = await next;
    expect(refused).toMatchObject({ code: 'UNAVAILABLE', reason: 'DRAINING', retrySeconds: 1 });
    expect(lastAck(stream)).toBe(1n);
    const again = openStream(running);
    again.options();
    again.item(1, one('o', 'a'));
    again.item(2, one('o', 'b'));
    again.halfClose();
    expect((await again.end).code).toBe('OK');
    const { totals } = await ask(running, 'getUsage', { orgId: 'o', meters: ['tokens'] });
    expect(totals[0]?.quantity).toBe('2');
    await running.stop();
  });
});

test('twenty streams at once count each event once', async () => {
  const orgId = org();
  const streams = Array.from({ length: 20 }, () => openStream(now()));
  for (const stream of streams) {
    stream.options();
    for (let i = 1; i <= 100; i++) stream.item(i, one(orgId, `e${i}`));
    stream.halfClose();
  }
  const ends = await Promise.all(streams.map(({ end }) => end));
  expect(ends.every(({ code }) => code === 'OK')).toBe(true);
  expect(await usedOf(orgId)).toBe('100');
});
