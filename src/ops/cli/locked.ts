// Who holds a data directory that is locked, and what to do about it.

import { Failure } from '../../base/failure.js';
import { ADDRESSES, publishedPid } from '../addresses.js';

const LOCKED = 'DIRECTORY_LOCKED';

/** For `serve`: names the server that says in `addresses.json` that it runs there. */
export function namingHolder(error: unknown, directory: string): unknown {
  if (!isLocked(error)) return error;
  const pid = publishedPid(directory);
  const who = pid === undefined ? '' : ` (a server with process id ${pid}, says ${ADDRESSES})`;
  return new Failure(LOCKED, `${error.message}${who}: stop it, or set another data_dir`);
}

/** For `verify` and `repair`, which need the directory for themselves. */
export function askingToStop(error: unknown): unknown {
  if (!isLocked(error)) return error;
  return new Failure(LOCKED, `${error.message}: stop the server first`);
}

function isLocked(error: unknown): error is Failure {
  return error instanceof Failure && error.code === LOCKED;
}
