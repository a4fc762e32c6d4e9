// Listen addresses: `host:port`, `[::1]:port`, `unix:///absolute/path`.

import { isIPv4, isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { isRefused, type Read, type Refused, refuse, refuseKernelPath } from './scalars.js';

export interface TcpAddress {
  readonly kind: 'tcp';
  /** A name, IPv4, or IPv6 without brackets. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

export interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}

export type ListenAddress = TcpAddress | UnixAddress;

/** Linux keeps 108 bytes of a socket path with its NUL; Node 20 cuts a longer one in silence. */
const SOCKET_PATH_BYTES_MAX = 107;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const SHAPE = 'must be host:port, [ipv6]:port or unix:///absolute/path';

export const address: Read<ListenAddress> = (text) => {
  if (text.startsWith('unix:')) return unixAddress(text);
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  const host = hostOf(parts?.[1], parts?.[2]);
  if (host === undefined) return refuse(SHAPE);
  const port = Number(parts?.[3]);
  return port <= 65_535 ? { kind: 'tcp', host, port } : refuse('must have a port from 0 to 65535');
};

/** `host:port` on any interface: probes and scrapers come over the network. */
export const tcpAddress: Read<TcpAddress> = (text) => {
  const read = address(text);
  if (isRefused(read) || read.kind === 'tcp') return read;
  return refuse('must be host:port: probes cannot reach a Unix socket');
};

/** A comma list. */
export const addresses: Read<readonly ListenAddress[]> = (text) => {
  const found: ListenAddress[] = [];
  for (const item of text.split(',')) {
    const one = address(item.trim());
    if (isRefused(one)) return one;
    if (found.some((other) => collide(one, other))) {
      return refuse(`names ${addressText(one)} twice`);
    }
    found.push(one);
  }
  return found;
};

export function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

export function addressesText(addresses: readonly ListenAddress[]): string {
  return addresses.map(addressText).join(',');
}

/** Whether only this machine can reach it. */
export function isLocal(one: ListenAddress): boolean {
  if (one.kind === 'unix' || one.host === '::1') return true;
  return isIPv4(one.host) && one.host.startsWith('127.');
}

/** Whether the second one could not be bound beside the first. */
export function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && a.path === b.path;
  }
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host);
}

function unixAddress(text: string): UnixAddress | Refused {
  const given = text.slice('unix://'.length);
  if (!text.startsWith('unix:///') || given.endsWith('/') || /\p{Cc}/u.test(given)) {
    return refuse('must be unix:///absolute/path');
  }
  const path = posix.normalize(given);
  const refused = refuseKernelPath(path);
  if (refused !== undefined) return refused;
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { kind: 'unix', path };
  return refuse(`must have a socket path of at most ${SOCKET_PATH_BYTES_MAX} bytes`);
}

/** One text per host, so that equal hosts compare equal. */
function hostOf(bracketed: string | undefined, plain: string | undefined): string | undefined {
  if (plain === 'localhost') return '127.0.0.1';
  if (plain !== undefined) {
    // Digits and dots that are no IPv4 address would be resolved as a name, or as octal.
    const numeric = /^[\d.]+$/.test(plain);
    return isIPv4(plain) || (!numeric && NAME.test(plain)) ? plain : undefined;
  }
  if (bracketed === undefined || !isIPv6(bracketed)) return undefined;
  if (bracketed.includes('%')) return bracketed;
  return new URL(`http://[${bracketed}]`).hostname.slice(1, -1);
}

function covers(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !isIPv6(host));
}
