// Every organisation uses every meter once.

import type {
  MeteringServiceClient,
  RecordBatchResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import {
  Durability,
  Outcome,
  type UsageEvent,
} from '../../generated/ts/tollgate/v1/usage_event.js';

const BATCH = 1000;

export async function useMeters(
  client: MeteringServiceClient,
  organisations: number,
  meters: readonly string[],
): Promise<void> {
  const count = organisations * meters.length;
  for (let from = 0; from < count; from += BATCH) {
    const length = Math.min(BATCH, count - from);
    const events = Array.from({ length }, (_, i) => eventOf(from + i, meters));
    const { results } = await recordBatch(client, events);
    const bad = results.find(({ outcome }) => outcome !== Outcome.OUTCOME_RECORDED);
    if (bad !== undefined) throw new Error(`not recorded: ${bad.message}`);
  }
}

function eventOf(index: number, meters: readonly string[]): UsageEvent {
  return {
    orgId: `org-${Math.floor(index / meters.length)}`,
    eventId: `use-${index}`,
    meter: meters[index % meters.length] as string,
    amount: { $case: 'quantity', value: '25.125' },
    eventTime: undefined,
    dimensions: new Map(),
  };
}

function recordBatch(
  client: MeteringServiceClient,
  events: UsageEvent[],
): Promise<RecordBatchResponse> {
  const durability = Durability.DURABILITY_FSYNC;
  const request = { orgId: '', events, atomic: false, durability, enforceQuota: false };
  return new Promise((resolve, reject) => {
    client.recordBatch(request, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}
