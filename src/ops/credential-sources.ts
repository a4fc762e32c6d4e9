// Where credentials come from besides the ledger: an issuer's keys, TLS files. What is wrong with
// them is told once, and counted while it lasts.

import type { JwksState } from '../access/jwks.js';
import type { TlsFilesState } from '../access/tls-files.js';
import type { Log } from '../telemetry/log.js';

export interface CredentialSources {
  /** Sources that fail: what they gave before is used. */
  readonly failing: () => number;
  readonly onKeys: (state: JwksState, error: unknown) => void;
  readonly onTls: (state: TlsFilesState, error: unknown) => void;
}

export function openCredentialSources(log: Log): CredentialSources {
  const failing = new Set<string>();
  function note(source: string, isGood: boolean): void {
    if (isGood) failing.delete(source);
    else failing.add(source);
  }
  return {
    failing: () => failing.size,
    onKeys(state, error) {
      note('jwt', state === 'keys_good');
      log.warn(`jwt_${state}`, { error });
    },
    onTls(state, error) {
      note('tls', state === 'tls_files_good');
      if (state === 'tls_files_good') log.warn('tls_files_good', {});
      else log.warn('tls_files_failing', { error });
    },
  };
}
