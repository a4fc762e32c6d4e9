// What admits callers, opened as it is configured: nobody is asked, or keys are taken, and tokens
// where an issuer is named.

import { unreachable } from '../base/assert.js';
import type { CertificateDocument } from '../domain/access/certificate.js';
import type { Core } from '../operations/core.js';
import { type Gate, openDoor, openGate } from './gate.js';
import type { JwksState } from './jwks.js';
import { openJwtVerifier } from './jwt.js';
import type { TokenOptions } from './jwt-principal.js';
import type { Rate } from './rate-limit.js';

export interface AccessOptions {
  readonly auth: 'required' | 'off';
  readonly rate: Rate;
  /** Undefined: no tokens are taken. */
  readonly tokens: TokenOptions | undefined;
  readonly certificates: readonly CertificateDocument[];
  /** Once per change of state. */
  readonly onTrouble: (state: JwksState, error: unknown) => void;
}

export interface Access {
  readonly gate: Gate;
  readonly close: () => Promise<void>;
}

export async function openAccess(core: Core, options: AccessOptions): Promise<Access> {
  const { auth, rate, tokens, certificates } = options;
  switch (auth) {
    case 'off':
      return { gate: openDoor(core), close: async () => undefined };
    case 'required': {
      const { clock } = core;
      const { onTrouble } = options;
      const verifier = tokens && (await openJwtVerifier({ ...tokens, clock, onTrouble }));
      return {
        gate: openGate(core, { rate, verifier, certificates }),
        close: async () => verifier?.close(),
      };
    }
    default:
      return unreachable(auth);
  }
}
