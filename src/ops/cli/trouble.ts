// What a command that failed says, and with which code it exits.

import { Failure, messageOf, systemCode } from '../../base/failure.js';
import type { CommandIo } from './command.js';
import { isMisuse, misuseText } from './misuse.js';

export const EXIT = { well: 0, failure: 1, misuse: 2, damaged: 3 } as const;

/** Stored data is not what it was: running on, or again, will not mend it. */
const DAMAGE: ReadonlySet<string> = new Set([
  'JOURNAL_DAMAGED',
  'JOURNAL_MISSING',
  'IDENTITY_DAMAGED',
  'IDENTITY_MISSING',
  'ENTRY_UNKNOWN',
  'FORMAT_UNKNOWN',
  'BACKUP_DAMAGED',
]);
/** Found while starting, and a matter of the configuration all the same. */
const BAD_CONFIGURATION: ReadonlySet<string> = new Set([
  'CATALOGUE_INCOMPATIBLE',
  'DATA_DIR_UNUSABLE',
]);

/** Returns the exit code. */
export function tellTrouble(error: unknown, { stderr }: CommandIo): number {
  // As `serve` and `check-config` say what is wrong with their flags.
  stderr.write(isMisuse(error) ? `${misuseText(error)}\n` : `tollgate: ${troubleText(error)}\n`);
  return exitCodeOf(error);
}

export function exitCodeOf(error: unknown): number {
  if (isMisuse(error)) return EXIT.misuse;
  if (!(error instanceof Failure)) return EXIT.failure;
  if (BAD_CONFIGURATION.has(error.code)) return EXIT.misuse;
  return DAMAGE.has(error.code) ? EXIT.damaged : EXIT.failure;
}

/** For the log; a bug comes with its place in the code. */
export function troubleOf(error: unknown): {
  readonly code: string;
  readonly message: string;
  readonly error?: unknown;
} {
  if (error instanceof Failure) return { code: error.code, message: failureText(error) };
  const code = systemCode(error);
  const bug = isSystemError(code) ? {} : { error };
  return { code: code === '' ? 'INTERNAL' : code, message: messageOf(error), ...bug };
}

function troubleText(error: unknown): string {
  if (error instanceof Failure) return `${error.code}: ${failureText(error)}`;
  // The system's own words name the call and the path; a bug needs its place in the code.
  if (isSystemError(systemCode(error))) return messageOf(error);
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

/** With the cause, unless the message says it already. */
function failureText({ message, cause }: Failure): string {
  const why = cause === undefined ? '' : messageOf(cause);
  return why === '' || message.includes(why) ? message : `${message}: ${why}`;
}

function isSystemError(code: string): boolean {
  return code.startsWith('E') && !code.startsWith('ERR_');
}
