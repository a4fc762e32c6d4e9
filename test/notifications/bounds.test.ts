import { describe, expect, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import { newDelivery } from '../../src/domain/notifications/delivery.js';
import type {
  DeliveryRecord,
  WebhookEndpointRecord,
} from '../../src/domain/notifications/document.js';
import {
  disabledAfter,
  enabledAfter,
  firstNeeded,
  isTold,
} from '../../src/domain/notifications/enabled.js';
import { limits } from '../../src/limits.js';
import { put } from '../../src/operations/change.js';
import type { Core } from '../../src/operations/core.js';
import { openNotices } from '../../src/operations/notifications/notices.js';
import { openQueues } from '../../src/operations/notifications/queues.js';
import { keepDeliveriesTurn } from '../../src/pumps/keep-deliveries.js';
import { createTestClock } from '../support/clock.js';
import { crashImage } from '../support/crash-image.js';
import {
  endpoint,
  HUNDRED_A_MONTH,
  startNotifying,
  until,
  untilState,
  useTokens,
} from '../support/notifying.js';
import { openReceiver } from '../support/receiver.js';
import { ask, event } from '../support/requests.js';
import { start } from '../support/service.js';

const ENDPOINT: WebhookEndpointRecord = {
  endpoint_id: 'e',
  url: '',
  event_types: [],
  description: '',
  disabled: false,
  secrets: [],
  made_after: 0,
  spans: [],
  created_ms: 0,
  updated_ms: 0,
};

function delivery(id: string, more: Partial<DeliveryRecord> = {}): DeliveryRecord {
  const notice = { type: 'invoice.paid', orgId: '', atMs: 0, data: {} } as const;
  return { ...newDelivery(ENDPOINT, id, notice, 0), delivery_id: id, ...more };
}

describe('what is noted', () => {
  function all(notices: ReturnType<typeof openNotices>, from: number): number[] {
    const found: number[] = [];
    for (let at = notices.next(from); at !== undefined; at = notices.next(at)) found.push(at);
    return found;
  }

  test('is looked at alone, after all that came before the start', () => {
    const notices = openNotices(5);
    for (const sequence of [7, 9, 12]) notices.note(sequence);
    expect(all(notices, 2)).toEqual([3, 4, 5, 7, 9, 12]);
    expect(all(notices, 5)).toEqual([7, 9, 12]);
    notices.passed(9);
    notices.note(20);
    expect(all(notices, 9)).toEqual([12, 20]);
  });

  test('is not forgotten where it is asked for twice', () => {
    const notices = openNotices(0);
    for (const sequence of [1, 2, 3]) notices.note(sequence);
    expect(notices.next(2)).toBe(3);
    expect(notices.next(1)).toBe(2);
    notices.passed(2);
    expect(notices.next(2)).toBe(3);
    expect(notices.position()).toBe(2);
  });

  test('beyond a bound makes all be looked at', () => {
    const notices = openNotices(0, 3);
    for (const sequence of [2, 4, 6, 8, 10]) notices.note(sequence);
    expect(all(notices, 1)).toEqual([2, 3, 4, 5, 6, 7, 8, 10]);
  });
});

describe('queues', () => {
  const clock = createTestClock(0);
  const take = (queues: ReturnType<typeof openQueues>, endpointId: string) => {
    const taken: string[] = [];
    for (let id = queues.take(endpointId); id !== undefined; id = queues.take(endpointId)) {
      taken.push(id);
      queues.landed(endpointId, id);
    }
    return taken;
  };

  test('give out what is due, a few at a time', () => {
    const queues = openQueues(clock);
    for (let i = 0; i < 6; i++) queues.add(delivery(`d${i}`));
    queues.add(delivery('later', { next_attempt_ms: 10 }));
    expect(queues.due()).toEqual(['e']);
    const taken = Array.from({ length: 5 }, () => queues.take('e'));
    expect(taken).toEqual(['d0', 'd1', 'd2', 'd3', undefined]);
    expect(queues.due()).toEqual([]);
    queues.add(delivery('d0'));
    for (const id of taken.slice(0, 4)) queues.landed('e', id ?? '');
    expect(take(queues, 'e')).toEqual(['d4', 'd5']);
    expect(queues.due()).toEqual([]);
    clock.advance(10);
    expect(take(queues, 'e')).toEqual(['later']);
    expect(queues.size()).toBe(0);
  });

  test('wait no longer for a clock that was set back', () => {
    const queues = openQueues(clock);
    queues.add(
      delivery('d', { next_attempt_ms: clock.wallMs() + 1000 * limits.webhookBackoffMaxMs }),
    );
    clock.advance(2 * limits.webhookBackoffMaxMs);
    expect(take(queues, 'e')).toEqual(['d']);
  });

  test('know from where to read what they have no room for', () => {
    const queues = openQueues(clock, 4);
    for (const id of ['a', 'b', 'c', 'd']) queues.add(delivery(id), 'p1');
    expect(queues.unread()).toBeUndefined();
    queues.add(delivery('f'), 'p2');
    queues.add(delivery('g'), 'p3');
    expect(queues.unread()).toBeUndefined();
    expect(take(queues, 'e')).toHaveLength(4);
    expect(queues.unread()).toEqual({ endpointId: 'e', place: 'p2' });
    queues.reading('e');
    expect(queues.unread()).toBeUndefined();
    queues.readAgain('e', 'p4');
    for (const id of ['h', 'i', 'j', 'k']) queues.add(delivery(id));
    // One that is replayed stands anywhere.
    queues.add(delivery('replayed'), '');
    queues.readAgain('e', 'p5');
    take(queues, 'e');
    expect(queues.unread()).toEqual({ endpointId: 'e', place: '' });
  });
});

test('an endpoint that has more waiting than memory holds gets all of it', async () => {
  const receiver = await openReceiver(500);
  const { running } = await startNotifying();
  const { core } = running;
  const { id: endpointId } = await endpoint(running, receiver.url);
  const orgs = Array.from({ length: 60 }, (_, i) => `org-${i}`);
  await Promise.all(orgs.map((org) => useTokens(running, org, 95)));
  await receiver.got(120);
  await until(
    async () => core.queues.size(),
    (size) => size === 120,
  );
  // The same ledger, with a memory of ten.
  const queues = openQueues(core.clock, 10);
  const small = { ...core, queues };
  const turn = keepDeliveriesTurn(small, { retentionMs: 1e12, isClockSound: () => true });
  const sent = new Set<string>();
  await turn();
  for (let turns = 0; turns < 100 && sent.size < 120; turns++) {
    expect(queues.size()).toBeLessThanOrEqual(10);
    for (const id of queues.waiting(endpointId)) {
      await deliver(core, id);
      queues.drop(endpointId, id);
      sent.add(id);
    }
    await turn();
  }
  expect(sent.size).toBe(120);
});

async function deliver({ ledger }: Core, id: string): Promise<void> {
  const stored = present(await ledger.get('delivery', '', id), id);
  const value = { ...stored.value, state: 'DELIVERED', next_attempt_ms: null } as const;
  const common = { atMs: 0, actor: 'test', action: 'test', orgId: '', reason: '' };
  await ledger.commit({ ...common, changes: () => [put('delivery', '', id, stored, value)] });
}

describe('spans of an endpoint', () => {
  const told = (spans: WebhookEndpointRecord['spans'], sequence: number) =>
    isTold({ spans, event_types: [] }, 'invoice.paid', sequence);

  test('hold what it is told of, however often it is disabled', () => {
    let spans = enabledAfter([], 10, 0);
    spans = disabledAfter(spans, 20, 0);
    spans = enabledAfter(spans, 30, 0);
    const tellings = [10, 11, 20, 21, 30, 31, 1000].map((sequence) => told(spans, sequence));
    expect(tellings).toEqual([false, true, true, false, false, true, true]);
    expect(firstNeeded([{ spans }], 0, 500)).toBe(10);
    expect(firstNeeded([{ spans }], 15, 500)).toBe(15);
    expect(firstNeeded([{ spans }], 25, 500)).toBe(30);
    expect(firstNeeded([{ spans: [] }], 25, 500)).toBe(500);
    expect(enabledAfter(disabledAfter(spans, 40, 35), 50, 45)).toEqual([
      { after: 50, through: null },
    ]);
  });

  test('are bounded, and rather too wide than too narrow', () => {
    let spans = enabledAfter([], 0, 0);
    for (let at = 10; at < 1000; at += 10) {
      spans = disabledAfter(spans, at, 0);
      spans = enabledAfter(spans, at + 5, 0);
    }
    expect(spans.length).toBeLessThanOrEqual(8);
    expect(told(spans, 3)).toBe(true);
    expect(told(spans, 993)).toBe(false);
    expect(told(spans, 996)).toBe(true);
  });
});

test('a start after a crash looks at a bounded part of the journal again', async () => {
  const receiver = await openReceiver();
  const { running, clock } = await startNotifying();
  const { core } = running;
  await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  await untilState(running, 'DELIVERED');
  const stored = async () => (await core.ledger.get('outbox', '', ''))?.value.sequence ?? 0;
  const before = await stored();
  for (let batch = 0; batch < 21; batch++) {
    const events = Array.from({ length: 1000 }, () => {
      return event({ orgId: 'bolt', meter: 'tokens', quantity: '0' });
    });
    await ask(running, 'recordBatch', { events });
  }
  await until(stored, (sequence) => sequence > before);
  expect(core.journal.lastSequence() - (await stored())).toBeLessThan(limits.outboxEntries);
  await useTokens(running, 'acme', 15);
  const directory = crashImage(running);
  const again = await start({ directory, clock, yaml: HUNDRED_A_MONTH });
  await untilState(again, 'DELIVERED', { org_id: 'acme' });
  expect(receiver.received.length).toBeGreaterThanOrEqual(2);
  await again.stop();
});
