// What memory has no room for is read when there is, and what is kept for people goes when its time
// is over. Both walk the list of deliveries, from the place before which all were removed.

import type { DurationMs } from '../base/units.js';
import { HOUR_MS } from '../base/units.js';
import type { DeliveryRecord } from '../domain/notifications/document.js';
import { BOOKKEEPER } from '../journal/entry.js';
import type { Stored } from '../ledger/ledger.js';
import { put, remove } from '../operations/change.js';
import type { Core } from '../operations/core.js';

const PAGE = 50;

export interface KeepOptions {
  /** Of those that were delivered or given up. */
  readonly retentionMs: DurationMs;
  /** A clock that jumped ahead must not remove anything. */
  readonly isClockSound: () => boolean;
}

/** The first turn reads what waits. */
export function keepDeliveriesTurn(
  core: Core,
  { retentionMs, isClockSound }: KeepOptions,
): () => Promise<void> {
  let isRead = false;
  let nextMs = core.clock.monotonicMs() + HOUR_MS;
  return async () => {
    if (!isRead) {
      await eachPage(core, '', async ({ records, place }) => {
        for (const { value } of waiting(records)) core.queues.add(value, place);
        return 'more';
      });
      isRead = true;
    }
    for (const endpointId of core.queues.endpoints()) {
      const endpoint = await core.ledger.get('webhook_endpoint', '', endpointId);
      // What waits for an endpoint that is gone is given up now, not when it is due.
      if (endpoint === undefined) core.queues.hasten(endpointId);
    }
    for (let found = core.queues.unread(); found !== undefined; found = core.queues.unread()) {
      if (core.draining()) return;
      await readOn(core, found.endpointId, found.place);
    }
    const nowMs = core.clock.monotonicMs();
    if (nowMs < nextMs || !isClockSound()) return;
    nextMs = nowMs + HOUR_MS;
    await prune(core, core.clock.wallMs() - retentionMs);
  };
}

interface ReadPage {
  readonly records: readonly Stored<'delivery'>[];
  /** Where it was read from. */
  readonly place: string;
  /** Undefined: it was the last one. */
  readonly next: string | undefined;
}

/** Until `visit` says that it is enough. The event loop turns between pages. */
async function eachPage(
  core: Core,
  from: string,
  visit: (page: ReadPage) => Promise<'enough' | 'more'>,
): Promise<void> {
  const kept = await core.ledger.get('kept_deliveries', '', '');
  let place = from || (kept?.value.from ?? '');
  while (!core.draining()) {
    const after = place === '' ? {} : { after: place };
    const query = { kind: 'delivery', order: 'oldest', limit: PAGE } as const;
    const { records, next } = await core.ledger.list({ ...query, ...after });
    if ((await visit({ records, place, next })) === 'enough' || next === undefined) return;
    place = next;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function waiting(records: readonly Stored<'delivery'>[]): readonly Stored<'delivery'>[] {
  return records.filter(({ value }) => value.state === 'PENDING');
}

/** A delivery that does not fit says from where it is to be read. */
async function readOn(core: Core, endpointId: string, from: string): Promise<void> {
  const { queues } = core;
  queues.reading(endpointId);
  try {
    await eachPage(core, from, async ({ records, place }) => {
      for (const { value } of waiting(records)) {
        if (value.endpoint_id === endpointId) queues.add(value, place);
      }
      if (!queues.isFull(endpointId)) return 'more';
      queues.readAgain(endpointId, place);
      return 'enough';
    });
  } catch (error) {
    queues.readAgain(endpointId, from);
    throw error;
  }
}

async function prune(core: Core, beforeMs: number): Promise<void> {
  // Once something stays, the place of the first that does is kept.
  let isWhole = true;
  await eachPage(core, '', async ({ records, next }) => {
    const old = records.filter(({ value }) => isOver(value, beforeMs));
    isWhole &&= old.length === records.length;
    const kept = await core.ledger.get('kept_deliveries', '', '');
    const moved =
      isWhole && next !== undefined ? [put('kept_deliveries', '', '', kept, { from: next })] : [];
    const changes = [...old.map((each) => remove('delivery', each)), ...moved];
    if (old.length > 0) {
      const common = { actor: BOOKKEEPER, action: 'deliveries.remove', orgId: '', reason: '' };
      const atMs = core.clock.wallMs();
      const { kind } = await core.ledger.commit({ ...common, atMs, changes: () => changes });
      // One of them was replayed just now.
      if (kind !== 'committed') isWhole = false;
    }
    const isYoung = ({ value }: Stored<'delivery'>) => value.created_ms >= beforeMs;
    return records.length > 0 && records.every(isYoung) ? 'enough' : 'more';
  });
}

function isOver({ state, updated_ms }: DeliveryRecord, beforeMs: number): boolean {
  return state !== 'PENDING' && updated_ms < beforeMs;
}
