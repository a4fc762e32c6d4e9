// ListUsageEvents: single events, newest event time first, from the event index.

import type {
  ListUsageEventsRequest,
  ListUsageEventsResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { RecordedEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { formatUnits } from '../base/decimal.js';
import { hash32 } from '../base/hash.js';
import type { CorrectionRecord } from '../domain/metering/correction.js';
import type { Match } from '../domain/metering/dimensions.js';
import { matches } from '../domain/metering/dimensions.js';
import { parseRunText } from '../domain/metering/run-units.js';
import type { RecordEntry } from '../journal/entry.js';
import { sharedUpTo } from '../journal/identity.js';
import { limits } from '../limits.js';
import type { EventPlace } from '../state/index/event-tail.js';
import { type Answer, type Core, catalogueOf } from './core.js';
import { decodePageToken, encodePageToken, pageSizeOf } from './page.js';
import {
  checkMeter,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
  toTimestamp,
} from './parse.js';
import { readEvents } from './read-events.js';

export async function listUsageEvents(
  core: Core,
  request: ListUsageEventsRequest,
): Promise<Answer<ListUsageEventsResponse>> {
  const faults = createFaults();
  checkOrgId(request.orgId, 'org_id', faults);
  if (request.meter !== '') checkMeter(request.meter, 'meter', faults);
  const fromMs = parseTime(request.startTime, 'start_time', faults) ?? 0;
  const toMs = parseTime(request.endTime, 'end_time', faults) ?? Number.MAX_SAFE_INTEGER;
  const filter = parseFilters(request.dimensionFilters, faults);
  const list = listName(request);
  const token = decodePageToken(request.pageToken, list, faults);
  if (token !== undefined) checkHistory(core, token, faults);
  refuseFaults(faults);
  const reply: ListUsageEventsResponse = { events: [], nextPageToken: '' };
  const account = core.fold.account(request.orgId);
  if (account === undefined) return { reply, after: core.journal.lastSequence() };
  const size = pageSizeOf(request.pageSize);
  const start = placeOf(token) ?? { timeMs: toMs, sequence: 0 };
  let last: EventPlace | undefined;
  let scanned = 0;
  await readEvents(core, account, fromMs, start, ({ entry, place, correction }) => {
    // A full page, or a long search through events that the filter leaves out: go on from here.
    if (reply.events.length === size || scanned++ === limits.scanEvents) {
      if (last !== undefined) {
        const { incarnation } = core.history;
        const seen = core.journal.lastSequence();
        const at = [last.timeMs, last.sequence, incarnation, seen];
        reply.nextPageToken = encodePageToken(list, at);
      }
      return 'stop';
    }
    last = place;
    const wanted = request.meter === '' || entry.meter === request.meter;
    if (wanted && matches(filter, new Map(entry.labels))) {
      reply.events.push(toRecordedEvent(core, entry, place.sequence, correction));
    }
    return 'more';
  });
  return { reply, after: core.journal.lastSequence() };
}

/** What was listed before a repair or restore may not be there any more. */
function checkHistory({ history }: Core, token: Place, faults: Faults): void {
  const [, , incarnation = history.incarnation, seen = 0] = token;
  if (Number(seen) <= sharedUpTo(history, Number(incarnation))) return;
  faults.add('page_token', 'is from before a restore or repair that took entries away: begin anew');
}

/** A page token belongs to one request: its other fields must not change. */
function listName(request: ListUsageEventsRequest): string {
  const { orgId, meter, dimensionFilters, startTime, endTime } = request;
  const times = [startTime, endTime].map((time) => time && [`${time.seconds}`, time.nanos]);
  return `events ${hash32(JSON.stringify([orgId, meter, dimensionFilters, times]))}`;
}

function parseFilters(filters: readonly string[], faults: Faults): Match {
  if (filters.length > limits.dimensions) {
    faults.add('dimension_filters', `must hold at most ${limits.dimensions} filters`);
  }
  return filters.map((filter, index): readonly [string, string] => {
    const split = filter.indexOf('=');
    if (split < 1) faults.add(`dimension_filters[${index}]`, 'must be "key=value"');
    return [filter.slice(0, split), filter.slice(split + 1)];
  });
}

type Place = readonly (string | number)[];

function placeOf(token: Place | undefined): EventPlace | undefined {
  if (token === undefined) return undefined;
  return { timeMs: Number(token[0]), sequence: Number(token[1]) };
}

function toRecordedEvent(
  core: Core,
  entry: RecordEntry,
  sequence: number,
  correction: CorrectionRecord | undefined,
): RecordedEvent {
  return {
    orgId: entry.orgId,
    eventId: entry.eventId,
    meter: entry.meter,
    unit: catalogueOf(core).everyMeter.get(entry.meter)?.unit ?? '',
    quantity: formatUnits(entry.quanta, entry.scale),
    run: parseRunText(entry.amountText),
    eventTime: toTimestamp(entry.eventTimeMs),
    recordedTime: toTimestamp(entry.atMs),
    dimensions: new Map(entry.labels),
    sequence: BigInt(sequence),
    late: entry.late,
    catalogueVersion: BigInt(entry.catalogueVersion),
    reservationId: entry.reservationId,
    voided: correction !== undefined,
    replacesEventId: replacedBy(core, entry.orgId, sequence),
    replacedByEventId: correction?.replacement_id ?? '',
  };
}

function replacedBy(core: Core, orgId: string, sequence: number): string {
  const { records } = core.fold;
  if (records.count('amendment', orgId) === 0) return '';
  const record = records.get('amendment', orgId, `${sequence}`);
  return record === undefined ? '' : (JSON.parse(record.value) as { event_id: string }).event_id;
}
