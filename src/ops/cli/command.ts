// The command line, read: which command, with which arguments, or what is wrong with it.

import { didYouMean } from '../../seed/problem.js';

export const COMMANDS = {
  serve: 'start the server',
  'check-config': 'check the configuration and print it, resolved',
  verify: 'check the data directory: every checksum, and what was counted',
  repair: 'cut what damage left unreadable, after saying what would be lost',
  backup: 'copy the journal of a running server into a directory',
  restore: 'make a data directory of a backup',
  replay: 'send the usage in a CSV file to a running server',
  keys: 'make, list, rotate and revoke the API keys of a running server',
  openapi: 'print the OpenAPI document of the HTTP interface',
  version: 'print the version',
  help: 'print this text, or that of a command',
} as const;

export type CommandName = keyof typeof COMMANDS;

export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

export type CommandLine =
  | { readonly kind: 'run'; readonly name: Running; readonly argv: readonly string[] }
  | { readonly kind: 'help'; readonly name: Explained }
  | { readonly kind: 'misuse'; readonly message: string };

export type Running = Exclude<CommandName, 'help'>;
/** The other commands explain themselves: `--help` is an argument of theirs. */
export type Explained = 'serve' | 'check-config' | 'openapi' | 'version' | 'help';

const EXPLAINED: readonly Explained[] = ['serve', 'check-config', 'openapi', 'version', 'help'];
const ALIASES: ReadonlyMap<string, CommandName> = new Map([
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
]);

/** `help serve` is `serve --help`. */
export function readCommandLine(given: readonly string[]): CommandLine {
  const [first, ...argv] = given;
  if (first === undefined) return misuse('no command given');
  const names = Object.keys(COMMANDS) as CommandName[];
  const name = ALIASES.get(first) ?? names.find((known) => known === first);
  if (name === undefined) return misuse(`no such command: ${first}${didYouMean(first, names)}`);
  if (name === 'help') {
    const [topic, ...others] = argv;
    if (others.length > 0) return misuse('help takes one command at most');
    const itself = topic === undefined || topic === 'help' || topic.startsWith('-');
    return itself ? { kind: 'help', name } : readCommandLine([topic, '--help']);
  }
  const explained = EXPLAINED.find((known) => known === name);
  if (explained !== undefined && (argv.includes('--help') || argv.includes('-h'))) {
    return { kind: 'help', name: explained };
  }
  const bare = name === 'openapi' || name === 'version';
  if (bare && argv.length > 0) return misuse(`${name} takes no arguments`);
  return { kind: 'run', name, argv };
}

function misuse(message: string): CommandLine {
  return { kind: 'misuse', message };
}
