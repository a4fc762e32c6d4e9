import { expect, test } from 'vitest';
import {
  deliveries,
  endpoint,
  HUNDRED_A_MONTH,
  startNotifying,
  until,
  untilState,
  useTokens,
} from '../support/notifying.js';
import { openReceiver } from '../support/receiver.js';
import { start } from '../support/service.js';

test('a receiver that hangs holds up no other, and gets a few at a time', async () => {
  const [hanging, well] = [await openReceiver('hang'), await openReceiver()];
  const { running } = await startNotifying();
  const { id } = await endpoint(running, hanging.url);
  const { id: wellId } = await endpoint(running, well.url);
  const orgs = Array.from({ length: 20 }, (_, i) => `org-${i}`);
  for (const org of orgs) await useTokens(running, org, 80);
  await well.got(20);
  await untilState(running, 'DELIVERED', { endpoint_id: wellId });
  expect(hanging.hanging()).toBe(4);
  expect(await deliveries(running, { endpoint_id: id, state: 1 })).toHaveLength(20);
});

test('a stop waits for no receiver that hangs; the next start sends again, by one id', async () => {
  const receiver = await openReceiver('hang');
  const { running, clock } = await startNotifying();
  await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  await receiver.got(1);
  const startedMs = performance.now();
  const { directory } = running;
  receiver.answer('hang', 200);
  await running.service.close();
  // One second, and what the rest of a stop takes.
  expect(performance.now() - startedMs).toBeLessThan(5000);
  receiver.answer(200);
  const again = await start({ directory, clock, yaml: HUNDRED_A_MONTH });
  try {
    const [first, second] = await receiver.got(2);
    expect(second?.id).toBe(first?.id);
    const [delivery] = await untilState(again, 'DELIVERED');
    // The attempt that was cut off is not known to have been made.
    expect(delivery.attempts).toBe(1);
  } finally {
    await again.stop();
  }
});

test('an answer without end is an answer', async () => {
  const receiver = await openReceiver((response) => {
    response.writeHead(200);
    const chunk = 'x'.repeat(1000);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const { running } = await startNotifying();
  await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  const [delivery] = await untilState(running, 'DELIVERED');
  expect(delivery).toMatchObject({ attempts: 1, last_status: 200 });
});

test('what came before a bound on memory is sent as well', async () => {
  const receiver = await openReceiver();
  const { running } = await startNotifying();
  const orgs = Array.from({ length: 300 }, (_, i) => `org-${i}`);
  await endpoint(running, receiver.url);
  await Promise.all(orgs.map((org) => useTokens(running, org, 95)));
  const all = await receiver.got(600);
  expect(new Set(all.map(({ id }) => id)).size).toBe(600);
  await until(
    async () => running.core.queues.size(),
    (size) => size === 0,
  );
});
