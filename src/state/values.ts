// The values of the state and how they are written. Keys begin with a letter per table; parts are
// separated by U+0004, which no part can hold.

import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import type { Cell, Level } from '../domain/metering/cell.js';
import type { HoldItem, Labels } from '../journal/entry.js';
import { type Codec, type Kept, kept } from './kept.js';

const SEPARATOR = '\u0004';

export function keyOf(prefix: string, ...parts: readonly (string | number)[]): string {
  return prefix + parts.join(SEPARATOR);
}

/** An organisation that has appeared. */
export interface Organisation extends Kept {
  readonly orgId: string;
  readonly number: number;
  /** Usage before this time is invoiced: what comes for it now is late. */
  closedToMs: EpochMs;
  /** Event time of the earliest usage that came late and is not on an invoice yet; else none. */
  changedFromMs: EpochMs;
  /** The last entry that moved it. */
  changedSequence: Sequence;
}

export const NONE_CHANGED: EpochMs = Number.MAX_SAFE_INTEGER;

/** One meter of one organisation. */
export interface Series extends Kept {
  readonly organisation: number;
  readonly meter: string;
  /** Label sets seen so far; the next one gets this as its id. */
  labelSets: number;
  /** UTC month that `labelSetsInMonth` counts in. */
  monthMs: EpochMs;
  labelSetsInMonth: number;
  /** Bounds of the buckets that hold something. */
  firstMs: EpochMs;
  lastMs: EpochMs;
}

export interface CounterWindow {
  startMs: EpochMs;
  used: Quanta;
  /** Set where the counter began later than its window and could not be filled from the totals. */
  sinceMs: EpochMs | undefined;
  raised: number[];
  raisedLimit: Quanta;
  /** The event that opened it, or opened it anew: after an idle time, or having missed some. */
  openedBy: Sequence;
  /** Catalogue version of the last change. */
  version: number;
}

/** A quota counter: the latest windows that were used, and what open holds reserve. */
export interface Counter extends Kept {
  /** Latest first; up to three. */
  windows: CounterWindow[];
  reserved: Quanta;
  touchedMs: EpochMs;
  /** Start of the newest window that had to make room; −1: none had. */
  droppedMs: EpochMs;
}

export interface LabelSet extends Kept {
  readonly id: number;
  monthMs: EpochMs;
}

export interface LabelName extends Kept {
  readonly labels: Labels;
}

/** Up to 64 label sets of one bucket. */
export interface Page extends Kept {
  readonly cells: Map<number, Cell>;
}

/** LAST: every source's level now. */
export interface Levels extends Kept {
  readonly sources: Map<string, Level & { readonly labels: Labels }>;
  total: Quanta;
}

/** UNIQUE: the latest windows in which a counter has seen a value, as many as it keeps. */
export interface SeenValue extends Kept {
  marks: string[];
}

/** A slot for an open hold; overwritten when it is free again. */
export interface HoldSlot extends Kept {
  hold: Hold | undefined;
}

export interface Hold {
  readonly orgId: string;
  readonly reservationId: string;
  readonly fingerprint: number;
  readonly sequence: Sequence;
  readonly createdMs: EpochMs;
  readonly expiresMs: EpochMs;
  readonly items: readonly HoldItem[];
}

/** One text: the catalogue document with its version. */
export interface Note extends Kept {
  version: number;
  text: string;
}

/** A record of the ledger in its latest version. */
export interface LedgerRecord extends Kept {
  version: number;
  /** The entry that wrote this version. */
  sequence: Sequence;
  /** JSON; '' where it was removed. */
  value: string;
}

/** 256 ids of a list, in order of creation. */
export interface ListPage extends Kept {
  readonly ids: string[];
  /** Of the whole list, in its first page; elsewhere 0. */
  total: number;
}

export const organisationCodec: Codec<Organisation> = {
  prefix: 'o',
  encode: (o) => [o.orgId, o.number, o.closedToMs, o.changedFromMs, o.changedSequence],
  decode: (key, data: [string, number, number, number, number]) => {
    const [orgId, number, closedToMs, changedFromMs, changedSequence] = data;
    return { key, ...kept(), orgId, number, closedToMs, changedFromMs, changedSequence };
  },
};

type SeriesData = [number, string, number, number, number, number, number];
export const seriesCodec: Codec<Series> = {
  prefix: 's',
  encode: (s) => [
    s.organisation,
    s.meter,
    s.labelSets,
    s.monthMs,
    s.labelSetsInMonth,
    s.firstMs,
    s.lastMs,
  ],
  decode: (key, data: SeriesData) => {
    const [organisation, meter, labelSets, monthMs, labelSetsInMonth, firstMs, lastMs] = data;
    return {
      key,
      ...kept(),
      organisation,
      meter,
      labelSets,
      monthMs,
      labelSetsInMonth,
      firstMs,
      lastMs,
    };
  },
};

type WindowData = [number, string, number | null, number[], string, number, number];
export const counterCodec: Codec<Counter> = {
  prefix: 'c',
  encode: ({ windows, reserved, touchedMs, droppedMs }) => [
    windows.map(encodeWindow),
    `${reserved}`,
    touchedMs,
    droppedMs,
  ],
  decode: (key, data: [WindowData[], string, number, number]) => decodeCounter(key, data),
};

function encodeWindow(w: CounterWindow): WindowData {
  const since = w.sinceMs ?? null;
  return [w.startMs, `${w.used}`, since, w.raised, `${w.raisedLimit}`, w.openedBy, w.version];
}

function decodeCounter(
  key: string,
  [windows, reserved, touchedMs, droppedMs]: [WindowData[], string, number, number],
): Counter {
  return {
    key,
    ...kept(),
    windows: windows.map(([startMs, used, sinceMs, raised, raisedLimit, openedBy, version]) => ({
      startMs,
      used: BigInt(used),
      sinceMs: sinceMs ?? undefined,
      raised,
      raisedLimit: BigInt(raisedLimit),
      openedBy,
      version,
    })),
    reserved: BigInt(reserved),
    touchedMs,
    droppedMs,
  };
}

export const labelSetCodec: Codec<LabelSet> = {
  prefix: 'l',
  encode: ({ id, monthMs }) => [id, monthMs],
  decode: (key, [id, monthMs]: [number, number]) => ({ key, ...kept(), id, monthMs }),
};

export const labelNameCodec: Codec<LabelName> = {
  prefix: 'n',
  encode: ({ labels }) => labels,
  decode: (key, labels: Labels) => ({ key, ...kept(), labels }),
};

type LevelData = [string, number, number, string];
type CellData = [
  number,
  string,
  number,
  number,
  number,
  number,
  number,
  LevelData[] | null,
  [string, number][] | null,
];
export const pageCodec: Codec<Page> = {
  prefix: 'p',
  encode: ({ cells }) => [...cells].map(([id, cell]) => encodeCell(id, cell)),
  decode: (key, data: CellData[]) => ({ key, ...kept(), cells: new Map(data.map(decodeCell)) }),
};

function encodeCell(id: number, cell: Cell): CellData {
  const levels =
    cell.levels &&
    [...cell.levels].map(
      ([source, level]): LevelData => [source, level.timeMs, level.sequence, `${level.quanta}`],
    );
  return [
    id,
    `${cell.quanta}`,
    cell.count,
    cell.firstSequence,
    cell.lastSequence,
    cell.hashLow >>> 0,
    cell.hashHigh >>> 0,
    levels ?? null,
    cell.values ? [...cell.values] : null,
  ];
}

function decodeCell(data: CellData): [number, Cell] {
  const [id, quanta, count, firstSequence, lastSequence, hashLow, hashHigh, levels, values] = data;
  return [
    id,
    {
      quanta: BigInt(quanta),
      count,
      firstSequence,
      lastSequence,
      hashLow: hashLow | 0,
      hashHigh: hashHigh | 0,
      levels: levels === null ? undefined : new Map(levels.map(decodeLevel)),
      values: values === null ? undefined : new Map(values),
    },
  ];
}

function decodeLevel([source, timeMs, sequence, quanta]: LevelData): [string, Level] {
  return [source, { timeMs, sequence, quanta: BigInt(quanta) }];
}

type SourceData = [...LevelData, Labels];
export const levelsCodec: Codec<Levels> = {
  prefix: 'v',
  encode: ({ sources, total }) => [
    [...sources].map(([source, level]) => [
      source,
      level.timeMs,
      level.sequence,
      `${level.quanta}`,
      level.labels,
    ]),
    `${total}`,
  ],
  decode: (key, [sources, total]: [SourceData[], string]) => ({
    key,
    ...kept(),
    sources: new Map(
      sources.map(([source, timeMs, sequence, quanta, labels]) => [
        source,
        { timeMs, sequence, quanta: BigInt(quanta), labels },
      ]),
    ),
    total: BigInt(total),
  }),
};

export const seenCodec: Codec<SeenValue> = {
  prefix: 'u',
  encode: ({ marks }) => marks,
  decode: (key, marks: string[]) => ({ key, ...kept(), marks }),
};

type ItemData = Omit<HoldItem, 'quanta' | 'requested' | 'counters'> & {
  readonly quanta: string;
  readonly requested: string;
  readonly counters: readonly [string, string, string][];
};
type HoldData = Omit<Hold, 'items'> & { readonly items: readonly ItemData[] };
export const holdCodec: Codec<HoldSlot> = {
  prefix: 'h',
  encode: ({ hold }) => (hold === undefined ? null : encodeHold(hold)),
  decode: (key, data: HoldData | null) => ({
    key,
    ...kept(),
    hold: data === null ? undefined : decodeHold(data),
  }),
};

function encodeHold(hold: Hold): HoldData {
  return {
    ...hold,
    items: hold.items.map((item) => ({
      ...item,
      quanta: `${item.quanta}`,
      requested: `${item.requested}`,
      counters: item.counters.map((c) => [c.combination, c.scopeValues, `${c.reserved}`]),
    })),
  };
}

function decodeHold(data: HoldData): Hold {
  return {
    ...data,
    items: data.items.map((item) => ({
      ...item,
      quanta: BigInt(item.quanta),
      requested: BigInt(item.requested),
      counters: item.counters.map(([combination, scopeValues, reserved]) => ({
        combination,
        scopeValues,
        reserved: BigInt(reserved),
      })),
    })),
  };
}

export const noteCodec: Codec<Note> = {
  prefix: 'm',
  encode: ({ version, text }) => [version, text],
  decode: (key, [version, text]: [number, string]) => ({ key, ...kept(), version, text }),
};

export const recordCodec: Codec<LedgerRecord> = {
  prefix: 'r',
  encode: ({ version, sequence, value }) => [version, sequence, value],
  decode: (key, [version, sequence, value]: [number, number, string]) => {
    return { key, ...kept(), version, sequence, value };
  },
};

export const listCodec: Codec<ListPage> = {
  prefix: 'i',
  encode: ({ ids, total }) => [ids, total],
  decode: (key, [ids, total]: [string[], number]) => ({ key, ...kept(), ids, total }),
};
