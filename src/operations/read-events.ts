// Reading single events through the event index, in slices: the places of a chunk are taken from
// the index at once, then their entries are read from the journal. Nothing of the index is held
// while the event loop turns, since runs may be merged or dropped meanwhile.

import type { EpochMs } from '../base/units.js';
import type { CorrectionRecord } from '../domain/metering/correction.js';
import type { RecordEntry } from '../journal/entry.js';
import { decodeEntry } from '../journal/entry-codec.js';
import { limits } from '../limits.js';
import type { Account } from '../state/account.js';
import { CORRECTION } from '../state/apply-correction.js';
import type { EventPlace } from '../state/index/event-tail.js';
import { openPace } from '../state/index/pace.js';
import type { Core } from './core.js';

export interface StoredEvent {
  readonly entry: RecordEntry;
  readonly place: EventPlace;
  readonly crc: number;
  /** What took it back by the time that the reading began. */
  readonly correction: CorrectionRecord | undefined;
}

const CHUNK = 256;

/** Events with fromMs ≤ time, before `before`, newest first. Stops when `visit` returns 'stop'. */
export async function readEvents(
  core: Core,
  account: Account,
  fromMs: EpochMs,
  before: EventPlace,
  visit: (event: StoredEvent) => 'more' | 'stop',
): Promise<void> {
  const pace = openPace(core.clock, () => limits.sliceMs);
  const { number } = account.organisation;
  const upTo = core.journal.lastSequence();
  const hasCorrections = core.fold.records.count(CORRECTION, account.organisation.orgId) > 0;
  let from = before;
  for (;;) {
    const places = takeChunk(core, number, fromMs, from);
    for (const place of places) {
      if (place.sequence > upTo) continue;
      const { body, crc } = core.journal.read(place.sequence);
      const entry = decodeEntry(body);
      if (entry.kind !== 'record') throw new Error(`sequence ${place.sequence} is no event`);
      const correction = hasCorrections ? correctionOf(core, entry.orgId, place) : undefined;
      if (visit({ entry, place, crc, correction }) === 'stop') return;
      if (pace.due()) await pace.turn();
    }
    const last = places.at(-1);
    if (last === undefined || places.length < CHUNK) return;
    from = last;
  }
}

function takeChunk(
  core: Core,
  organisation: number,
  fromMs: EpochMs,
  before: EventPlace,
): readonly EventPlace[] {
  const places: EventPlace[] = [];
  for (const place of core.indexes.eventsBefore(organisation, fromMs, before)) {
    places.push(place);
    if (places.length === CHUNK) break;
  }
  return places;
}

function correctionOf(
  core: Core,
  orgId: string,
  { sequence }: EventPlace,
): CorrectionRecord | undefined {
  const record = core.fold.records.get(CORRECTION, orgId, `${sequence}`);
  return record && (JSON.parse(record.value) as CorrectionRecord);
}
