// Deliveries ──▶ endpoints, a few at a time to each, in no promised order. What an attempt came to
// is stored before the next one: a crash between sending and storing sends once more, under the
// same id. Attempts run beside the turns of the pump, so one that hangs holds up nobody else.

import { setMaxListeners } from 'node:events';
import { attempted, buried } from '../domain/notifications/delivery.js';
import type { DeliveryRecord, WebhookEndpointRecord } from '../domain/notifications/document.js';
import { signedHeaders } from '../domain/notifications/signature.js';
import { BOOKKEEPER } from '../journal/entry.js';
import type { Stored } from '../ledger/ledger.js';
import { limits } from '../limits.js';
import { put } from '../operations/change.js';
import type { Core } from '../operations/core.js';
import { type Posted, postWebhook } from './post-webhook.js';

export interface Deliverer {
  /** Starts what is due. */
  readonly turn: () => Promise<void>;
  /** Starts nothing more, waits a little for what is under way, and cuts the rest off. */
  readonly stop: () => Promise<void>;
}

export interface DelivererOptions {
  /** Of Tollgate, for the receiver's log. */
  readonly version: string;
  readonly onError: (error: unknown) => void;
  /** An attempt is over: there is room for the next one. */
  readonly onLanded: () => void;
  readonly onDead: (delivery: DeliveryRecord) => void;
}

type StoredDelivery = Stored<'delivery'>;

const BURIED_AT_ONCE = 100;

export function openDeliverer(core: Core, options: DelivererOptions): Deliverer {
  const { ledger, queues, clock, metrics } = core;
  const stopping = new AbortController();
  // Every attempt under way listens.
  setMaxListeners(0, stopping.signal);
  const flights = new Set<Promise<void>>();
  let stopped = false;

  async function fly(id: string, endpoint: WebhookEndpointRecord): Promise<void> {
    const stored = await ledger.get('delivery', '', id);
    if (stored?.value.state === 'PENDING') {
      if (!isOf(stored.value, endpoint)) await bury([stored]);
      else await store(stored, await send(stored.value, endpoint));
    }
  }

  /** Whatever it came to: what still waits goes back to its queue. */
  async function land(id: string, endpointId: string, restMs: number): Promise<void> {
    queues.landed(endpointId, id);
    if (stopping.signal.aborted) return;
    const stored = await ledger.get('delivery', '', id);
    if (stored?.value.state !== 'PENDING') return;
    const nextMs = Math.max(stored.value.next_attempt_ms ?? 0, clock.wallMs() + restMs);
    queues.add({ ...stored.value, next_attempt_ms: nextMs });
  }

  /** What cannot be stored must not be sent again and again. */
  function restAfter(error: unknown): number {
    options.onError(error);
    return limits.webhookBackoffMs;
  }

  function send(delivery: DeliveryRecord, endpoint: WebhookEndpointRecord): Promise<Posted> {
    const signed = signedHeaders(delivery, endpoint.secrets, clock.wallMs());
    return postWebhook({
      url: endpoint.url,
      headers: {
        'content-type': 'application/json',
        'user-agent': `Tollgate/${options.version}`,
        ...signed,
      },
      body: delivery.payload,
      timeoutMs: limits.webhookTimeoutMs,
      signal: stopping.signal,
    });
  }

  async function store(before: StoredDelivery, posted: Posted): Promise<void> {
    if (posted.kind === 'cut off') return;
    const status = posted.kind === 'answered' ? posted.status : 0;
    const error = errorOf(posted);
    const retryAfterMs = posted.kind === 'answered' ? posted.retryAfterMs : 0;
    const attempt = { status, error, retryAfterMs };
    metrics.webhookAttempts[error === '' ? 'delivered' : 'failed'].add();
    if (core.journal.refusal('ordinary') !== undefined) return;
    const atMs = clock.wallMs();
    const next = attempted(before.value, attempt, atMs, Math.random());
    // Where it was changed meanwhile, by a replay, that holds.
    if (!(await commit('deliveries.attempt', atMs, [[before, next]]))) return;
    if (next.state !== 'DEAD') return;
    metrics.deadLetters.add();
    options.onDead(next);
  }

  async function bury(all: readonly StoredDelivery[]): Promise<void> {
    const atMs = clock.wallMs();
    const pairs = all.map((each) => [each, buried(each.value, atMs)] as const);
    if (await commit('deliveries.bury', atMs, pairs)) metrics.deadLetters.add(all.length);
  }

  async function commit(
    action: string,
    atMs: number,
    pairs: readonly (readonly [StoredDelivery, DeliveryRecord])[],
  ): Promise<boolean> {
    const changes = pairs.map(([before, next]) => put('delivery', '', before.id, before, next));
    const common = { atMs, actor: BOOKKEEPER, action, orgId: '', reason: '' };
    const { kind } = await ledger.commit({ ...common, changes: () => changes });
    return kind === 'committed';
  }

  /** Its endpoint is gone: nothing waits for it any more. */
  async function buryAll(endpointId: string): Promise<void> {
    const ids = queues.waiting(endpointId).slice(0, BURIED_AT_ONCE);
    const found = await Promise.all(ids.map((id) => ledger.get('delivery', '', id)));
    const waiting = found.flatMap((each) => (each?.value.state === 'PENDING' ? [each] : []));
    if (waiting.length > 0) await bury(waiting);
    for (const id of ids) {
      queues.drop(endpointId, id);
      const stored = await ledger.get('delivery', '', id);
      if (stored?.value.state === 'PENDING') queues.add(stored.value);
    }
  }

  function start(endpoint: WebhookEndpointRecord): void {
    const { endpoint_id: endpointId } = endpoint;
    for (;;) {
      const id = queues.take(endpointId);
      if (id === undefined) return;
      const flight: Promise<void> = fly(id, endpoint)
        .then(() => 0, restAfter)
        .then((restMs) => land(id, endpointId, restMs))
        .catch(options.onError)
        .finally(() => {
          flights.delete(flight);
          options.onLanded();
        });
      flights.add(flight);
    }
  }

  return {
    async turn() {
      for (const endpointId of queues.due()) {
        if (stopped || core.draining()) return;
        if (core.journal.refusal('ordinary') !== undefined) return;
        const endpoint = (await ledger.get('webhook_endpoint', '', endpointId))?.value;
        if (endpoint === undefined) await buryAll(endpointId);
        else if (!endpoint.disabled) start(endpoint);
      }
    },
    async stop() {
      stopped = true;
      if (flights.size === 0) return;
      const timer = setTimeout(() => stopping.abort(), limits.webhookStopMs);
      await Promise.all(flights);
      clearTimeout(timer);
    },
  };
}

/** Another endpoint may have taken the id of one that was deleted. */
function isOf(delivery: DeliveryRecord, { made_after }: WebhookEndpointRecord): boolean {
  return delivery.endpoint_made_after === made_after;
}

function errorOf(posted: Posted): string {
  switch (posted.kind) {
    case 'answered': {
      const { status } = posted;
      return status >= 200 && status < 300 ? '' : `answered with status ${status}`;
    }
    case 'failed':
      return posted.why;
    case 'cut off':
      return 'cut off';
  }
}
