// Who a call's connection is from, by the certificate that its client proved to have.
//
// Cost: the certificate is read at the first call of a connection; every further one is a look-up.
// `getAuthContext` of grpc-js would take it apart at each call. TLS does not let it change while
// the connection lasts: renegotiation is off.

import type { X509Certificate } from 'node:crypto';
import type { ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../access/gate.js';
import { endOf } from '../access/tls-material.js';
import { connectionOf, type ServerCall } from './admitted.js';

export function createSansOf(): (call: ServerCall) => PeerCertificate {
  const sansOf = createSansOfSession();
  return (call) => sansOf(connectionOf(call));
}

export function createSansOfSession(): (session: Session | undefined) => PeerCertificate {
  const known = new WeakMap<Session, PeerCertificate>();
  return (session) => {
    if (session === undefined || session.destroyed) return { kind: 'absent' };
    let sans = known.get(session);
    if (sans === undefined) {
      sans = sansOfSocket(session.socket);
      known.set(session, sans);
    }
    return sans;
  };
}

type Session = ServerHttp2Session;

/** Also of a connection of HTTP/1. */
export function sansOfSocket(socket: unknown): PeerCertificate {
  if (!(socket instanceof TLSSocket)) return { kind: 'absent' };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: 'absent' };
  if (!socket.authorized) return { kind: 'refused', why: `${socket.authorizationError}` };
  return { kind: 'proved', ...sansIn(certificate), expiresMs: endOf(certificate) };
}

const SAN = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/**
 * Node writes them as `URI:spiffe://a/b, DNS:"odd, name"`: a value that could be taken for two is a
 * JSON string (CVE-2021-44532). A text of another shape names nobody.
 */
export function sansIn({ subjectAltName = '' }: Pick<X509Certificate, 'subjectAltName'>) {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  let at = 0;
  while (at < subjectAltName.length) {
    SAN.lastIndex = at;
    const match = SAN.exec(subjectAltName);
    if (match === null) return { uris: [], dnsNames: [] };
    const [whole, kind, written = ''] = match;
    const value: string = written.startsWith('"') ? JSON.parse(written) : written;
    if (kind === 'URI') uris.push(value);
    if (kind === 'DNS') dnsNames.push(value);
    at += whole.length;
  }
  return { uris, dnsNames };
}
