// One writer per data directory. The lock is a listening Unix socket `lock.<n>`: it works across
// PID namespaces, and a killed process leaves nothing that answers. Whoever hears an answer on any
// `lock.*` gives way.

import { closeSync, constants, openSync, readdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Failure, systemCode } from '../base/failure.js';

/** Linux keeps 108 bytes of a socket path with its NUL; Node 20 cuts a longer one in silence. */
const SOCKET_PATH_BYTES_MAX = 107;
const ATTEMPTS = 50;

export interface Lock {
  readonly release: () => Promise<void>;
}

export async function takeLock(directory: string): Promise<Lock> {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const place = socketDirectory(directory, fd);
  try {
    const others = lockNames(directory);
    await refuseIfHeld(place, others, directory);
    const own = await bindNext(place, others);
    await refuseIfHeld(place, without(lockNames(directory), own.name), directory, own.server);
    for (const name of without(lockNames(directory), own.name)) removeDead(directory, name);
    return {
      async release() {
        await closeServer(own.server);
        closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

interface Bound {
  readonly name: string;
  readonly server: Server;
}

async function bindNext(place: string, taken: readonly string[]): Promise<Bound> {
  let number = Math.max(0, ...taken.map((name) => Number(name.slice('lock.'.length)))) + 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++, number++) {
    const name = `lock.${number}`;
    const server = createServer((socket) => socket.destroy());
    server.unref();
    if (await binds(server, `${place}/${name}`)) return { name, server };
  }
  throw new Failure('LOCK_FAILED', `no free lock name in ${place}`);
}

function binds(server: Server, path: string): Promise<boolean> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new Failure('PATH_TOO_LONG', `socket path over 107 bytes: ${path}`);
  }
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (systemCode(error) === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(path, () => resolve(true));
  });
}

async function refuseIfHeld(
  place: string,
  names: readonly string[],
  directory: string,
  own?: Server,
): Promise<void> {
  for (const name of names) {
    if (!(await answers(`${place}/${name}`))) continue;
    if (own !== undefined) await closeServer(own);
    throw new Failure('DIRECTORY_LOCKED', `another process is using ${directory}`);
  }
}

/** Whether somebody listens on a Unix socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Refused or absent: nobody listens. Full backlog (EAGAIN): somebody does, and is busy.
    socket.once('error', (error) => resolve(systemCode(error) === 'EAGAIN'));
  });
}

/** Short on Linux whatever the directory's own length. */
function socketDirectory(directory: string, fd: number): string {
  return process.platform === 'linux' ? `/proc/self/fd/${fd}` : directory;
}

function lockNames(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => /^lock\.\d+$/.test(name));
}

function without(names: readonly string[], own: string): readonly string[] {
  return names.filter((name) => name !== own);
}

function removeDead(directory: string, name: string): void {
  try {
    unlinkSync(join(directory, name));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
