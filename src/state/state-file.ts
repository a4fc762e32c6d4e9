// LMDB as the store's durable side. It holds overwritten values only and can be deleted at any
// time. What it covers is stored in the same transaction as the values (I2).

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import type { Pace } from './index/pace.js';
import { type CapturedValue, openValue, type Reader, sealValue } from './store.js';

/** Changes of the values' encoding: another number means that the state is built again. */
const FORMAT = 4;
const APPLIED_KEY = Buffer.from('!applied');
const DIRECTORY = 'state';
const MARKER = 'state.open';
const VALUES_PER_CHECK = 8;
const MAP_BYTES = 256 * 1024 * 1024;

/** What the values add up to: every entry up to `sequence`, whose batch ends with `crc`. */
export interface Applied {
  readonly format: number;
  readonly uuid: string;
  readonly incarnation: number;
  readonly sequence: Sequence;
  readonly crc: number;
}

export interface StateFile {
  readonly reader: Reader;
  /** Undefined where nothing was stored yet, or another journal's state was set aside. */
  readonly applied: () => Applied | undefined;
  /** All of it or nothing; resolves when it is durable. Slices on the main thread. */
  readonly commit: (
    values: readonly CapturedValue[],
    applied: Omit<Applied, 'format'>,
    pace: Pace,
  ) => Promise<void>;
  /** `clean`: everything was used without trouble; the next opening need not be suspicious. */
  readonly close: () => Promise<void>;
}

export function stateDirectory(directory: string): string {
  return join(directory, DIRECTORY);
}

/** Moves the state out of the way; it is rebuilt from the journal. One is kept for inspection. */
export function setStateAside(directory: string): void {
  const path = stateDirectory(directory);
  for (const name of readdirSync(directory)) {
    if (name.startsWith(`${DIRECTORY}.aside`)) rmSync(join(directory, name), { recursive: true });
  }
  if (existsSync(path)) renameSync(path, `${path}.aside`);
}

/** Whether the state was in use when its process ended. */
export function wasLeftOpen(directory: string): boolean {
  return existsSync(join(directory, MARKER));
}

export function openStateFile(directory: string): StateFile {
  const path = stateDirectory(directory);
  mkdirSync(path, { recursive: true, mode: 0o750 });
  writeFileSync(join(directory, MARKER), '');
  const database = openDatabase(path);
  return {
    reader: {
      get(key) {
        try {
          return database.get(key);
        } catch (error) {
          throw damageOr(error);
        }
      },
      range: (prefix, after) => rangeOf(database, prefix, after),
    },
    applied() {
      const stored = database.get(APPLIED_KEY);
      if (stored === undefined) return undefined;
      const applied = JSON.parse(openValue(APPLIED_KEY, stored)) as Applied;
      return applied.format === FORMAT ? applied : undefined;
    },
    async commit(values, applied, pace) {
      const seal = sealValue(APPLIED_KEY, JSON.stringify({ format: FORMAT, ...applied }));
      try {
        await database.childTransaction(async () => {
          for (let i = 0; i < values.length; i++) {
            const { key, value } = values[i] as CapturedValue;
            database.put(key, value);
            if (i % VALUES_PER_CHECK === 0 && pace.due()) await pace.turn();
          }
          database.put(APPLIED_KEY, seal);
        });
      } catch (error) {
        throw damageOr(await reasonOf(error));
      }
    },
    async close() {
      await database.close();
      rmSync(join(directory, MARKER), { force: true });
    },
  };
}

/**
 * `overlappingSync: false` and `safeRestore`: with lmdb-js's defaults one failed sync lost
 * acknowledged records in 119 of 120 later crash states; with these in none.
 */
function openDatabase(path: string): RootDatabase<Buffer, Buffer> {
  const options = {
    path,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    mapSize: MAP_BYTES,
    overlappingSync: false,
    safeRestore: true,
    // All writes stand in transactions of their own. With it lmdb-js also makes a promise that
    // nobody can listen to, which ends the process when a commit fails for want of room.
    eventTurnBatching: false,
    compression: false,
    cache: false,
  };
  return open<Buffer, Buffer>(options);
}

function* rangeOf(
  database: RootDatabase<Buffer, Buffer>,
  prefix: string,
  after: string | undefined,
): Generator<{ key: string; value: Buffer }> {
  const first = Buffer.from(prefix);
  const end = Buffer.from([...first.subarray(0, -1), (first.at(-1) ?? 0) + 1]);
  const start = after === undefined ? first : Buffer.from(`${after}\u0000`);
  for (const { key, value } of database.getRange({ start, end })) {
    yield { key: key.toString(), value: Buffer.from(value) };
  }
}

/** lmdb-js says why a commit failed in a promise beside the error: unheard it ends the process. */
async function reasonOf(error: unknown): Promise<unknown> {
  const reason: unknown = error instanceof Error && Reflect.get(error, 'commitError');
  if (!(reason instanceof Promise)) return error;
  const told = reason.catch((why: unknown) => why);
  return Promise.race([told, setImmediate(error)]);
}

/** A page that is not what LMDB wrote shows only when it is read: damage like any other. */
function damageOr(error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (!/MDB_(CORRUPTED|PAGE_NOTFOUND)/.test(text)) return error;
  return new Failure('STATE_DAMAGED', `LMDB: ${text}`, { cause: error });
}
