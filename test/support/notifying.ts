// A service that notifies, and what tests of notifications ask of it.

import { createHmac } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { rulesYaml } from './catalogue.js';
import { createTestClock, type TestClock } from './clock.js';
import { cold, type Json } from './cold.js';
import type { Received } from './receiver.js';
import { ask, event } from './requests.js';
import { type Running, type StartOptions, start } from './service.js';

/** Thresholds at 80 and 95. */
export const HUNDRED_A_MONTH = rulesYaml('{key: r, meter: tokens, limit: 100}');

export interface Notifying {
  readonly running: Running;
  readonly clock: TestClock;
}

/** Stopped when the test is over. */
export async function startNotifying(options: StartOptions = {}): Promise<Notifying> {
  const clock = createTestClock();
  const running = await start({ yaml: HUNDRED_A_MONTH, clock, ...options });
  onTestFinished(() => running.stop());
  return { running, clock };
}

export const notify = (running: Running, method: string, request: object = {}): Promise<Json> =>
  cold(running, 'Notification', method, request);

/** Makes an endpoint; resolves with its secret beside it. */
export async function endpoint(
  running: Running,
  url: string,
  more: object = {},
): Promise<{ readonly id: string; readonly secret: string }> {
  const reply = await notify(running, 'CreateWebhookEndpoint', { endpoint: { url, ...more } });
  return { id: reply.endpoint.endpoint_id, secret: reply.secret };
}

export async function useTokens(
  running: Running,
  orgId: string,
  quantity: number | string,
  more: object = {},
): Promise<void> {
  const given = { orgId, meter: 'tokens', quantity: `${quantity}`, ...more };
  await ask(running, 'record', { event: event(given) });
}

/** No write is under way while the clock moves: it would seem to have taken as long. */
export async function advance({ running, clock }: Notifying, ms: number): Promise<void> {
  const { journal } = running.core;
  do await journal.drain();
  while (journal.lastSequence() !== journal.syncedSequence());
  clock.advance(ms);
}

export async function deliveries(running: Running, filter: object = {}): Promise<Json[]> {
  return (await notify(running, 'ListDeliveries', filter)).deliveries;
}

/** Asks again and again until it holds. */
export async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Until a delivery, the only one that `filter` meets, is in this state. */
export function untilState(running: Running, state: string, filter: object = {}): Promise<Json[]> {
  return until(
    () => deliveries(running, filter),
    (all) => all.length > 0 && all.every((each) => each.state === `DELIVERY_STATE_${state}`),
  );
}

/** The signatures that a receiver with this secret expects to find among those it got. */
export function expectSigned({ headers, body }: Received, ...secrets: readonly string[]): void {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`);
    return `v1,${hmac.digest('base64')}`;
  });
  expect(headers['webhook-signature']).toBe(signatures.join(' '));
}
