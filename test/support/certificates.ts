// Certificates made by openssl while a test runs; none is kept.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** In front of what is skipped, so that a run says so. */
export const opensslNote = hasOpenssl() ? '' : ' — SKIPPED, no openssl on the PATH';
export const opensslAbsent = opensslNote !== '';

export interface Certificate {
  /** Paths, and what stands there, in PEM. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Wanted {
  /** As openssl.cnf has them: `URI:spiffe://example.org/a`. */
  readonly sans?: readonly string[];
  /** Below 0: it has ended. */
  readonly days?: number;
  readonly usage?: 'clientAuth' | 'serverAuth';
}

export interface Authority extends Certificate {
  readonly issue: (wanted?: Wanted) => Certificate;
  readonly directory: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** In a folder of its own; `remove` it in the end. */
export function makeAuthority(name: string): Authority & { readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-ca-'));
  const file = (end: string) => join(directory, end);
  const [certFile, keyFile] = [file('ca.crt'), file('ca.key')];
  const root = [
    '-subj',
    `/CN=${name}`,
    '-days',
    '30',
    '-addext',
    'keyUsage=keyCertSign,digitalSignature',
  ];
  openssl(['req', '-x509', ...NEW_KEY, '-keyout', keyFile, '-out', certFile, ...root]);
  let issued = 0;

  function issue({
    sans = ['DNS:localhost', 'IP:127.0.0.1'],
    days = 7,
    usage = 'serverAuth',
  }: Wanted = {}) {
    const own = `${++issued}`;
    const [key, request, cert] = [file(`${own}.key`), file(`${own}.csr`), file(`${own}.crt`)];
    const extensions = file(`${own}.cnf`);
    const names = sans.map((san, i) => {
      const at = san.indexOf(':');
      return `${san.slice(0, at)}.${i + 1} = "${san.slice(at + 1)}"`;
    });
    const sections = [
      'subjectAltName = @names',
      `extendedKeyUsage = ${usage}`,
      '[names]',
      ...names,
    ];
    writeFileSync(extensions, `${sections.join('\n')}\n`);
    openssl(['req', '-new', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${own}`]);
    const by = ['-CA', certFile, '-CAkey', keyFile, '-days', `${days}`, '-extfile', extensions];
    openssl(['x509', '-req', '-in', request, ...by, '-out', cert]);
    return read(cert, key);
  }

  return {
    ...read(certFile, keyFile),
    directory,
    issue,
    remove: () => rmSync(directory, { recursive: true }),
  };
}

function read(certFile: string, keyFile: string): Certificate {
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

function openssl(words: readonly string[]): void {
  execFileSync('openssl', words, { stdio: 'pipe' });
}

function hasOpenssl(): boolean {
  try {
    openssl(['version']);
    return true;
  } catch {
    return false;
  }
}
