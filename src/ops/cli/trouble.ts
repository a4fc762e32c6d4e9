// What a command that failed says, and with which code it exits.

import { Failure, messageOf, systemCode } from '../../base/failure.js';
import type { CommandIo } from './command.js';

export const EXIT = { well: 0, failure: 1, misuse: 2, damaged: 3 } as const;

/** Stored data is not what it was: running on, or again, will not mend it. */
const DAMAGE: ReadonlySet<string> = new Set([
  'JOURNAL_DAMAGED',
  'JOURNAL_MISSING',
  'IDENTITY_DAMAGED',
  'IDENTITY_MISSING',
  'ENTRY_UNKNOWN',
  'FORMAT_UNKNOWN',
]);

/** Returns the exit code. */
export function tellTrouble(error: unknown, { stderr }: CommandIo): number {
  if (systemCode(error).startsWith('ERR_PARSE_ARGS')) {
    stderr.write(`tollgate: ${messageOf(error)}\n`);
    return EXIT.misuse;
  }
  stderr.write(`tollgate: ${troubleText(error)}\n`);
  if (!(error instanceof Failure)) return EXIT.failure;
  if (error.code === 'CATALOGUE_INCOMPATIBLE') return EXIT.misuse;
  return DAMAGE.has(error.code) ? EXIT.damaged : EXIT.failure;
}

function troubleText(error: unknown): string {
  if (error instanceof Failure) {
    const cause = error.cause === undefined ? '' : `: ${messageOf(error.cause)}`;
    return `${error.code}: ${error.message}${cause}`;
  }
  // The system's own words name the call and the path; a bug needs its place in the code.
  if (systemCode(error).startsWith('E') && !systemCode(error).startsWith('ERR_')) {
    return messageOf(error);
  }
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}
