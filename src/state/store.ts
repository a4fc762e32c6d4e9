// Memory over LMDB. `get` looks in memory, then in LMDB; `touch` comes before every change. A
// checkpoint captures the values changed up to one batch boundary while changes go on: a value that
// is about to change is written out first (copy on write, one number compared on the hot path).

import { crc32 } from 'node:zlib';
import { Failure } from '../base/failure.js';
import { hashWords } from '../base/hash.js';
import type { Codec, Kept } from './kept.js';

/** The durable side, as the store needs it. */
export interface Reader {
  readonly get: (key: Buffer) => Buffer | undefined;
  /** In order of the keys; `after`: only those that come after it. */
  readonly range: (prefix: string, after?: string) => Iterable<{ key: string; value: Buffer }>;
}

export interface Table<V extends Kept> {
  readonly get: (key: string) => V | undefined;
  /** To read once: what is not in memory does not stay there. Nothing may change it. */
  readonly peek: (key: string) => V | undefined;
  /** Some keys in LMDB that begin with `prefix`, in order, after `after`: '' for the first ones. */
  readonly storedKeys: (prefix: string, after: string, limit: number) => string[];
  /** A new value; it counts as changed. */
  readonly add: (value: V) => V;
  /** Before a change. */
  readonly touch: (value: V) => void;
  /** Every value of the table, from LMDB: at opening, before anything is in memory. */
  readonly loadAll: () => V[];
  readonly resident: () => Iterable<V>;
}

export interface CapturedValue {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface Capture {
  /** Encodes some more values; true when all are. */
  readonly step: () => boolean;
  readonly values: readonly CapturedValue[];
}

export interface Store {
  readonly table: <V extends Kept>(codec: Codec<V>) => Table<V>;
  readonly dirtyValues: () => number;
  readonly residentValues: () => number;
  /** Fixes the values as they are now; they are encoded step by step or just before they change. */
  readonly capture: () => Capture;
  /**
   * Lets clean values that were not used since the last sweep leave memory, above `keep`; of each
   * table its part of them, the oldest first. It yields where it may rest: by then some have left.
   */
  readonly sweep: (keep: number) => Generator<void>;
  /** Runs `act` after values left memory: whoever remembers any lets go of them. */
  readonly whenSwept: (act: () => void) => void;
}

const LMDB_KEY_BYTES_MAX = 500;
const VALUES_PER_STEP = 16;
const CRC_BYTES = 4;

interface AnyTable {
  readonly values: Map<string, Kept>;
  readonly codec: Codec<Kept>;
}

export function openStore(reader: Reader): Store {
  const tables = new Map<string, AnyTable>();
  let epoch = 1;
  let dirty: Kept[] = [];
  let captured: CapturedValue[] = [];
  const swept: (() => void)[] = [];

  function encode(value: Kept): CapturedValue {
    const codec = tables.get(value.key.charAt(0))?.codec;
    if (codec === undefined) throw new Failure('TABLE_UNKNOWN', value.key.charAt(0));
    const key = storedKey(value.key);
    return { key, value: sealValue(key, JSON.stringify(codec.encode(value))) };
  }

  /** In the interval before: part of the running capture and not encoded yet. */
  function captureFirst(value: Kept): void {
    if (value.epoch === epoch - 1) captured.push(encode(value));
  }

  function touch(value: Kept): void {
    if (value.epoch === epoch) return;
    if (value.epoch !== 0) captureFirst(value);
    value.epoch = epoch;
    dirty.push(value);
  }

  function table<V extends Kept>(codec: Codec<V>): Table<V> {
    const values = new Map<string, V>();
    tables.set(codec.prefix, {
      values: values as unknown as Map<string, Kept>,
      codec: codec as unknown as Codec<Kept>,
    });
    const decode = (key: string, stored: Buffer): V =>
      codec.decode(key, JSON.parse(openValue(storedKey(key), stored)) as never);
    return {
      get(key) {
        const resident = values.get(key);
        if (resident !== undefined) {
          resident.used = true;
          return resident;
        }
        const stored = reader.get(storedKey(key));
        if (stored === undefined) return undefined;
        const value = decode(key, stored);
        values.set(key, value);
        return value;
      },
      peek(key) {
        const resident = values.get(key);
        if (resident !== undefined) return resident;
        const stored = reader.get(storedKey(key));
        return stored && decode(key, stored);
      },
      storedKeys(prefix, after, limit) {
        const found: string[] = [];
        for (const { key } of reader.range(prefix, after === '' ? undefined : after)) {
          found.push(key);
          if (found.length === limit) break;
        }
        return found;
      },
      add(value) {
        values.set(value.key, value);
        touch(value);
        return value;
      },
      touch,
      loadAll() {
        for (const { key, value } of reader.range(codec.prefix)) {
          values.set(key, decode(key, value));
        }
        return [...values.values()];
      },
      resident: () => values.values(),
    };
  }

  function residentValues(): number {
    let sum = 0;
    for (const { values } of tables.values()) sum += values.size;
    return sum;
  }

  return {
    table,
    dirtyValues: () => dirty.length,
    residentValues,
    capture() {
      const list = dirty;
      const own = epoch;
      dirty = [];
      captured = [];
      epoch++;
      let position = 0;
      const values = captured;
      return {
        values,
        step() {
          const end = Math.min(list.length, position + VALUES_PER_STEP);
          for (; position < end; position++) {
            const value = list[position] as Kept;
            if (value.epoch !== own) continue;
            values.push(encode(value));
            value.epoch = 0;
          }
          if (position < list.length) return false;
          // None is left to encode before it changes: the list belongs to the caller alone.
          captured = [];
          return true;
        },
      };
    },
    *sweep(keep) {
      const resident = residentValues();
      const surplus = resident - keep;
      if (surplus <= 0) return;
      let left = 0;
      for (const { values } of tables.values()) {
        left += yield* sweepTable(values, Math.ceil((surplus * values.size) / resident));
      }
      if (left > 0) for (const act of swept) act();
    },
    whenSwept(act) {
      swept.push(act);
    },
  };
}

/** Returns how many left. */
function* sweepTable(values: Map<string, Kept>, surplus: number): Generator<void, number> {
  let left = 0;
  let met = 0;
  // What comes meanwhile stands at the end: without a bound a growing table would have none.
  const before = values.size;
  for (const value of values.values()) {
    if (left === surplus || met === before) break;
    if (++met % VALUES_PER_STEP === 0) yield;
    if (value.used || value.epoch !== 0) {
      value.used = false;
      continue;
    }
    value.live = false;
    values.delete(value.key);
    left++;
  }
  return left;
}

/** LMDB bounds its keys: a long one (scope values, say) stands by its hash. */
function storedKey(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (bytes.length <= LMDB_KEY_BYTES_MAX) return bytes;
  const words = [...hashWords(key)].map((word) => word.toString(16).padStart(8, '0'));
  return Buffer.from(`${key.charAt(0)}\u0005${words.join('')}`);
}

/** LMDB gives back a flipped byte without complaint, so every value carries a CRC with its key. */
export function sealValue(key: Buffer, text: string): Buffer {
  const body = Buffer.from(text);
  const sealed = Buffer.allocUnsafe(CRC_BYTES + body.length);
  sealed.writeUInt32LE(crc32(body, crc32(key)), 0);
  body.copy(sealed, CRC_BYTES);
  return sealed;
}

export function openValue(key: Buffer, sealed: Buffer): string {
  const body = sealed.subarray(CRC_BYTES);
  if (sealed.length < CRC_BYTES || sealed.readUInt32LE(0) !== crc32(body, crc32(key))) {
    throw new Failure('STATE_DAMAGED', `the value of ${JSON.stringify(key.toString())} in LMDB`);
  }
  return body.toString('utf8');
}
