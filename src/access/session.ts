// A credential that was proved, remembered so that the next call with it costs a look-up.

import type { EpochMs } from '../base/units.js';
import type { Principal } from '../domain/access/principal.js';
import { limits } from '../limits.js';
import type { Core } from '../operations/core.js';
import type { Bucket } from './rate-limit.js';

export interface Session {
  readonly principal: Principal;
  /** The core, bound to this caller. */
  readonly core: Core;
  /** What was presented: another text is not this session's. */
  readonly credential: string;
  /** From then on the credential has to be proved anew. */
  readonly expiresMs: EpochMs;
  /** Of an organisation's credential; others are not limited. */
  readonly bucket: Bucket | undefined;
  /** False once it is no longer remembered: who still holds it has to prove the credential anew. */
  live: boolean;
}

/** Whether it stands for its credential still. */
export function isLive({ live, expiresMs }: Session, nowMs: EpochMs): boolean {
  return live && nowMs < expiresMs;
}

export interface Sessions {
  readonly find: (key: string) => Session | undefined;
  readonly keep: (key: string, session: Session) => void;
  readonly forget: (key: string) => void;
}

/** Beyond the bound the one kept first is forgotten. */
export function openSessions(): Sessions {
  const sessions = new Map<string, Session>();

  function forget(key: string): void {
    const known = sessions.get(key);
    if (known === undefined) return;
    known.live = false;
    sessions.delete(key);
  }

  return {
    find: (key) => sessions.get(key),
    keep(key, session) {
      forget(key);
      if (sessions.size >= limits.sessions) {
        for (const first of sessions.keys()) {
          forget(first);
          break;
        }
      }
      sessions.set(key, session);
    },
    forget,
  };
}
