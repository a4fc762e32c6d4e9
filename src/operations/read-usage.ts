// Usage of one meter over a range, by groups of labels: from the totals on the 15-minute grid, from
// single events at ragged edges or for a key that the totals do not keep.

import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import {
  addEvent,
  type Cell,
  cellValue,
  emptyCell,
  isLater,
  type Level,
  mergeCell,
} from '../domain/metering/cell.js';
import type { CorrectionRecord } from '../domain/metering/correction.js';
import type { Meter } from '../domain/metering/meter.js';
import { SPEND } from '../domain/metering/spend.js';
import type { Labels } from '../journal/entry.js';
import { spendEntry } from '../journal/spend-entry.js';
import { limits } from '../limits.js';
import type { Account } from '../state/account.js';
import { CORRECTION } from '../state/apply-correction.js';
import { eventIdKey } from '../state/id-key.js';
import { labelText, QUARTER_MS } from '../state/label-text.js';
import { labelsOf, readCells, readLevels } from '../state/totals.js';
import { readFirst } from './check-event.js';
import type { Core } from './core.js';
import { readEvents } from './read-events.js';
import { invalidField } from './refusal.js';

export interface Group {
  readonly labels: Labels;
  readonly cell: Cell;
  /** The aggregation's value over the range. */
  value: Quanta;
}

export interface Range {
  readonly startMs: EpochMs;
  /** Exclusive. */
  readonly endMs: EpochMs;
}

/** Groups by the values of `keys`, in order of their labels; those without usage are absent. */
export function readUsage(
  core: Core,
  account: Account,
  meter: Meter,
  range: Range,
  keys: readonly string[],
): Promise<readonly Group[]> {
  const begun = beginUsage(core, account, meter, range, keys, limits.scanEvents);
  return begun.finish(core.journal.lastSequence());
}

/** What the totals say is read already; single events are read when it is finished. */
export interface UsageBegun {
  /** `through`: the last sequence when it was begun. */
  readonly finish: (through: Sequence) => Promise<readonly Group[]>;
}

/**
 * Several that are begun in one turn and finished later are of one moment. `scanMax`: how many
 * single events may be read.
 */
export function beginUsage(
  core: Core,
  account: Account,
  meter: Meter,
  range: Range,
  keys: readonly string[],
  scanMax: number,
): UsageBegun {
  const groups = createGroups(meter);
  const { startMs, endMs } = range;
  const kept = keys.every((key) => meter.rollupKeys.includes(key));
  const innerStart = Math.ceil(startMs / QUARTER_MS) * QUARTER_MS;
  const innerEnd = Math.floor(endMs / QUARTER_MS) * QUARTER_MS;
  const whole = !kept || innerStart >= innerEnd;
  const { key, aggregation } = meter;
  if (!whole) {
    const cells = readCells(core.fold, account, key, aggregation, innerStart, innerEnd);
    for (const [id, cell] of cells) {
      // All of its events were taken back.
      if (cell.count === 0) continue;
      const labels = new Map(labelsOf(core.fold, account, key, id));
      mergeCell(groups.at(project(keys, labels)).cell, cell, aggregation);
    }
  }
  const edges = whole
    ? [range]
    : [
        { startMs, endMs: innerStart },
        { startMs: innerEnd, endMs },
      ];
  const levels = aggregation === 'LAST' ? beginLevels(core, account, meter, endMs) : undefined;
  return {
    async finish(through) {
      for (const edge of edges) {
        if (edge.startMs >= edge.endMs) continue;
        await addEvents(core, account, meter, edge, { keys, kept, groups, through, scanMax });
      }
      if (levels !== undefined) {
        const into = { keys, kept, groups, through, scanMax };
        await carryLevels(core, account, meter, endMs, levels, into);
      }
      return groups.sorted();
    },
  };
}

interface Into {
  readonly keys: readonly string[];
  /** Whether the totals keep all of them. */
  readonly kept: boolean;
  readonly groups: Groups;
  readonly through: Sequence;
  readonly scanMax: number;
}

interface Groups {
  readonly at: (labels: Labels) => Group;
  readonly sorted: () => readonly Group[];
}

function createGroups(meter: Meter): Groups {
  const byText = new Map<string, Group>();
  return {
    at(labels) {
      const text = labelText(labels);
      const known = byText.get(text);
      if (known !== undefined) return known;
      const group = { labels, cell: emptyCell(), value: 0n };
      byText.set(text, group);
      return group;
    },
    sorted() {
      const entries = [...byText].sort(([a], [b]) => (a < b ? -1 : 1));
      return entries.map(([, group]) => {
        if (meter.aggregation !== 'LAST') group.value = cellValue(group.cell, meter.aggregation);
        return group;
      });
    },
  };
}

/** Adds the events of a range one by one; too many is the caller's fault, and says so. */
async function addEvents(
  core: Core,
  account: Account,
  meter: Meter,
  range: Range,
  { keys, kept, groups, through, scanMax }: Into,
): Promise<void> {
  let scanned = 0;
  const before = { timeMs: range.endMs, sequence: 0 };
  await readEvents(
    core,
    account,
    range.startMs,
    before,
    ({ entry: of, place, crc, correction }) => {
      if (++scanned > scanMax) throw tooManyEvents();
      const entry = meter.key === SPEND ? spendEntry(of) : of;
      if (entry?.meter !== meter.key || place.sequence > through) return 'more';
      if (correction !== undefined && correctedBy(core, correction) <= through) return 'more';
      // Under the labels that the totals have it under: some may stand as `other`.
      const labels = new Map(kept ? entry.rollup : entry.labels);
      const { cell } = groups.at(project(keys, labels));
      const [first = 0, second = 0] = eventIdKey(entry.orgId, entry.eventId);
      addEvent(cell, entry, place.sequence, (first ^ crc) >>> 0, (second + crc) >>> 0);
      return 'more';
    },
  );
}

/** The entry that took an event back. */
function correctedBy(core: Core, { org_id, event_sequence }: CorrectionRecord): Sequence {
  return core.fold.records.sequence(CORRECTION, org_id, `${event_sequence}`);
}

function tooManyEvents() {
  const text =
    `needs more than ${limits.scanEvents} single events: group by rollup keys of the meter, ` +
    'use times on the 15-minute grid, or a shorter range';
  return invalidField('group_by', text);
}

/** A level holds until its source reports another one: also over the ends of windows. */
async function carryLevels(
  core: Core,
  account: Account,
  meter: Meter,
  endMs: EpochMs,
  begun: Map<string, LatestLevel>,
  { keys, kept, groups, through, scanMax }: Into,
): Promise<void> {
  const until = { through, scanMax };
  const latest = await latestLevels(core, account, meter, endMs, begun, until);
  for (const { level, labelSet } of latest.values()) {
    const labels =
      kept && labelSet !== undefined
        ? labelsOf(core.fold, account, meter.key, labelSet)
        : labelsOfEvent(core, level.sequence);
    groups.at(project(keys, new Map(labels))).value += level.quanta;
  }
}

interface LatestLevel {
  readonly level: Level;
  readonly labelSet: number | undefined;
}

/** Every source's level at the end of the last whole bucket. */
function beginLevels(
  core: Core,
  account: Account,
  meter: Meter,
  endMs: EpochMs,
): Map<string, LatestLevel> {
  const gridMs = Math.floor(endMs / QUARTER_MS) * QUARTER_MS;
  const latest = new Map<string, LatestLevel>();
  for (const [source, level] of readLevels(core.fold, account, meter.key, gridMs)) {
    latest.set(source, { level, labelSet: level.labelSet });
  }
  return latest;
}

/** Every source's level at `endMs`: from buckets, and from single events behind the last one. */
async function latestLevels(
  core: Core,
  account: Account,
  meter: Meter,
  endMs: EpochMs,
  latest: Map<string, LatestLevel>,
  { through, scanMax }: Pick<Into, 'through' | 'scanMax'>,
): Promise<Map<string, LatestLevel>> {
  const gridMs = Math.floor(endMs / QUARTER_MS) * QUARTER_MS;
  if (gridMs === endMs) return latest;
  const before = { timeMs: endMs, sequence: 0 };
  let scanned = 0;
  await readEvents(core, account, gridMs, before, ({ entry, place, correction }) => {
    if (++scanned > scanMax) throw tooManyEvents();
    if (entry.meter !== meter.key || place.sequence > through) return 'more';
    if (correction !== undefined && correctedBy(core, correction) <= through) return 'more';
    const level = { ...place, quanta: entry.quanta };
    if (isLater(level, latest.get(entry.subject)?.level)) {
      latest.set(entry.subject, { level, labelSet: undefined });
    }
    return 'more';
  });
  return latest;
}

function labelsOfEvent(core: Core, sequence: Sequence): Labels {
  return readFirst(core, sequence).first.labels;
}

function project(keys: readonly string[], labels: ReadonlyMap<string, string>): Labels {
  return keys.map((key) => [key, labels.get(key) ?? '']);
}
