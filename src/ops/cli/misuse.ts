// What parseArgs of Node finds wrong with a command line, in the words of `serve`: the flag, and
// what is wrong with it.

import { messageOf, systemCode } from '../../base/failure.js';

const PREFIX = 'ERR_PARSE_ARGS';

export function isMisuse(error: unknown): boolean {
  return systemCode(error).startsWith(PREFIX);
}

export function misuseText(error: unknown): string {
  const message = messageOf(error);
  // '--name', '-n', '-n, --name <value>' or the argument itself.
  const quoted = /'(?:-\w, )?([^']*?)(?: <value>)?'/.exec(message)?.[1] ?? '';
  switch (systemCode(error)) {
    case `${PREFIX}_UNKNOWN_OPTION`:
      return `${quoted}: unknown flag`;
    case `${PREFIX}_UNEXPECTED_POSITIONAL`:
      return `${quoted}: unexpected argument`;
    case `${PREFIX}_INVALID_OPTION_VALUE`:
      return `${quoted}: ${/does not take/.test(message) ? 'takes no value' : 'needs a value'}`;
    default:
      return message;
  }
}
