// Command line → command → exit code. Each command is loaded when it is asked for.

import { readFileSync } from 'node:fs';
import { unreachable } from './base/assert.js';
import { type CommandIo, readCommandLine } from './ops/cli/command.js';
import { askingToStop } from './ops/cli/locked.js';
import { EXIT, tellTrouble } from './ops/cli/trouble.js';
import { problemsText } from './seed/problem.js';

/** Returns the exit code; never rejects. */
export async function main(given: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await run(given, io);
  } catch (error) {
    return tellTrouble(error, io);
  }
}

async function run(given: readonly string[], io: CommandIo): Promise<number> {
  const line = readCommandLine(given);
  if (line.kind !== 'run') {
    const { helpText } = await import('./ops/cli/help.js');
    if (line.kind === 'misuse') io.stderr.write(`tollgate: ${line.message}\n\n${helpText('help')}`);
    else io.stdout.write(helpText(line.name));
    return line.kind === 'misuse' ? EXIT.misuse : EXIT.well;
  }
  const { name, argv } = line;
  switch (name) {
    case 'serve':
    case 'check-config': {
      const { loadConfig, describe } = await import('./config.js');
      const output = process.stdout.isTTY ? 'terminal' : 'pipe';
      const readFile = (path: string) => readFileSync(path, 'utf8');
      const loaded = loadConfig({ argv, env: process.env, readFile, output });
      if ('problems' in loaded) {
        io.stderr.write(problemsText(loaded.problems));
        return EXIT.misuse;
      }
      if (name === 'serve') return (await import('./serve.js')).runServe(loaded.config);
      io.stdout.write(describe(loaded.config));
      return EXIT.well;
    }
    case 'verify':
      return whileStopped((await import('./ops/cli/verify.js')).runVerify(argv, io));
    case 'repair':
      return whileStopped((await import('./ops/cli/repair.js')).runRepair(argv, io));
    case 'backup':
      return (await import('./ops/backup/backup.js')).runBackup(argv, io);
    case 'restore':
      return whileStopped((await import('./ops/backup/restore.js')).runRestore(argv, io));
    case 'replay':
      return (await import('./ops/replay/replay.js')).runReplay(argv, io);
    case 'keys':
      return (await import('./ops/keys/keys.js')).runKeys(argv, io);
    case 'openapi':
      io.stdout.write((await import('./http/openapi/stored-document.js')).readOpenApi());
      return EXIT.well;
    case 'version':
      io.stdout.write(`tollgate ${(await import('./ops/cli/version.js')).version()}\n`);
      return EXIT.well;
    default:
      return unreachable(name);
  }
}

/** For commands that need the data directory for themselves. */
async function whileStopped(command: Promise<number>): Promise<number> {
  try {
    return await command;
  } catch (error) {
    throw askingToStop(error);
  }
}
