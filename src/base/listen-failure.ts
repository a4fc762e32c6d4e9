// An address that could not be listened on: the setting, the address and the reason, each once.

import { Failure, messageOf, systemCode } from './failure.js';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has this address; stop it, or set another one',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this process may not listen there',
  EPERM: 'this process may not listen there',
  EROFS: 'the file system is read-only',
  EEXIST: 'a part of the path is a file',
  ENOTDIR: 'a part of the path is a file',
  ENOENT: 'the directory cannot be made',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up',
};

/** The Failure LISTEN_FAILED, without a cause: its words are in the message. */
export function listenFailure(setting: string, address: string, error: unknown): Failure {
  // grpc-js passes on the system's message within its own, and no code.
  const code = systemCode(error) || (/\bE[A-Z_]{3,}\b/.exec(messageOf(error))?.[0] ?? '');
  const reason = REASONS[code];
  const why = reason === undefined ? messageOf(error) : `${reason} (${code})`;
  return new Failure('LISTEN_FAILED', `${setting}: cannot listen on ${address}: ${why}`);
}
