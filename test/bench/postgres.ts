// The same work done directly against PostgreSQL, as one would without a sidecar: one statement, so
// one trip and one transaction, that inserts the event unless its id is there, and counts it.

import { execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openPostgresConnection, type PostgresConnection } from './postgres-wire.js';

export interface Postgres {
  readonly version: string;
  /** A backend process of the server each. */
  readonly open: () => Promise<PostgresSession>;
  readonly close: () => Promise<void>;
}

export interface PostgresSession {
  /** False where the id was there before. */
  readonly record: (
    org: string,
    eventId: string,
    meter: string,
    quantity: string,
  ) => Promise<boolean>;
  readonly close: () => void;
}

const SCHEMA = `
  CREATE TABLE events (
    org text, event_id text, meter text NOT NULL, quantity numeric NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (org, event_id));
  CREATE TABLE counters (
    org text, meter text, month date, used numeric NOT NULL, PRIMARY KEY (org, meter, month))
    WITH (fillfactor = 50)`;

const RECORD = `
  WITH fresh AS (
    INSERT INTO events (org, event_id, meter, quantity) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING RETURNING org, meter, quantity)
  INSERT INTO counters (org, meter, month, used)
  SELECT org, meter, date_trunc('month', now())::date, quantity FROM fresh
  ON CONFLICT (org, meter, month) DO UPDATE SET used = counters.used + excluded.used`;

/** Named although they are the defaults: without them it would be another job. */
const SETTINGS = [
  'fsync=on',
  'synchronous_commit=on',
  'full_page_writes=on',
  'max_connections=100',
];
const DEBIAN = '/usr/lib/postgresql';
const USER = 'bench';
const START_MS_MAX = 20_000;
const POLL_MS = 50;

/** Where initdb and postgres are; undefined: not installed. The newest of several. */
export function findPostgres(): string | undefined {
  const versions = existsSync(DEBIAN)
    ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
    : [];
  const onPath = (process.env['PATH'] ?? '').split(':').filter((each) => each !== '');
  const places = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...onPath];
  return places.find((place) => ['initdb', 'postgres'].every((it) => existsSync(join(place, it))));
}

/** A cluster of its own, on a Unix socket alone. */
export async function openPostgres(binaries: string, directory: string): Promise<Postgres> {
  const home = resolve(directory, 'pg');
  const data = join(home, 'data');
  mkdirSync(home);
  const as = unprivileged(directory, home);
  const run = promisify(execFile);
  const program = (name: string) => join(binaries, name);
  const initArgv = ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C'];
  await run(program('initdb'), initArgv, as);
  const { stdout } = await run(program('postgres'), ['--version'], as);
  const settings = SETTINGS.flatMap((each) => ['-c', each]);
  const argv = ['-D', data, '-k', home, '-c', 'listen_addresses=', ...settings];
  const child = spawn(program('postgres'), argv, { ...as, stdio: 'ignore' });
  // SIGQUIT: its processes end at once, and none is left behind.
  const kill = () => void child.kill('SIGQUIT');
  process.once('exit', kill);
  const exited = new Promise((done) => child.once('exit', done));
  const socket = join(home, '.s.PGSQL.5432');
  const first = await connectWhenReady(socket);
  await first.query(SCHEMA);
  first.close();
  return {
    // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    version: stdout.match(/\d+(\.\d+)?/)?.[0] ?? '',
    open: () => openSession(socket),
    async close() {
      child.kill('SIGINT');
      await exited;
      process.off('exit', kill);
    },
  };
}

async function openSession(socket: string): Promise<PostgresSession> {
  const connection = await openPostgresConnection(socket, USER);
  await connection.prepare(RECORD);
  return {
    record: async (...event) => (await connection.execute(event)) === 1,
    close: connection.close,
  };
}

async function connectWhenReady(socket: string): Promise<PostgresConnection> {
  const deadlineMs = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      return await openPostgresConnection(socket, USER);
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await wait(POLL_MS);
    }
  }
}

/** PostgreSQL refuses to run as root: there it is Debian's own user, or nobody. */
function unprivileged(directory: string, home: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const user = ['postgres:', 'nobody:'].flatMap((name) =>
    lines.filter((it) => it.startsWith(name)),
  );
  const [, , uid, gid] = (user[0] ?? '').split(':').map(Number);
  if (uid === undefined || gid === undefined) throw new Error('no user that PostgreSQL may run as');
  chmodSync(directory, 0o711);
  chownSync(home, uid, gid);
  return { uid, gid };
}
