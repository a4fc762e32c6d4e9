// Every setting: its default, how its text is read, what it is for. One name gives three spellings:
// grpc_listen in the file, TOLLGATE_GRPC_LISTEN in the environment, --grpc-listen as a flag.

import { resolve } from 'node:path';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../base/units.js';
import { urlProblem } from '../base/url-problem.js';
import { limits } from '../limits.js';
import {
  addresses,
  addressesText,
  addressText,
  type ListenAddress,
  tcpAddress,
} from './address.js';
import {
  bytes,
  bytesText,
  integer,
  isRefused,
  label,
  lengthMs,
  lengthText,
  matching,
  oneOf,
  onOrOff,
  type Read,
  type Refused,
  refuse,
  refuseKernelPath,
  trueOrFalse,
} from './scalars.js';

export interface Setting<T> {
  /** '' where nothing is set by default. */
  readonly fallback: string;
  readonly read: (text: string) => Resolved<T> | Refused;
  readonly help: string;
}

export interface Resolved<T> {
  readonly value: T;
  /** The one form of the value, which reads as the same value again. */
  readonly text: string;
}

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type Values = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

export const SETTINGS = {
  grpc_listen: setting('127.0.0.1:50051', addresses, {
    help: 'gRPC: host:port and unix:///path, comma between',
    write: addressesText,
  }),
  ops_listen: setting('127.0.0.1:9464', tcpAddress, {
    help: 'metrics and probes: any address',
    write: addressText,
  }),
  http_listen: setting('127.0.0.1:8080', addressesOrOff, {
    help: 'REST: as grpc_listen, or off',
    write: (addresses) => addressesText(addresses) || 'off',
  }),
  http_cors_origins: setting('', origins, {
    help: 'origins of web pages elsewhere that may call HTTP, comma between',
    write: (named) => named.join(','),
  }),
  data_dir: setting('./data', directory, { help: 'directory of journal and state' }),
  log_level: setting('info', oneOf(LOG_LEVELS), { help: LOG_LEVELS.join(', ') }),
  log_format: setting('json', oneOf(['json', 'pretty']), {
    help: 'json or pretty; on a terminal the default is pretty',
  }),
  durability: setting('fsync', oneOf(['fsync', 'write']), {
    help: 'fsync or write: what a call that does not say gets',
  }),
  auth: setting('required', oneOf(['required', 'off']), {
    help: 'required, or off: whoever can connect may do anything',
  }),
  insecure: setting('false', trueOrFalse, {
    help: 'other addresses than loopback without TLS',
  }),
  tls_cert_file: setting('', optional(directory), {
    help: 'certificate chain of TCP listeners, PEM; read again when it changes',
  }),
  tls_key_file: setting('', optional(directory), { help: 'its private key, PEM' }),
  tls_client_ca_file: setting('', optional(directory), {
    help: 'authorities of client certificates, PEM',
  }),
  tls_client_auth: setting('optional', oneOf(['optional', 'required']), {
    help: 'optional, or required: only clients with a certificate connect',
  }),
  jwt_issuer: setting('', optional(label(512)), { help: 'takes tokens of this issuer (iss)' }),
  jwt_audience: setting('', optional(label(512)), { help: 'that are for this audience (aud)' }),
  jwt_keys: setting('', optional(keySource), {
    help: 'its key set (JWKS): a file, or an https URL',
  }),
  jwt_org_claim: setting('org_id', label(128), { help: 'claim that names the organisation' }),
  jwt_roles_claim: setting('roles', label(128), { help: 'claim that lists the roles' }),
  jwt_orgs_claim: setting('allowed_orgs', label(128), {
    help: 'claim that lists organisations, of a token without one',
  }),
  rate_limit_per_second: whole(
    1000,
    1,
    1_000_000,
    "calls a second of an organisation's credential",
  ),
  rate_limit_burst: whole(2000, 1, 1_000_000, 'calls at once of one that made none before'),
  deny_as_error: setting('false', trueOrFalse, { help: 'a denied quota is a status code' }),
  require_data: setting('false', trueOrFalse, { help: 'refuse to begin an empty directory' }),
  allow_filesystem: setting('', fileSystem, {
    help: 'a network file system to put up with, by its name',
  }),
  reflection: setting('on', onOrOff, {
    help: 'gRPC reflection, on or off',
    write: (on) => (on ? 'on' : 'off'),
  }),
  id_retention_days: whole(limits.idRetentionMs / DAY_MS, 2, 3660, 'days an event id is known'),
  late_days: whole(limits.eventPastMs / DAY_MS, 1, 3659, 'days an event may be behind'),
  future_minutes: whole(limits.eventFutureMs / MINUTE_MS, 0, 1440, 'minutes it may be ahead'),
  journal_bytes_max: size(limits.journalBytes, 32 * MIB, 1024 * TIB, 'size of the whole journal'),
  journal_segment_bytes: size(limits.segmentBytes, 16 * MIB, 1024 * MIB, 'size of a journal file'),
  disk_reserve_bytes: size(limits.diskReserveBytes, 16 * MIB, TIB, 'disk space to leave free'),
  checkpoint_interval_ms: whole(limits.checkpointIntervalMs, 100, 600_000, 'between checkpoints'),
  scope_idle_days: whole(limits.scopeIdleMs / DAY_MS, 2, 366, 'days until idle counters end'),
  invoice_grace: setting('1h', orNone(lengthMs), {
    help: 'how long a period waits for late usage before it is invoiced, 0 or 90m or 2d',
    write: (ms) => (ms === 0 ? '0' : lengthText(ms)),
  }),
  invoice_due_days: whole(14, 0, 365, 'days an invoice may be paid in'),
  delivery_retention_days: whole(
    limits.deliveryRetentionMs / DAY_MS,
    1,
    3660,
    'days a delivery is kept when it was delivered or given up',
  ),
  drain_seconds: whole(limits.drainMs / SECOND_MS, 0, 3600, 'seconds that a stop waits for calls'),
} as const;

/** 0 besides. */
function orNone(read: Read<number>): Read<number> {
  return (text) => (text === '0' ? 0 : read(text));
}

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export function flagOf(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}

export function variableOf(name: string): string {
  return `TOLLGATE_${name.toUpperCase()}`;
}

/** One line per setting, for `--help`. */
export function settingsHelp(): string {
  return SETTING_NAMES.map((name) => {
    const { fallback, help } = SETTINGS[name];
    const usual = fallback === '' ? '' : ` (${fallback})`;
    return `  ${flagOf(name).padEnd(26)}${help}${usual}\n`;
  }).join('');
}

function setting<T>(
  fallback: string,
  read: Read<T>,
  { help, write = String }: { readonly help: string; readonly write?: (value: T) => string },
): Setting<T> {
  return {
    fallback,
    help,
    read(text) {
      const value = read(text);
      return isRefused(value) ? value : { value, text: write(value) };
    },
  };
}

function whole(fallback: number, min: number, max: number, help: string): Setting<number> {
  return setting(String(fallback), integer(min, max), { help });
}

function size(fallback: number, min: number, max: number, help: string): Setting<number> {
  return setting(bytesText(fallback), bytes(min, max), { help, write: bytesText });
}

/** '' where it is not set. */
function optional(read: Read<string>): Read<string> {
  return (text) => (text === '' ? text : read(text));
}

/** A URL is checked where it is opened, too: what it leads to may change. */
function keySource(text: string): string | Refused {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return directory(text);
  const problem = urlProblem(text);
  return problem === undefined ? text : refuse(problem);
}

function directory(text: string): string | Refused {
  const path = label(1024)(text);
  if (isRefused(path)) return path;
  if (path.startsWith('~')) {
    return refuse('must not begin with ~, which only a shell replaces: write the path in full');
  }
  const whole = resolve(path);
  return refuseKernelPath(whole) ?? whole;
}

function fileSystem(text: string): string | Refused {
  const rule = 'must be the name of a file system, such as nfs';
  return matching(/^[a-z0-9._-]{0,32}$/, rule)(text);
}

/** Named one by one: where nobody has to say who they are, any page could call. */
function origins(text: string): readonly string[] | Refused {
  if (text === '') return [];
  const named = text.split(',').map((each) => each.trim());
  const wrong = named.find((each) => !isOrigin(each));
  if (wrong === undefined) return [...new Set(named)];
  return refuse('must be origins as browsers send them, such as https://console.example');
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function addressesOrOff(text: string): readonly ListenAddress[] | Refused {
  return text === 'off' ? [] : addresses(text);
}
