// The issuer's keys, from a file or a URL, kept up to date for as long as the process runs.
//
// Invariants: what cannot be read, or is no key set, changes nothing: the last good set goes on
// being used, until it has not been confirmed for `limits.keySetStaleMs`. One read at a time.

import type { KeyObject } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import { Failure } from '../base/failure.js';
import type { DurationMs } from '../base/units.js';
import { urlProblem } from '../base/url-problem.js';
import { limits } from '../limits.js';
import { fetchBounded } from './fetch-bounded.js';
import { type JwtAlgorithm, type KeySet, keySetFrom } from './key-set.js';
import { readBounded } from './read-bounded.js';

export type JwksSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/** `keys_stale`: the source fails, the last good set is used. `keys_good` ends either trouble. */
export type JwksState = 'keys_good' | 'keys_stale' | 'keys_unavailable';

export interface JwksOptions {
  readonly source: JwksSource;
  readonly clock: Clock;
  /** Once per change of state; `error` is undefined where all is well again. */
  readonly onTrouble: (state: JwksState, error: unknown) => void;
  /** Between two looks at the source; else as `limits.ts` has it. */
  readonly everyMs?: DurationMs;
  readonly timeoutMs?: DurationMs;
}

export interface Jwks {
  readonly find: (algorithm: JwtAlgorithm, kid: string | undefined) => KeyFound;
  /**
   * For a token whose key was not found: reads anew, or waits for the read under way. False where
   * that was done less than `limits.keySetRefetchMs` ago: tokens cannot make us hammer the issuer.
   */
  readonly refetch: () => Promise<boolean>;
  /** Reads now, or waits for the read under way. Never rejects: trouble goes to `onTrouble`. */
  readonly refresh: () => Promise<void>;
  /** Since the set was last read and found good; Infinity where it never was. */
  readonly ageMs: () => DurationMs;
  /** Cuts off a read under way. */
  readonly close: () => Promise<void>;
}

export type KeyFound =
  | { readonly kind: 'found'; readonly key: KeyObject }
  | { readonly kind: 'unknown_key' }
  | { readonly kind: 'keys_unavailable' };

/**
 * Resolves after the first read, however it went. Where the issuer is down, callers with other
 * credentials must be served all the same, and where the issuer waits for us, neither would start.
 * Rejects with a `Failure` of code KEYS_URL_REFUSED where the URL is not https, nor on loopback.
 */
export async function openJwks(options: JwksOptions): Promise<Jwks> {
  const { clock } = options;
  const read = readerOf(options);
  const closed = new AbortController();
  let set: KeySet | undefined;
  let text = '';
  let goodMs = -Infinity;
  let triedMs = -Infinity;
  let state: JwksState = 'keys_good';
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const ageMs = () => clock.monotonicMs() - goodMs;
  const usable = () => (ageMs() <= limits.keySetStaleMs ? set : undefined);

  function enter(next: JwksState, error: unknown): void {
    if (next !== state) options.onTrouble(next, error);
    state = next;
  }

  async function attempt(): Promise<void> {
    triedMs = clock.monotonicMs();
    try {
      const next = (await read(closed.signal)).toString('utf8');
      if (closed.signal.aborted) return;
      if (set === undefined || next !== text) set = keySetFrom(next);
      text = next;
      goodMs = triedMs;
      enter('keys_good', undefined);
    } catch (error) {
      if (closed.signal.aborted) return;
      enter(usable() === undefined ? 'keys_unavailable' : 'keys_stale', error);
    }
  }

  function refresh(): Promise<void> {
    clearTimeout(timer);
    running ??= attempt().finally(() => {
      running = undefined;
      if (closed.signal.aborted) return;
      timer = setTimeout(refresh, options.everyMs ?? waitMs(options.source, state)).unref();
    });
    return running;
  }

  await refresh();
  return {
    find(algorithm, kid) {
      const current = usable();
      if (current === undefined) return { kind: 'keys_unavailable' };
      const key = current.find(algorithm, kid);
      return key === undefined ? { kind: 'unknown_key' } : { kind: 'found', key };
    },
    async refetch() {
      const sinceMs = clock.monotonicMs() - triedMs;
      if (running === undefined && sinceMs < limits.keySetRefetchMs) return false;
      await refresh();
      return true;
    },
    refresh,
    ageMs,
    async close() {
      closed.abort(new Error('closed'));
      clearTimeout(timer);
      await running;
    },
  };
}

function readerOf({ source, timeoutMs }: JwksOptions): (signal: AbortSignal) => Promise<Buffer> {
  const bytesMax = limits.keySetBytes;
  if (source.kind === 'file') return () => readBounded(source.path, bytesMax);
  const { url } = source;
  const problem = urlProblem(url);
  if (problem !== undefined) {
    throw new Failure('KEYS_URL_REFUSED', `the URL of the key set ${problem}`);
  }
  return (signal) =>
    fetchBounded({ url, bytesMax, timeoutMs: timeoutMs ?? limits.keySetTimeoutMs, signal });
}

/** A file is read and compared: cheaper than to tell a changed one by its times in every case. */
function waitMs({ kind }: JwksSource, state: JwksState): DurationMs {
  if (kind === 'file') return limits.accessFilePollMs;
  return state === 'keys_good' ? limits.keySetFetchMs : limits.keySetRefetchMs;
}
