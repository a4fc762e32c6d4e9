// The usage of one organisation added up from its events, as the totals would have it: by piece of
// time and label set, up to a sequence, without what was taken back by then.

import type { Sequence } from '../../base/units.js';
import type { Interval } from '../../domain/metering/calendar.js';
import {
  addEvent,
  type Cell,
  cellValue,
  emptyCell,
  isLater,
  type Level,
} from '../../domain/metering/cell.js';
import type { Meter } from '../../domain/metering/meter.js';
import type { Labels, RecordEntry } from '../../journal/entry.js';
import type { UsageSource } from '../../operations/billing/rate-period.js';
import type { Group } from '../../operations/read-usage.js';
import { eventIdKey } from '../../state/id-key.js';
import { labelText } from '../../state/label-text.js';
import type { Records } from '../../state/records.js';

export interface EventSource {
  readonly add: (entry: RecordEntry, sequence: Sequence, crc: number) => void;
  readonly upTo: (through: Sequence) => UsageSource;
}

interface Piece {
  readonly meter: Meter;
  readonly range: Interval;
  readonly through: Sequence;
  readonly groups: Map<string, { readonly labels: Labels; readonly cell: Cell }>;
  /** LAST: by source, also of events before the piece. */
  readonly levels: Map<string, { readonly level: Level; readonly labels: Labels }>;
}

export function openEventSource(records: Records, orgId: string): EventSource {
  const byMeter = new Map<string, Piece[]>();

  function addTo(piece: Piece, entry: RecordEntry, sequence: Sequence, crc: number): void {
    const { meter, range } = piece;
    const labels = meter.rollupKeys.map((key): readonly [string, string] => {
      return [key, entry.rollup.find(([own]) => own === key)?.[1] ?? ''];
    });
    const before = entry.eventTimeMs < range.endMs;
    if (entry.aggregation === 'LAST' && before) {
      const level = { timeMs: entry.eventTimeMs, sequence, quanta: entry.quanta };
      if (isLater(level, piece.levels.get(entry.subject)?.level)) {
        piece.levels.set(entry.subject, { level, labels });
      }
    }
    if (!before || entry.eventTimeMs < range.startMs) return;
    const [first = 0, second = 0] = eventIdKey(entry.orgId, entry.eventId);
    addEvent(cellOf(piece, labels), entry, sequence, (first ^ crc) >>> 0, (second + crc) >>> 0);
  }

  return {
    add(entry, sequence, crc) {
      const pieces = byMeter.get(entry.meter);
      if (pieces === undefined) return;
      const id = `${sequence}`;
      const isCorrected = records.get('correction', orgId, id) !== undefined;
      const correctedBy = isCorrected ? records.sequence('correction', orgId, id) : Infinity;
      for (const piece of pieces) {
        if (sequence > piece.through || correctedBy <= piece.through) continue;
        addTo(piece, entry, sequence, crc);
      }
    },
    upTo(through) {
      return {
        isUsed: () => true,
        begin(meter, range) {
          const piece = { meter, range, through, groups: new Map(), levels: new Map() };
          const own = byMeter.get(meter.key) ?? [];
          byMeter.set(meter.key, own);
          own.push(piece);
          return { finish: async () => groupsOf(piece) };
        },
      };
    },
  };
}

function cellOf({ groups }: Piece, labels: Labels): Cell {
  const text = labelText(labels);
  const group = groups.get(text) ?? { labels, cell: emptyCell() };
  groups.set(text, group);
  return group.cell;
}

function groupsOf(piece: Piece): readonly Group[] {
  const { aggregation } = piece.meter;
  const values = new Map<string, bigint>();
  for (const { level, labels } of piece.levels.values()) {
    cellOf(piece, labels);
    const text = labelText(labels);
    values.set(text, (values.get(text) ?? 0n) + level.quanta);
  }
  const groups = [...piece.groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([text, { labels, cell }]) => ({
    labels,
    cell,
    value: aggregation === 'LAST' ? (values.get(text) ?? 0n) : cellValue(cell, aggregation),
  }));
}
