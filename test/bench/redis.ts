// The same work done directly against Redis, as one would without a sidecar: a script that looks
// for the id, counts, and appends to a stream; every write synced before it is answered.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Redis {
  /** False where the id was there before. */
  readonly record: (
    org: string,
    eventId: string,
    meter: string,
    quantity: string,
  ) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** Ids are known for 62 days, as in Tollgate. */
const SCRIPT = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', 5356800) then return 0 end
redis.call('HINCRBY', KEYS[2], ARGV[2], ARGV[1])
redis.call('XADD', KEYS[3], '*', 'id', ARGV[3], 'meter', ARGV[2], 'quantity', ARGV[1])
return 1`;

export function isRedisInstalled(): Promise<boolean> {
  const version = promisify(execFile)('redis-server', ['--version']);
  return version.then(
    () => true,
    () => false,
  );
}

export async function openRedis(directory: string): Promise<Redis> {
  const dataDirectory = resolve(directory, 'redis');
  mkdirSync(dataDirectory);
  const path = join(dataDirectory, 's');
  const argv = ['--port', '0', '--unixsocket', path, '--dir', dataDirectory, '--save', ''];
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];
  const child = spawn('redis-server', [...argv, ...durable], { stdio: 'ignore' });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise((done) => child.once('exit', done));
  while (!existsSync(path)) await wait(20);
  const { send, end } = openPipeline(connect(path));
  const sha = await send(['SCRIPT', 'LOAD', SCRIPT]);
  return {
    async record(org, eventId, meter, quantity) {
      const keys = [`event:${org}:${eventId}`, `usage:${org}`, `events:${org}`];
      return (await send(['EVALSHA', sha, '3', ...keys, quantity, meter, eventId])) === '1';
    },
    async close() {
      end();
      child.kill('SIGTERM');
      await exited;
      process.off('exit', kill);
    },
  };
}

/** Commands of one turn go out in one write; answers come in order. */
function openPipeline(socket: Socket) {
  const waiting: { readonly resolve: (text: string) => void }[] = [];
  let outgoing = '';
  let incoming = '';
  let next = 0;

  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    incoming += chunk;
    let at = 0;
    for (;;) {
      const end = incoming.indexOf('\r\n', at);
      if (end < 0) break;
      const isBulk = incoming.charAt(at) === '$';
      const last = isBulk ? end + 2 + Number(incoming.slice(at + 1, end)) : end;
      if (incoming.length < last + 2) break;
      if (incoming.charAt(at) === '-') throw new Error(incoming.slice(at, end));
      waiting[next++]?.resolve(incoming.slice(isBulk ? end + 2 : at + 1, last));
      at = last + 2;
    }
    incoming = incoming.slice(at);
    waiting.splice(0, next);
    next = 0;
  });

  return {
    send(words: readonly string[]): Promise<string> {
      if (outgoing === '') {
        setImmediate(() => {
          socket.write(outgoing, 'latin1');
          outgoing = '';
        });
      }
      outgoing += `*${words.length}\r\n`;
      for (const word of words) outgoing += `$${word.length}\r\n${word}\r\n`;
      return new Promise((resolve) => waiting.push({ resolve }));
    },
    end: () => void socket.destroy(),
  };
}
