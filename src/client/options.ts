// The options of a client, read once: what is wrong throws a TypeError that names the option and
// the rule. Every bound is here.

import type { DurationMs } from '../base/units.js';
import type { RetryPolicy } from './backoff.js';
import { later, type OnTrouble } from './trouble.js';

export interface TollgateOptions {
  /** `host:port` or `unix:///path`. */
  readonly target: string;
  /**
   * Sent as `authorization: Bearer <key>`; none is sent by default. A function is asked before each
   * attempt, so that a rotated key is taken up: when the server refuses a key, and the function has
   * another one by then, the call is made again.
   */
  readonly apiKey?: string | (() => string | Promise<string>);
  /** Organisation of whatever names none: 1-128 characters of `[A-Za-z0-9._@-]`. Default none. */
  readonly orgId?: string;
  /** Encrypts the connection. Default: plain text, for loopback and Unix sockets. */
  readonly tls?: TlsOptions;
  /**
   * What holds when the sidecar gives no answer within the deadline. `fail_closed` (default): calls
   * reject with TollgateUnavailable. `fail_open`: checks and holds answer allowed, `degraded`;
   * usage answers `BUFFERED` and stays in the buffer until it is acknowledged.
   */
  readonly onUnavailable?: 'fail_open' | 'fail_closed';
  /**
   * Events handed over and not yet acknowledged; beyond it `record` rejects at once, BUFFER_FULL,
   * under both policies: nothing that was accepted is dropped for something newer. Default 10,000;
   * 1-1,000,000. An event takes about half a kilobyte.
   */
  readonly bufferEventsMax?: number;
  /** Events in a message; so many are sent without waiting for more. Default 256; 1-1000. */
  readonly batchEventsMax?: number;
  /**
   * How long an event waits for others, in milliseconds. Default 0: until the present turn of the
   * event loop is over; at most 1000.
   */
  readonly batchWaitMs?: DurationMs;
  /** For checks and holds, retries included: work waits for them. Default 1000; 1-600,000 ms. */
  readonly deadlineMs?: DurationMs;
  /** For usage, settlements and releases, retries included. Default 30,000; 1-600,000 ms. */
  readonly usageDeadlineMs?: DurationMs;
  /** Waits between attempts: 50 and 2000 ms. Each 1-600,000 ms, the first not above the other. */
  readonly retry?: Partial<RetryPolicy>;
  /** Told of what no promise tells. Called in a turn of its own. */
  readonly onTrouble?: OnTrouble;
}

export interface TlsOptions {
  /** PEM. Default: the authorities that Node trusts. */
  readonly rootCertificate?: string | Buffer;
  /** PEM, with its key: for servers that ask who calls. */
  readonly clientCertificate?: {
    readonly certificate: string | Buffer;
    readonly privateKey: string | Buffer;
  };
}

export interface Settings {
  readonly target: string;
  readonly apiKey: TollgateOptions['apiKey'];
  readonly orgId: string;
  readonly tls: TlsOptions | undefined;
  readonly onUnavailable: 'fail_open' | 'fail_closed';
  readonly bufferEventsMax: number;
  readonly batchEventsMax: number;
  readonly batchWaitMs: DurationMs;
  readonly deadlineMs: DurationMs;
  readonly usageDeadlineMs: DurationMs;
  readonly retry: RetryPolicy;
  readonly onTrouble: OnTrouble;
}

const DURATION_MS_MAX = 600_000;
const HOST_PORT = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
const UNIX = /^unix:\/\/\/.+$/;
const ORG_ID = /^[A-Za-z0-9._@-]{1,128}$/;
/** The field of a header. */
const KEY = /^[\x21-\x7e]{1,8192}$/;

const NAMES: ReadonlySet<string> = new Set<keyof TollgateOptions>([
  'target',
  'apiKey',
  'orgId',
  'tls',
  'onUnavailable',
  'bufferEventsMax',
  'batchEventsMax',
  'batchWaitMs',
  'deadlineMs',
  'usageDeadlineMs',
  'retry',
  'onTrouble',
]);

export function readOptions(options: TollgateOptions): Settings {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw new TypeError(`openTollgate: there is no option ${name}`);
  }
  const { apiKey, orgId, onTrouble, onUnavailable = 'fail_closed', retry = {} } = options;
  check(isTarget(options.target), 'target', 'must be host:port or unix:///path');
  check(isKeyOption(apiKey), 'apiKey', 'must be printable ASCII text, or a function that gives it');
  check(orgId === undefined || ORG_ID.test(orgId), 'orgId', `must match ${ORG_ID.source}`);
  const policies = ['fail_open', 'fail_closed'];
  check(policies.includes(onUnavailable), 'onUnavailable', `must be ${policies.join(' or ')}`);
  check(isCallback(onTrouble), 'onTrouble', 'must be a function');
  const firstMs = duration(retry.firstMs ?? 50, 'retry.firstMs');
  const longestMs = duration(retry.longestMs ?? 2000, 'retry.longestMs');
  check(firstMs <= longestMs, 'retry.firstMs', 'must not be above retry.longestMs');
  return {
    target: options.target,
    apiKey,
    orgId: orgId ?? '',
    tls: readTls(options.tls),
    onUnavailable,
    bufferEventsMax: whole(options.bufferEventsMax ?? 10_000, 'bufferEventsMax', 1, 1_000_000),
    batchEventsMax: whole(options.batchEventsMax ?? 256, 'batchEventsMax', 1, 1000),
    batchWaitMs: whole(options.batchWaitMs ?? 0, 'batchWaitMs', 0, 1000),
    deadlineMs: duration(options.deadlineMs ?? 1000, 'deadlineMs'),
    usageDeadlineMs: duration(options.usageDeadlineMs ?? 30_000, 'usageDeadlineMs'),
    retry: { firstMs, longestMs },
    onTrouble: later(onTrouble),
  };
}

/** Throws where the text is no key: it may come from a function, long after the options. */
export function checkKey(key: unknown): asserts key is string {
  check(typeof key === 'string' && KEY.test(key), 'apiKey', 'must give printable ASCII text');
}

function isKeyOption(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || isKey(value);
}

function isKey(value: unknown): boolean {
  return typeof value === 'string' && KEY.test(value);
}

function isCallback(value: unknown): boolean {
  return value === undefined || typeof value === 'function';
}

function isTarget(target: unknown): boolean {
  if (typeof target !== 'string') return false;
  if (UNIX.test(target)) return true;
  const port = Number(HOST_PORT.exec(target)?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
}

function readTls(tls: TlsOptions | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { rootCertificate: root, clientCertificate: own } = tls;
  check(root === undefined || isPem(root), 'tls.rootCertificate', 'must be PEM');
  if (own === undefined) return tls;
  check(isPem(own.certificate), 'tls.clientCertificate.certificate', 'must be PEM');
  check(isPem(own.privateKey), 'tls.clientCertificate.privateKey', 'must be PEM');
  return tls;
}

function isPem(value: unknown): boolean {
  const isText = typeof value === 'string' || Buffer.isBuffer(value);
  return isText && value.includes('-----BEGIN ');
}

function duration(value: unknown, name: string): DurationMs {
  return whole(value, name, 1, DURATION_MS_MAX);
}

function whole(value: unknown, name: string, least: number, most: number): number {
  const fits =
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
  check(fits, name, `must be a whole number from ${least} to ${most}; got ${String(value)}`);
  return value as number;
}

function check(holds: boolean, name: string, rule: string): asserts holds {
  if (!holds) throw new TypeError(`openTollgate: ${name} ${rule}`);
}
