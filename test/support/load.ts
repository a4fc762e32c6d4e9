// A load that keeps its own book: what was sent, and what the server acknowledged.

import type { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { call } from './service.js';

export interface Book {
  /** Ids by organisation. */
  readonly acknowledged: Map<string, Set<string>>;
  readonly unsure: Map<string, Set<string>>;
}

export function createBook(): Book {
  return { acknowledged: new Map(), unsure: new Map() };
}

export function usage(orgId: string, eventId: string, quantity = '1'): UsageEvent {
  return {
    orgId,
    eventId,
    meter: 'executions',
    amount: { $case: 'quantity', value: quantity },
    eventTime: undefined,
    dimensions: new Map([['tool', 'search']]),
  };
}

/** Sends until `stopped` says so or the server is gone; every event counts 1. */
export async function sendLoad(
  client: MeteringServiceClient,
  book: Book,
  prefix: string,
  workers: number,
  stopped: () => boolean,
): Promise<void> {
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const orgId = `org-${worker % 4}`;
      for (let n = 0; !stopped(); n++) {
        const eventId = `${prefix}-${worker}-${n}`;
        try {
          await record(client, orgId, eventId);
          note(book.acknowledged, orgId, eventId);
        } catch {
          // Indefinite: the server died with it. It may have landed or not.
          note(book.unsure, orgId, eventId);
          return;
        }
      }
    }),
  );
}

export async function record(client: MeteringServiceClient, orgId: string, eventId: string) {
  const reply = await call(client, 'record', {
    event: usage(orgId, eventId),
    durability: 0,
    enforceQuota: false,
    validateOnly: false,
  });
  return reply.outcome === Outcome.OUTCOME_DUPLICATE ? 'duplicate' : 'recorded';
}

/** The total of the meter in the running month. */
export async function total(client: MeteringServiceClient, orgId: string): Promise<number> {
  const { totals } = await call(client, 'getUsage', {
    orgId,
    meters: ['executions'],
    period: '',
    startTime: undefined,
    endTime: undefined,
    groupBy: [],
    window: 0,
    timeZone: '',
  });
  return Number(totals[0]?.quantity ?? '0');
}

function note(place: Map<string, Set<string>>, orgId: string, eventId: string): void {
  const own = place.get(orgId) ?? new Set();
  own.add(eventId);
  place.set(orgId, own);
}
