// The file of a Unix socket: made ready before a server binds it, gone after it.

import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure, systemCode } from '../base/failure.js';
import { listenFailure } from '../base/listen-failure.js';
import { answers } from '../journal/lock.js';

/** Of its user and group. */
export const SOCKET_MODE = 0o660;

/** A socket that nobody answers on is left from a crash; one that answers is somebody's. */
export async function prepareSocket(setting: string, path: string): Promise<void> {
  const taken = (what: string) => new Failure('LISTEN_FAILED', `${setting}: ${what}`);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    const stats = statOf(path);
    if (stats === undefined) return;
    if (!stats.isSocket()) throw taken(`${path} is there and is no socket`);
    if (await answers(path)) throw taken(`another process is listening on ${path}`);
    unlinkSync(path);
  } catch (error) {
    throw error instanceof Failure ? error : listenFailure(setting, `unix://${path}`, error);
  }
}

export function removeSocket(path: string): void {
  if (statOf(path)?.isSocket()) unlinkSync(path);
}

function statOf(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
