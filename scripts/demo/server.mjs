// The demo's own server: a child process on free ports, on a directory that the demo made.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const CATALOGUE = fileURLToPath(new URL('catalogue.yaml', import.meta.url));
const START_WAIT_MS = 20_000;
const POLL_MS = 10;

/** Starts on `directory`, where an `earlier` server may have left its data, at its addresses. */
export async function startServer(
  directory,
  earlier = { grpc: '127.0.0.1:0', ops: '127.0.0.1:0' },
) {
  const dataDirectory = join(directory, 'data');
  const logPath = join(directory, 'server.log');
  const log = openSync(logPath, 'a');
  const flags = ['--config', CATALOGUE, '--data-dir', dataDirectory, '--log-format', 'json'];
  const listen = ['--grpc-listen', earlier.grpc, '--ops-listen', earlier.ops, '--auth', 'off'];
  listen.push('--http-listen', '127.0.0.1:0');
  const child = spawn(process.execPath, [MAIN, 'serve', ...flags, ...listen], {
    stdio: ['ignore', log, log],
    env: withoutSettings(process.env),
    // Ctrl-C is for the demo, which then stops the server.
    detached: true,
  });
  closeSync(log);
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const untilMs = performance.now() + START_WAIT_MS;
  let addresses = readAddresses(dataDirectory, child.pid);
  while (addresses === undefined) {
    if (child.exitCode !== null || performance.now() > untilMs) {
      throw new Error(`the server does not serve:\n${readFileSync(logPath, 'utf8')}`);
    }
    await wait(POLL_MS);
    addresses = readAddresses(dataDirectory, child.pid);
  }
  return {
    ...addresses,
    logPath,
    /** `SIGTERM` ends it in order, `SIGKILL` pulls the plug. */
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/** A server that was killed leaves its file behind: only the one with this pid counts. */
function readAddresses(dataDirectory, pid) {
  try {
    const found = JSON.parse(readFileSync(join(dataDirectory, 'addresses.json'), 'utf8'));
    return found.pid === pid ? { grpc: found.grpc[0], ops: found.ops[0] } : undefined;
  } catch {
    return undefined;
  }
}

/** Settings in the shell are for another server. */
export function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TOLLGATE_')));
}
