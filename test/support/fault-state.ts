// Ways to harm LMDB and the indexes of a stopped service, and to ask it all the same things again.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { open } from 'lmdb';
import type { TestClock } from './clock.js';
import { createTestClock } from './clock.js';
import { answersOf, COMMANDS_YAML, ORGANISATIONS } from './fault-commands.js';
import { journalFolder } from './fault-journal.js';
import { ask, duration, event, type GivenEvent, item } from './requests.js';
import { type Running, start, temporaryDirectory } from './service.js';

const NOW = '2026-11-20T12:00:00Z';
export const STATE_CHANGE = { segmentBytes: 64 * 1024, checkpointIntervalMs: 3_600_000 };

export function serveState(directory: string, clock: TestClock): Promise<Running> {
  return start({ yaml: COMMANDS_YAML, clock, change: STATE_CHANGE, directory });
}

/** Usage of every meter by every organisation, and some holds. Ids begin with `prefix`. */
export async function use(running: Running, prefix: string): Promise<void> {
  for (const orgId of ORGANISATIONS) {
    for (const [index, given] of EVENTS.entries()) {
      const sent = event({ ...given, orgId, eventId: `${prefix}-${index}` });
      await ask(running, 'record', { event: sent });
    }
    for (const reservationId of ['r-1', 'r-2']) {
      await ask(running, 'reserve', {
        orgId,
        reservationId: `${prefix}-${reservationId}`,
        items: [item('calls'), item('tokens', { quantity: '2', dimensions: { run: 'b' } })],
        ttl: duration(3600),
      }).catch(unlessEnded);
    }
    await ask(running, 'settle', {
      orgId,
      reservationId: `${prefix}-r-1`,
      events: [event({ meter: 'calls' })],
    });
  }
}

/** All of it can be done again: what was done answers so. */
function unlessEnded(error: ServiceError): void {
  if (error.code !== status.FAILED_PRECONDITION) throw error;
}

const EVENTS: readonly GivenEvent[] = [
  { meter: 'tokens', quantity: '30', dimensions: { model: 'large', run: 'a' } },
  { meter: 'tokens', quantity: '12', dimensions: { model: 'small', run: 'x'.repeat(256) } },
  { meter: 'tokens', quantity: '7', at: '2026-11-02T03:04:05Z', dimensions: { model: 'small' } },
  { meter: 'calls', dimensions: { tool: 's' } },
  { meter: 'peak', quantity: '12.34', dimensions: { region: 'eu' } },
  { meter: 'seats', quantity: '3', dimensions: { team: 'red' } },
  { meter: 'seats', quantity: '4', dimensions: { team: 'blue' } },
  { meter: 'users', dimensions: { user: 'u1', region: 'eu' } },
  { meter: 'users', dimensions: { user: 'u2', region: 'eu' } },
  { meter: 'run_units', run: { cpuSeconds: 1.5 }, dimensions: { tool: 'build_module' } },
];

export interface Original {
  readonly directory: string;
  /** As it was after the first half of the usage. */
  readonly earlier: string;
  /** What a sound service answers, before and after `use(…, 'later')`. */
  readonly answers: unknown;
  readonly answersLater: unknown;
  readonly remove: () => void;
}

/** A stopped service with usage, a copy of it from before, and what it answers. */
export async function originalState(): Promise<Original> {
  const clock = createTestClock(NOW);
  const [directory, earlier, copy] = [
    temporaryDirectory(),
    temporaryDirectory(),
    temporaryDirectory(),
  ];
  let running = await serveState(directory, clock);
  await use(running, 'first');
  await running.stop();
  cpSync(directory, earlier, { recursive: true });
  running = await serveState(directory, clock);
  await use(running, 'second');
  const answers = await answersOf(running, clock);
  await running.stop();
  cpSync(directory, copy, { recursive: true });
  const sound = await serveState(copy, clock);
  await use(sound, 'later');
  const answersLater = await answersOf(sound, clock);
  await sound.stop();
  return {
    directory,
    earlier,
    answers,
    answersLater,
    remove() {
      for (const each of [directory, earlier, copy]) rmSync(each, { recursive: true });
    },
  };
}

/** For one test. */
export function copyOf(directory: string): string {
  const copy = journalFolder();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

export interface Asked {
  readonly answers: unknown;
  readonly answersLater: unknown;
  /** Why LMDB was set aside, at starts and while serving. */
  readonly setAside: readonly string[];
}

/** Starts until the answers come, as a supervisor would: at most three times. */
export async function askAll(directory: string): Promise<Asked> {
  const clock = createTestClock(NOW);
  const setAside: string[] = [];
  let answers: unknown;
  for (let attempt = 0; attempt < 3; attempt++) {
    const running = await serveState(directory, clock);
    setAside.push(...rebuiltBecause(running));
    try {
      answers ??= await answersOf(running, clock);
      await use(running, 'later');
      const answersLater = await answersOf(running, clock);
      return { answers, answersLater, setAside };
    } catch (error) {
      if (running.fatal.length === 0) throw error;
      setAside.push(...running.fatal.map(({ message }) => message));
    } finally {
      await running.stop();
    }
  }
  throw new Error(`still no answers: ${setAside.join(' | ')}`);
}

function rebuiltBecause(running: Running): readonly string[] {
  const lines = running.logLines.map((line) => JSON.parse(line));
  return lines.filter(({ event: name }) => name === 'state_rebuilt').map(({ why }) => why);
}

export function openLmdb(directory: string) {
  return open<Buffer, Buffer>({
    path: join(directory, 'state'),
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
}

/** Changes one bit of every value whose key begins with `prefix`; says how many there are. */
export async function corruptValues(directory: string, prefix: string): Promise<number> {
  const database = openLmdb(directory);
  const values = [...database.getRange({})].map(({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }));
  let changed = 0;
  for (const { key, value } of values) {
    if (!key.toString().startsWith(prefix)) continue;
    const at = value.length - 2;
    value[at] = (value[at] ?? 0) ^ 1;
    await database.put(key, value);
    changed++;
  }
  await database.close();
  return changed;
}

/** Changes a digit wherever `text` stands in the file, as a disk might. */
export function corruptText(path: string, text: string): number {
  const bytes = readFileSync(path);
  let changed = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at + text.length - 1] = (bytes[at + text.length - 1] ?? 0) ^ 1;
    changed++;
  }
  writeFileSync(path, bytes);
  return changed;
}
