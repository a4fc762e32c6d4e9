// A certificate chain, its private key, and whom to believe clients' certificates from: whether
// they can be served with, and how.

import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Failure, messageOf } from '../base/failure.js';
import type { EpochMs } from '../base/units.js';

/** In PEM. */
export interface TlsMaterial {
  /** The server's own certificate first, then those that lead from it to a root. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of clients' certificates; absent: clients are not asked for one. */
  readonly ca?: Buffer;
}

/** When every certificate of the chain is valid. */
export interface Validity {
  readonly notBeforeMs: EpochMs;
  readonly notAfterMs: EpochMs;
}

/** For TLS 1.3, and what is left of TLS 1.2 where HTTP/2 is spoken (RFC 9113, section 9.2.2). */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');

/**
 * TLS 1.2 is the oldest, because proxies speak no newer one to what is behind them unless they are
 * told to (Envoy's default); whoever can speaks 1.3. A session is never resumed: connections live
 * long, so it would save nothing, and each is proved against the authorities of now. HTTP/2 forbids
 * renegotiation.
 */
export function secureContextOptions({ cert, key, ca }: TlsMaterial): SecureContextOptions {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    ciphers: CIPHERS,
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/**
 * Throws a `Failure` of code TLS_FILES_INVALID where a server could not be given this. Whether it
 * is valid now is another question.
 */
export function checkMaterial(material: TlsMaterial): Validity {
  const chain = certificatesIn(material.cert, 'the certificate file');
  const key = privateKeyIn(material.key);
  if (!chain[0]?.checkPrivateKey(key)) {
    throw invalid('the private key is not that of the first certificate');
  }
  if (material.ca !== undefined) certificatesIn(material.ca, 'the file of client authorities');
  try {
    createSecureContext(secureContextOptions(material));
  } catch (error) {
    throw invalid(`TLS does not take them: ${messageOf(error)}`, error);
  }
  return {
    notBeforeMs: Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom))),
    notAfterMs: Math.min(...chain.map(endOf)),
  };
}

export function endOf({ validTo }: X509Certificate): EpochMs {
  return Date.parse(validTo);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** At least one. What stands between them is nobody's business, as everywhere in PEM. */
function certificatesIn(pem: Buffer, file: string): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(CERTIFICATE);
  if (blocks === null) throw invalid(`${file} has no certificate`);
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw invalid(`certificate ${i + 1} of ${file} is none: ${messageOf(error)}`, error);
    }
  });
}

/** What OpenSSL says of a bad one quotes nothing of it. */
function privateKeyIn(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw invalid(`the private key is none: ${messageOf(error)}`, error);
  }
}

function invalid(why: string, cause?: unknown): Failure {
  return new Failure('TLS_FILES_INVALID', why, { cause });
}
