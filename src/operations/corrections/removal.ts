// What taking back an event changes: worked out here, from the state and from the events of its day
// and windows, so that applying it reads nothing else. MAX, LAST and UNIQUE need the other events;
// those are read in slices, and what came meanwhile is looked at in the same turn that commits.

import type { EpochMs, Quanta, Sequence } from '../../base/units.js';
import { DAY_MS } from '../../base/units.js';
import { isLater, type Level } from '../../domain/metering/cell.js';
import type {
  CorrectionRecord,
  CounterCorrection,
  LevelDocument,
} from '../../domain/metering/correction.js';
import { matches, valuesOf } from '../../domain/metering/dimensions.js';
import type { Meter } from '../../domain/metering/meter.js';
import type { Counted } from '../../domain/quota/counted.js';
import type { RecordEntry } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import { spendEntry } from '../../journal/spend-entry.js';
import { limits } from '../../limits.js';
import type { Account } from '../../state/account.js';
import { CORRECTION } from '../../state/apply-correction.js';
import { windowOf } from '../../state/counter.js';
import { eventIdKey } from '../../state/id-key.js';
import { labelText, QUARTER_MS } from '../../state/label-text.js';
import { labelsOf, readLevels } from '../../state/totals.js';
import type { CounterWindow } from '../../state/values.js';
import { readFirst } from '../check-event.js';
import type { Core } from '../core.js';
import { readEvents } from '../read-events.js';
import { Refusal } from '../refusal.js';

export interface Removal {
  /** To be called in the turn that commits. */
  readonly finish: () => Omit<
    CorrectionRecord,
    'reason' | 'replacement_id' | 'replacement_sequence' | 'at_ms' | 'effect'
  >;
}

/** An event that is not taken back itself. */
interface Other {
  readonly entry: RecordEntry;
  readonly sequence: Sequence;
}

export async function beginRemoval(
  core: Core,
  account: Account,
  meter: Meter | undefined,
  entry: RecordEntry,
  sequence: Sequence,
  crc: number,
): Promise<Removal> {
  const counters = windowsOf(core, account, entry, sequence);
  const adds = entry.aggregation === 'SUM' || entry.aggregation === 'COUNT';
  const range = adds ? undefined : rangeOf(entry, counters);
  const through = core.journal.lastSequence();
  const others: Other[] = [];
  const take = (other: Other) => {
    if (other.sequence === sequence || other.entry.meter !== entry.meter) return;
    if (!matters(entry, other.entry)) return;
    if (others.length >= limits.correctionEvents) throw tooMany();
    others.push(other);
  };
  if (range !== undefined) {
    const before = { timeMs: range.endMs, sequence: 0 };
    await readEvents(core, account, range.startMs, before, (each) => {
      if (each.correction === undefined && each.place.sequence <= through) {
        take({ entry: each.entry, sequence: each.place.sequence });
      }
      return 'more';
    });
  }
  return {
    finish() {
      if (range !== undefined) takeSince(core, entry, through, range, take);
      // The event in its place is recorded by now, and may have opened a window anew.
      const left = windowsOf(core, account, entry, sequence).filter(
        ({ change }) => adds || counters.some((each) => each.change === change),
      );
      const standing = others.filter((other) => !isCorrected(core, entry.orgId, other.sequence));
      return {
        ...identityOf(entry, sequence, crc),
        ...totalsLeft(core, account, entry, sequence, standing),
        counters: left.map((each) => counterLeft(entry, meter, each, standing)),
        ...spendLeft(core, account, entry, sequence),
      };
    },
  };
}

interface Window {
  readonly change: RecordEntry['counters'][number];
  readonly window: CounterWindow;
  /** Where it is still counted. */
  readonly counted: Counted | undefined;
}

/** The windows that counted the event and still do. */
function windowsOf(
  core: Core,
  account: Account,
  entry: RecordEntry,
  sequence: Sequence,
): readonly Window[] {
  const { counted } = core.terms.of(entry.orgId, core.clock.wallMs()).meter(entry.meter);
  return entry.counters.flatMap((change): Window[] => {
    const { combination, scopeValues, windowStartMs } = change;
    const counter = core.fold.counter(account, entry.meter, combination, scopeValues);
    const window = counter && windowOf(counter, windowStartMs);
    if (window === undefined) return [];
    const own = counted.find((c) => c.combination === combination);
    // A window of a scope that was opened anew since then began at 0; '' may be a scope as well.
    const isScoped = own === undefined ? scopeValues !== '' : own.rule.scope.length > 0;
    if (window.openedBy > sequence && isScoped) return [];
    return [{ change, window, counted: own }];
  });
}

interface Range {
  readonly startMs: EpochMs;
  readonly endMs: EpochMs;
}

/** Not now: where the clock was set back, there are events of later times. */
const NO_END_MS: EpochMs = Number.MAX_SAFE_INTEGER;

/** The event's day, and the windows that it counts in. */
function rangeOf(entry: RecordEntry, windows: readonly Window[]): Range {
  const dayMs = Math.floor(entry.eventTimeMs / DAY_MS) * DAY_MS;
  if (entry.aggregation === 'LAST') return { startMs: dayMs, endMs: dayMs + DAY_MS };
  const spans = windows.map(({ counted, change }) => {
    const span = counted?.windowAt(entry.eventTimeMs);
    return { startMs: change.windowStartMs, endMs: span?.endMs ?? NO_END_MS };
  });
  return {
    startMs: Math.min(dayMs, ...spans.map(({ startMs }) => startMs)),
    endMs: Math.max(dayMs + DAY_MS, ...spans.map(({ endMs }) => endMs)),
  };
}

/** Whether another event can be what is left. */
function matters(entry: RecordEntry, other: RecordEntry): boolean {
  if (entry.aggregation === 'MAX') return other.quanta > 0n;
  return other.subject === entry.subject;
}

/** What was recorded while the others were read. */
function takeSince(
  core: Core,
  entry: RecordEntry,
  through: Sequence,
  range: Range,
  take: (other: Other) => void,
): void {
  for (let sequence = through + 1; sequence <= core.journal.lastSequence(); sequence++) {
    const other = decodeEntry(core.journal.read(sequence).body);
    if (other.kind !== 'record' || other.orgId !== entry.orgId) continue;
    if (other.eventTimeMs < range.startMs || other.eventTimeMs >= range.endMs) continue;
    take({ entry: other, sequence });
  }
}

function isCorrected(core: Core, orgId: string, sequence: Sequence): boolean {
  return core.fold.records.get(CORRECTION, orgId, `${sequence}`) !== undefined;
}

function identityOf(entry: RecordEntry, sequence: Sequence, crc: number) {
  const [first = 0, second = 0] = eventIdKey(entry.orgId, entry.eventId);
  return {
    org_id: entry.orgId,
    event_id: entry.eventId,
    event_sequence: sequence,
    meter: entry.meter,
    aggregation: entry.aggregation,
    quanta: `${entry.quanta}`,
    event_time_ms: entry.eventTimeMs,
    rollup: entry.rollup,
    subject: entry.subject,
    hash_low: (first ^ crc) >>> 0,
    hash_high: (second + crc) >>> 0,
  };
}

/** What is left in the event's label set, day and quarter hour. */
function totalsLeft(
  core: Core,
  account: Account,
  entry: RecordEntry,
  sequence: Sequence,
  others: readonly Other[],
): Partial<CorrectionRecord> {
  const own = labelText(entry.rollup);
  const same = others.filter((other) => labelText(other.entry.rollup) === own);
  const within = (lengthMs: number) => {
    const startMs = Math.floor(entry.eventTimeMs / lengthMs) * lengthMs;
    return same.filter(({ entry: { eventTimeMs } }) => {
      return eventTimeMs >= startMs && eventTimeMs < startMs + lengthMs;
    });
  };
  if (entry.aggregation === 'MAX') {
    return { day_max: greatest(within(DAY_MS)), quarter_max: greatest(within(QUARTER_MS)) };
  }
  if (entry.aggregation !== 'LAST') return {};
  const day = latest(within(DAY_MS));
  const levels = {
    day_level: toDocument(day),
    quarter_level: toDocument(latest(within(QUARTER_MS))),
  };
  const now = core.fold.levels(account, entry.meter)?.sources.get(entry.subject);
  if (now?.sequence !== sequence) return levels;
  return { ...levels, level_now: levelNow(core, account, entry, latest(others)) };
}

/** The source's level without the event: of its day, else of the days before. */
function levelNow(
  core: Core,
  account: Account,
  entry: RecordEntry,
  ofDay: Other | undefined,
): NonNullable<CorrectionRecord['level_now']> | null {
  if (ofDay !== undefined) {
    return { ...(toDocument(ofDay) as LevelDocument), labels: ofDay.entry.labels };
  }
  const dayMs = Math.floor(entry.eventTimeMs / DAY_MS) * DAY_MS;
  const before = readLevels(core.fold, account, entry.meter, dayMs).get(entry.subject);
  if (before === undefined) return null;
  const { timeMs: time_ms, sequence, quanta, labelSet } = before;
  const kept = labelsOf(core.fold, account, entry.meter, labelSet);
  const labels = isReadable(core, sequence) ? readFirst(core, sequence).first.labels : kept;
  return { time_ms, sequence, quanta: `${quanta}`, labels };
}

function isReadable(core: Core, sequence: Sequence): boolean {
  return sequence >= 1 && sequence <= core.journal.lastSequence();
}

function counterLeft(
  entry: RecordEntry,
  meter: Meter | undefined,
  { change, window, counted }: Window,
  others: readonly Other[],
): CounterCorrection {
  const { combination, scopeValues, windowStartMs } = change;
  const place = {
    combination,
    scope_values: scopeValues,
    window_start_ms: windowStartMs,
    unseen: false,
  };
  const none = { ...place, delta: '0' };
  if (meter === undefined || entry.aggregation === 'LAST') return none;
  if (entry.aggregation === 'SUM' || entry.aggregation === 'COUNT') {
    const taken = change.delta < window.used ? change.delta : window.used;
    return { ...place, delta: `${-taken}` };
  }
  // A window from first use holds what was recorded in it, whatever its event time.
  if (counted === undefined || counted.rule.window === 'FIXED_FROM_FIRST_USE') return none;
  const rule = counted.rule;
  const endMs = counted.windowAt(entry.eventTimeMs).endMs ?? Number.POSITIVE_INFINITY;
  const inWindow = others.filter(({ entry: other }) => {
    const labels = new Map(other.labels);
    const inTime = other.eventTimeMs >= windowStartMs && other.eventTimeMs < endMs;
    return inTime && matches(rule.match, labels) && valuesOf(rule.scope, labels) === scopeValues;
  });
  if (entry.aggregation === 'UNIQUE') {
    const isLast = inWindow.length === 0 && window.used > 0n;
    return { ...place, delta: isLast ? '-1' : '0', unseen: isLast };
  }
  if (entry.quanta < window.used) return none;
  const left = BigInt(greatest(inWindow) ?? '0');
  return left < window.used ? { ...place, delta: `${left - window.used}` } : none;
}

/** All that it spent is taken back, to the last decimal. */
function spendLeft(
  core: Core,
  account: Account,
  entry: RecordEntry,
  sequence: Sequence,
): Pick<CorrectionRecord, 'spend'> {
  const spent = spendEntry(entry);
  if (spent === undefined) return {};
  const counters = windowsOf(core, account, spent, sequence).map(({ change }) => ({
    combination: change.combination,
    scope_values: change.scopeValues,
    window_start_ms: change.windowStartMs,
    delta: `${-change.delta}`,
    unseen: false,
  }));
  return { spend: { quanta: `${spent.quanta}`, counters } };
}

function greatest(others: readonly Other[]): string | null {
  let most: Quanta | undefined;
  for (const { entry } of others)
    if (most === undefined || entry.quanta > most) most = entry.quanta;
  return most === undefined ? null : `${most}`;
}

function latest(others: readonly Other[]): Other | undefined {
  let last: Other | undefined;
  for (const other of others) {
    if (last === undefined || isLater(levelOf(other), levelOf(last))) last = other;
  }
  return last;
}

function levelOf({ entry, sequence }: Other): Level {
  return { timeMs: entry.eventTimeMs, sequence, quanta: entry.quanta };
}

function toDocument(other: Other | undefined): LevelDocument | null {
  if (other === undefined) return null;
  const { timeMs: time_ms, sequence, quanta } = levelOf(other);
  return { time_ms, sequence, quanta: `${quanta}` };
}

function tooMany(): Refusal {
  const text = `its windows hold more than ${limits.correctionEvents} events to be looked at`;
  return new Refusal('RESOURCE_EXHAUSTED', 'CORRECTION_TOO_LARGE', text);
}
