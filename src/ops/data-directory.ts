// The data directory, made where it is missing; what is wrong with its path is said by the setting.

import { accessSync, constants, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure, systemCode } from '../base/failure.js';

const MODE = 0o750;

/** Throws the Failure DATA_DIR_UNUSABLE. `path` is absolute. */
export function makeDataDirectory(path: string): void {
  makeDirectory(path, path);
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(path, path, error, 'may not read and write in');
  }
}

/**
 * One directory after the other: the recursive mkdir of Node goes on for ever where a file system
 * says that the parent, which is there, is not (/proc does).
 */
function makeDirectory(path: string, whole: string): void {
  const stats = statsOf(path, whole);
  if (stats?.isDirectory() === true) return;
  if (stats !== undefined) throw new Failure(CODE, `data_dir: ${path} is not a directory`);
  makeDirectory(dirname(path), whole);
  try {
    mkdirSync(path, { mode: MODE });
  } catch (error) {
    // Another process that starts at the same time may have made it.
    if (systemCode(error) === 'EEXIST' && statsOf(path, whole)?.isDirectory() === true) return;
    throw unusable(path, whole, error, `may not make`);
  }
}

function statsOf(path: string, whole: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    // A file in the way is found when its turn comes.
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw unusable(path, whole, error, 'may not look at');
  }
}

const CODE = 'DATA_DIR_UNUSABLE';

function unusable(path: string, whole: string, error: unknown, attempt: string): unknown {
  const reason = reasonOf(systemCode(error), path, attempt);
  if (reason === undefined) return error;
  const subject = path === whole ? '' : `${whole}: `;
  return new Failure(CODE, `data_dir: ${subject}${reason}`);
}

/** Undefined: no fault of the configuration, such as a disk that is full or broken. */
function reasonOf(code: string, path: string, attempt: string): string | undefined {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `this process (user id ${process.geteuid?.() ?? 'unknown'}) ${attempt} ${path}`;
    case 'EROFS':
      return `${path} lies on a read-only file system`;
    case 'EEXIST':
      return `${path} is a link to something that is not there`;
    case 'ENOENT':
      return `${path} cannot be made: ${dirname(path)} takes no directories`;
    case 'ELOOP':
      return `${path} is a link that leads back to itself`;
    case 'ENAMETOOLONG':
      return `${path} has a name that is too long`;
    default:
      return undefined;
  }
}
