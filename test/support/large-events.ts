// Events that fill a journal fast: four batches make 4 MiB, and little of it can be compressed.

import { randomBytes } from 'node:crypto';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { usage } from './load.js';
import { ask } from './requests.js';
import type { ServerProcess } from './server-process.js';

const EVENTS_PER_BATCH = 250;
const LABELS = 15;

/** About 1 MiB on the disk: all of it is recorded, or nothing. */
export async function recordLarge(
  server: ServerProcess,
  orgId: string,
  prefix: string,
): Promise<readonly string[]> {
  const events = Array.from({ length: EVENTS_PER_BATCH }, (_, i) => large(orgId, `${prefix}-${i}`));
  const { results } = await ask(server, 'recordBatch', { orgId, events, atomic: true });
  return results
    .filter(({ outcome }) => outcome === Outcome.OUTCOME_RECORDED)
    .map(({ eventId }) => eventId);
}

function large(orgId: string, eventId: string): UsageEvent {
  const labels = Array.from({ length: LABELS }, (_, i): [string, string] => [
    `note_${i}`,
    randomBytes(192).toString('base64'),
  ]);
  return { ...usage(orgId, eventId), dimensions: new Map(labels) };
}

/** How many of the ids the server knows: sent with another body, these are conflicts. */
export async function countKnown(
  server: ServerProcess,
  orgId: string,
  ids: readonly string[],
): Promise<number> {
  let known = 0;
  for (let from = 0; from < ids.length; from += 1000) {
    const events = ids.slice(from, from + 1000).map((eventId) => usage(orgId, eventId, '2'));
    const { results } = await ask(server, 'recordBatch', { orgId, events });
    known += results.filter(({ outcome }) => outcome === Outcome.OUTCOME_CONFLICT).length;
  }
  return known;
}
