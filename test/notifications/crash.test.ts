import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import { put } from '../../src/operations/change.js';
import { createTestClock } from '../support/clock.js';
import { crashImage } from '../support/crash-image.js';
import {
  deliveries,
  endpoint,
  HUNDRED_A_MONTH,
  notify,
  startNotifying,
  until,
  untilState,
  useTokens,
} from '../support/notifying.js';
import { openReceiver, type Receiver } from '../support/receiver.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

const yaml = HUNDRED_A_MONTH;

/** Organisation and per cent → the ids that it came under. */
function idsByFact({ received }: Receiver): Map<string, Set<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { id, json } of received) {
    const fact = `${json.type} ${json.data.org_id} ${json.data.percent}`;
    ids.set(fact, (ids.get(fact) ?? new Set()).add(id));
  }
  return ids;
}

function expectEachOnce(receiver: Receiver, orgs: readonly string[]): void {
  const ids = idsByFact(receiver);
  const facts = orgs.flatMap((org) => [80, 95].map((p) => `quota.threshold_reached ${org} ${p}`));
  expect([...ids.keys()].sort()).toEqual(facts.sort());
  for (const [fact, own] of ids) expect(own.size, fact).toBe(1);
}

async function settled(running: Running): Promise<void> {
  const { core } = running;
  await until(
    async () => core.notices.position() >= core.journal.lastSequence() && core.queues.size() === 0,
    (isSettled) => isSettled,
  );
}

test('after a crash at any point each comes at least once, and under one id', async () => {
  const receiver = await openReceiver();
  const { running, clock } = await startNotifying();
  await endpoint(running, receiver.url);
  const images: string[] = [];
  const orgs: string[] = [];
  for (let round = 0; round < 25; round++) {
    const org = `org-${round}`;
    orgs.push(org);
    await useTokens(running, org, 95);
    // Before the entry is turned, between turning and sending, between sending and storing, after.
    await new Promise((done) => setTimeout(done, (round * 13) % 120));
    images.push(crashImage(running));
  }
  await receiver.got(50);
  await settled(running);
  expectEachOnce(receiver, orgs);
  for (const [round, directory] of images.entries()) {
    const before = receiver.received.length;
    const again = await start({ directory, clock, yaml });
    await settled(again);
    // What the crash has not taken is known; what it has is sent again under its first id.
    const own = await deliveries(again, {});
    expect(own).toHaveLength(2 * (round + 1));
    expect(own.every(({ state }) => state === 'DELIVERY_STATE_DELIVERED')).toBe(true);
    expect(receiver.received.length - before).toBeLessThanOrEqual(8);
    await again.stop();
  }
  expectEachOnce(receiver, orgs);
}, 120_000);

test('restarts between the steps lose and repeat nothing', async () => {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const clock = createTestClock();
  const receiver = await openReceiver(500);
  const orgs: string[] = [];
  let running = await start({ directory, clock, yaml });
  await endpoint(running, receiver.url);
  for (let round = 0; round < 5; round++) {
    orgs.push(`org-${round}`);
    await useTokens(running, `org-${round}`, 95);
    running = await running.restart();
  }
  receiver.answer(200);
  running = await running.restart();
  // What was under way is over: nothing fails at the new time and waits for a later one.
  clock.advance(60_000);
  await settled(running);
  await untilState(running, 'DELIVERED');
  expectEachOnce(receiver, orgs);
  const last = running.core.journal.lastSequence();
  running = await running.restart();
  await settled(running);
  expect(running.core.journal.lastSequence()).toBe(last);
  expect(await deliveries(running)).toHaveLength(10);
  await running.stop();
});

test('a transaction that cannot be made is made anew, and nothing is lost', async () => {
  const receiver = await openReceiver();
  const { running } = await startNotifying();
  const { ledger } = running.core;
  await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 95);
  await receiver.got(2);
  const stored = present(await ledger.get('outbox', '', ''), 'the outbox');
  const common = { atMs: 0, actor: 'test', action: 'test', orgId: '', reason: '' };
  const same = put('outbox', '', '', stored, stored.value);
  await ledger.commit({ ...common, changes: () => [same] });
  await useTokens(running, 'bolt', 95);
  await receiver.got(4);
  await settled(running);
  expectEachOnce(receiver, ['acme', 'bolt']);
  const events = running.logLines.map((line) => JSON.parse(line).event);
  expect(events.filter((event) => event === 'pump_failed')).toHaveLength(1);
});

test('what happened before an endpoint is not told to it, also by a start after a crash', async () => {
  const receiver = await openReceiver();
  const { running, clock } = await startNotifying();
  for (let n = 0; n < 20; n++) await useTokens(running, `early-${n}`, 95);
  await endpoint(running, receiver.url);
  await useTokens(running, 'late', 95);
  const directory = crashImage(running);
  await receiver.got(2);
  await settled(running);
  const again = await start({ directory, clock, yaml });
  await settled(again);
  expectEachOnce(receiver, ['late']);
  await again.stop();
});

test('a crash after a deletion leaves nothing that waits', async () => {
  const receiver = await openReceiver(500);
  const { running, clock } = await startNotifying();
  const { id } = await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 95);
  await until(
    () => deliveries(running),
    (all) => all.length === 2 && all.every(({ attempts }) => attempts === 1),
  );
  await notify(running, 'DeleteWebhookEndpoint', { endpoint_id: id });
  const again = await start({ directory: crashImage(running), clock, yaml });
  expect(await untilState(again, 'DEAD')).toHaveLength(2);
  await again.stop();
});

test('deliveries and their attempts are in the chain, and not in the audit trail', async () => {
  const receiver = await openReceiver();
  const { running } = await startNotifying();
  const { id, secret } = await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 95);
  await settled(running);
  const { entries } = await running.core.ledger.audit({ order: 'oldest', limit: 100 });
  expect(entries.map(({ action }) => action)).toEqual([
    'catalogue.import',
    'webhook_endpoints.create',
  ]);
  expect(JSON.stringify(entries)).toContain(secret);
  await notify(running, 'DeleteWebhookEndpoint', { endpoint_id: id });
  expect(await deliveries(running)).toHaveLength(2);
});
