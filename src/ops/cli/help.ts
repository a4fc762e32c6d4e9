// What --help prints. A command with a file of its own has its help there.

import { settingsHelp } from '../../seed/settings.js';
import { COMMANDS, type Explained } from './command.js';

export function helpText(name: Explained): string {
  return TEXTS[name]();
}

export function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, what]) => `  ${name.padEnd(14)}${what}\n`);
  return `Usage: tollgate <command> [flags]

${lines.join('')}
tollgate <command> --help says more. Exit codes: 0 well, 1 failure, 2 bad usage or
configuration, 3 damaged data.
`;
}

const TEXTS: Record<Explained, () => string> = {
  serve: serveHelp,
  'check-config': checkConfigHelp,
  openapi: openApiHelp,
  version: versionHelp,
  help: overview,
};

function serveHelp(): string {
  return `Usage: tollgate serve [flags]

Starts the server and runs until SIGTERM or SIGINT.
${settingsText()}`;
}

function checkConfigHelp(): string {
  return `Usage: tollgate check-config [flags]

Reads the configuration as serve would. Prints it as YAML with the source of every
setting, or everything that is wrong with it (exit code 2). Opens no file but the
configuration and no port.
${settingsText()}`;
}

function openApiHelp(): string {
  return `Usage: tollgate openapi

Prints the OpenAPI 3.1 document of the HTTP interface, JSON. It belongs to this version
of Tollgate, and is the same whatever the settings.
`;
}

function versionHelp(): string {
  return 'Usage: tollgate version\n\nPrints the version.\n';
}

function settingsText(): string {
  return `
Settings, with their defaults. --grpc-listen is also TOLLGATE_GRPC_LISTEN, and
grpc_listen under server: in the file; a flag overrides the environment, which
overrides the file. Sizes are bytes, or KiB, MiB, GiB, TiB: 64MiB. A flag that is
true or false may stand alone, for true.

  ${'--config'.padEnd(26)}YAML with server: and catalogue: (the built-in example)
${settingsHelp()}`;
}
