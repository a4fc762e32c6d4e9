// The files that a TLS server is given, read again for as long as it runs: certificates end every
// few weeks or days, and no connection shall be dropped for a new one.
//
// Invariant: what is handed out was checked as a whole. Files that are being replaced one by one do
// not belong together for a moment: that is trouble until the last one is there, and the old
// material stays in use.

import type { Clock } from '../base/clock.js';
import { Failure } from '../base/failure.js';
import type { DurationMs, EpochMs } from '../base/units.js';
import { limits } from '../limits.js';
import { readBounded } from './read-bounded.js';
import { checkMaterial, type TlsMaterial, type Validity } from './tls-material.js';

export type TlsFilesState = 'tls_files_good' | 'tls_files_failing';

export interface TlsFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of clients' certificates. */
  readonly clientCaFile?: string;
  readonly clock: Clock;
  /** With what new connections are to be served from now on. */
  readonly onReload: (material: TlsMaterial) => void;
  /** Once per change of state; `error` is undefined where all is well again. */
  readonly onTrouble: (state: TlsFilesState, error: unknown) => void;
  /** Between two looks at the files; else as `limits.ts` has it. */
  readonly everyMs?: DurationMs;
}

export interface TlsFiles {
  readonly current: () => TlsMaterial;
  /** When the first certificate of the chain in use ends. */
  readonly notAfterMs: () => EpochMs;
  /** Whether the files as they are now cannot be used, or what is in use has ended. */
  readonly failing: () => boolean;
  /** Looks at the files now; the timer does the same. Never rejects. */
  readonly refresh: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Rejects with a `Failure` of code FILE_UNREADABLE or TLS_FILES_INVALID where there is nothing to
 * serve with. A certificate that has ended is served with all the same, and is trouble: other
 * listeners are not to fail with it, and the next file may be on its way.
 */
export async function openTlsFiles(options: TlsFilesOptions): Promise<TlsFiles> {
  const { clock } = options;
  let current = await readMaterial(options);
  let validity = checkMaterial(current);
  let state: TlsFilesState = 'tls_files_good';
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function enter(next: TlsFilesState, error: unknown): void {
    if (next === state) return;
    state = next;
    options.onTrouble(next, error);
  }

  async function look(): Promise<void> {
    try {
      const next = await readMaterial(options);
      if (closed) return;
      if (isSame(next, current)) requireNow(validity, clock.wallMs());
      else take(next);
      enter('tls_files_good', undefined);
    } catch (error) {
      if (!closed) enter('tls_files_failing', error);
    }
  }

  function take(next: TlsMaterial): void {
    const checked = checkMaterial(next);
    requireNow(checked, clock.wallMs());
    current = next;
    validity = checked;
    options.onReload(next);
  }

  function refresh(): Promise<void> {
    clearTimeout(timer);
    running ??= look().finally(() => {
      running = undefined;
      if (closed) return;
      timer = setTimeout(refresh, options.everyMs ?? limits.accessFilePollMs).unref();
    });
    return running;
  }

  await refresh();
  return {
    current: () => current,
    notAfterMs: () => validity.notAfterMs,
    failing: () => state === 'tls_files_failing',
    refresh,
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function readMaterial(options: TlsFilesOptions): Promise<TlsMaterial> {
  const { certFile, keyFile, clientCaFile } = options;
  const read = (path: string) => readBounded(path, limits.tlsFileBytes);
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  return clientCaFile === undefined ? { cert, key } : { cert, key, ca: await read(clientCaFile) };
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  if (!a.cert.equals(b.cert) || !a.key.equals(b.key)) return false;
  return a.ca === b.ca || (a.ca !== undefined && b.ca !== undefined && a.ca.equals(b.ca));
}

function requireNow({ notBeforeMs, notAfterMs }: Validity, nowMs: EpochMs): void {
  if (nowMs < notBeforeMs) throw outOfTime('is not valid before', notBeforeMs);
  if (nowMs > notAfterMs) throw outOfTime('ended at', notAfterMs);
}

function outOfTime(what: string, atMs: EpochMs): Failure {
  const text = `a certificate of the chain ${what} ${new Date(atMs).toISOString()}`;
  return new Failure('TLS_CERTIFICATE_NOT_VALID', text);
}
