// File, environment and flags become one frozen Config, or the list of everything wrong with them.
// Flags override the environment, the environment overrides the file.

import { stringify } from 'yaml';
import { systemCode } from './base/failure.js';
import { DAY_MS, MINUTE_MS, SECOND_MS } from './base/units.js';
import type { CertificateDocument } from './domain/access/certificate.js';
import type { CatalogueDocument } from './domain/plans/document.js';
import { collide, isLocal, type ListenAddress, type TcpAddress } from './seed/address.js';
import { readCertificates } from './seed/certificates.js';
import { exampleCatalogue } from './seed/example.js';
import { PRICED_PER } from './seed/price-shape.js';
import type { Problem } from './seed/problem.js';
import { isRefused, lengthText } from './seed/scalars.js';
import {
  type LOG_LEVELS,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Values,
} from './seed/settings.js';
import {
  BENCH_NOOP,
  FILE,
  type Given,
  readEnvironment,
  readFlags,
  readServer,
} from './seed/sources.js';
import { readYaml, type YamlFile } from './seed/yaml.js';
import { readCatalogue } from './seed.js';

export interface Config {
  readonly grpcListen: readonly ListenAddress[];
  /** None: there is no HTTP. */
  readonly httpListen: readonly ListenAddress[];
  /** Of pages elsewhere that may call; none: CORS is off. */
  readonly httpCorsOrigins: readonly string[];
  readonly opsListen: TcpAddress;
  /** Absolute. */
  readonly dataDir: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: 'json' | 'pretty';
  /** For calls that do not say. */
  readonly durability: 'fsync' | 'write';
  readonly auth: 'required' | 'off';
  /** Of TCP listeners; undefined: plain text. */
  readonly tls: TlsSettings | undefined;
  /** Who is known by a client certificate. */
  readonly certificates: readonly CertificateDocument[];
  /** Undefined: no tokens are taken. */
  readonly tokens: TokenSettings | undefined;
  /** Of an organisation's credential. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  readonly denyAsError: boolean;
  readonly requireData: boolean;
  /** A network file system to put up with; '' for none. */
  readonly allowFilesystem: string;
  readonly reflection: boolean;
  /** At least a day more than `eventPastMs`. */
  readonly idRetentionMs: number;
  readonly eventPastMs: number;
  readonly eventFutureMs: number;
  /** At least two segments. */
  readonly journalBytesMax: number;
  readonly segmentBytes: number;
  readonly diskReserveBytes: number;
  readonly checkpointIntervalMs: number;
  readonly scopeIdleMs: number;
  /** After the end of a period, until its invoice is closed. */
  readonly invoiceGraceMs: number;
  /** After its issue. */
  readonly invoiceDueMs: number;
  /** Of notifications that were delivered or given up. */
  readonly deliveryRetentionMs: number;
  readonly drainMs: number;
  /** Answer without deciding, to measure the transport alone. Not a setting for operators. */
  readonly benchNoop: boolean;
  readonly catalogue: CatalogueDocument;
  readonly catalogueSource: 'built-in' | 'file';
  /** The configuration file as it was named; '' for none. */
  readonly file: string;
  /** Every setting in its one form, for `describe` and the log. */
  readonly settings: readonly ResolvedSetting[];
}

export interface TlsSettings {
  readonly certFile: string;
  readonly keyFile: string;
  /** Absent: clients are not asked for a certificate. */
  readonly clientCaFile?: string;
  readonly clientAuth: 'optional' | 'required';
}

export interface TokenSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string };
  readonly claims: { readonly orgId: string; readonly roles: string; readonly allowedOrgs: string };
}

export interface ResolvedSetting {
  readonly name: SettingName;
  /** '' where it is not set. */
  readonly text: string;
  /** `default`, `tollgate.yaml:3`, `TOLLGATE_DATA_DIR` or `--data-dir`. */
  readonly source: string;
}

export interface ConfigInput {
  /** Flags, without the name of the command. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
  /** What the log is written to: decides its format where no setting does. */
  readonly output?: 'terminal' | 'pipe';
}

export type Loaded = { readonly config: Config } | { readonly problems: readonly Problem[] };

export function loadConfig(input: ConfigInput): Loaded {
  const problems: Problem[] = [];
  const flags = readFlags(input.argv, problems);
  const environment = readEnvironment(input.env, problems);
  const named = flags.get(FILE) ?? environment.get(FILE);
  const file = named === undefined ? undefined : openFile(named, input.readFile, problems);
  const server = file === undefined ? undefined : readServer(file, problems);

  const values: Partial<Record<SettingName, unknown>> = {};
  const settings = SETTING_NAMES.map((name): ResolvedSetting => {
    const given = flags.get(name) ?? environment.get(name) ?? server?.get(name);
    const { text, source } = given ?? { text: fallbackOf(name, input), source: 'default' };
    const resolved = SETTINGS[name].read(text);
    if (isRefused(resolved)) {
      problems.push({ setting: name, value: text, rule: resolved.refused, source });
      return { name, text, source };
    }
    values[name] = resolved.value;
    return { name, text: resolved.text, source };
  });
  checkRelations(values as Partial<Values>, settings, problems);
  const benchNoop = readBenchNoop(input.env[BENCH_NOOP], problems);
  const certificates = file === undefined ? [] : readCertificates(file, problems);
  const own = file !== undefined && file.root['catalogue'] !== undefined;
  const seed = own ? readCatalogue(file) : { document: exampleCatalogue() };
  if ('problems' in seed) problems.push(...seed.problems);
  if (problems.length > 0 || 'problems' in seed) return { problems };
  return {
    config: deepFreeze({
      // Without a problem every setting has been read.
      ...toConfig(values as Values),
      certificates,
      benchNoop,
      catalogue: seed.document,
      catalogueSource: own ? 'file' : 'built-in',
      file: named?.text ?? '',
      settings,
    }),
  };
}

/**
 * The configuration as a YAML file that means the same, with the source of every setting. No
 * setting is a secret; one that ever is must not come here.
 */
export function describe(config: Config): string {
  const lines = config.settings
    .filter(({ text }) => text !== '')
    .map(({ name, text, source }) => `  ${name}: ${JSON.stringify(text)} # ${source}\n`);
  const { catalogueSource, file } = config;
  const origin = catalogueSource === 'built-in' ? 'the built-in example' : file;
  const catalogue = stringify({ catalogue: toYamlShape(config.catalogue) }, { lineWidth: 0 });
  return `server:\n${lines.join('')}\n# ${origin}\n${catalogue}`;
}

function openFile(
  { text: path, source }: Given,
  readFile: ConfigInput['readFile'],
  problems: Problem[],
): YamlFile | undefined {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const rule = `cannot be read (${systemCode(error) || 'unknown error'})`;
    problems.push({ setting: FILE, value: path, rule, source });
    return undefined;
  }
  const file = readYaml(text, path);
  if ('root' in file) return file;
  problems.push(...file);
  return undefined;
}

function fallbackOf(name: SettingName, { output }: ConfigInput): string {
  if (name === 'log_format' && output === 'terminal') return 'pretty';
  return SETTINGS[name].fallback;
}

/** What settings say about each other; one that could not be read says nothing. */
function checkRelations(
  values: Partial<Values>,
  settings: readonly ResolvedSetting[],
  problems: Problem[],
): void {
  const refuse = (name: SettingName, rule: string) => {
    const { text, source } = settings.find((setting) => setting.name === name) ?? {};
    problems.push({ setting: name, value: text, rule, source: source ?? '' });
  };
  const { id_retention_days: kept, late_days: late } = values;
  if (kept !== undefined && late !== undefined && kept < late + 1) {
    refuse('id_retention_days', `must be at least late_days (${late}) and one day: ${late + 1}`);
  }
  const { journal_bytes_max: journal, journal_segment_bytes: segment } = values;
  if (journal !== undefined && segment !== undefined && journal < 2 * segment) {
    refuse('journal_bytes_max', 'must be at least twice journal_segment_bytes');
  }
  checkDependent(values, refuse);
  const { grpc_listen: grpc = [], http_listen: http = [], ops_listen: ops } = values;
  const taken = (by: readonly ListenAddress[], other: ListenAddress) =>
    by.some((address) => collide(address, other));
  if (ops !== undefined && taken(grpc, ops)) refuse('ops_listen', 'is taken by grpc_listen');
  else if (ops !== undefined && taken(http, ops)) refuse('ops_listen', 'is taken by http_listen');
  if (http.some((other) => taken(grpc, other))) refuse('http_listen', 'is taken by grpc_listen');
}

/** A setting that means something beside another one only; `both`: and that one needs it. */
const DEPENDENT = [
  { name: 'jwt_audience', of: 'jwt_issuer', both: true },
  { name: 'jwt_keys', of: 'jwt_issuer', both: true },
  { name: 'tls_key_file', of: 'tls_cert_file', both: true },
  { name: 'tls_client_ca_file', of: 'tls_cert_file', both: false },
] as const;

function checkDependent(
  values: Partial<Values>,
  refuse: (name: SettingName, rule: string) => void,
): void {
  for (const { name, of, both } of DEPENDENT) {
    const [own, other] = [values[name], values[of]];
    if (own === undefined || other === undefined) continue;
    if (own !== '' && other === '') refuse(name, `does nothing without ${of}`);
    if (both && own === '' && other !== '') refuse(name, `must be set beside ${of}`);
  }
  if (values.tls_client_auth === 'required' && values.tls_client_ca_file === '') {
    refuse('tls_client_auth', 'needs tls_client_ca_file: whose certificates are to be believed');
  }
  for (const name of ['grpc_listen', 'http_listen'] as const) {
    if (values[name]?.every(isLocal) !== false) continue;
    if (values.auth === 'off') {
      refuse(name, 'may be loopback and Unix sockets only while auth is off');
    } else if (values.tls_cert_file === '' && values.insecure === false) {
      const rule = 'would send credentials in plain text: set tls_cert_file';
      refuse(name, `${rule}, or insecure to do it all the same`);
    }
  }
}

function readBenchNoop(text: string | undefined, problems: Problem[]): boolean {
  if (text === undefined || text === '' || text === '1') return text === '1';
  const rule = 'must be 1 or unset';
  problems.push({ setting: BENCH_NOOP, value: text, rule, source: 'environment' });
  return false;
}

function toConfig(values: Values) {
  return {
    grpcListen: values.grpc_listen,
    httpListen: values.http_listen,
    httpCorsOrigins: values.http_cors_origins,
    opsListen: values.ops_listen,
    dataDir: values.data_dir,
    logLevel: values.log_level,
    logFormat: values.log_format,
    durability: values.durability,
    auth: values.auth,
    tls: toTls(values),
    tokens: toTokens(values),
    rate: { perSecond: values.rate_limit_per_second, burst: values.rate_limit_burst },
    denyAsError: values.deny_as_error,
    requireData: values.require_data,
    allowFilesystem: values.allow_filesystem,
    reflection: values.reflection,
    idRetentionMs: values.id_retention_days * DAY_MS,
    eventPastMs: values.late_days * DAY_MS,
    eventFutureMs: values.future_minutes * MINUTE_MS,
    journalBytesMax: values.journal_bytes_max,
    segmentBytes: values.journal_segment_bytes,
    diskReserveBytes: values.disk_reserve_bytes,
    checkpointIntervalMs: values.checkpoint_interval_ms,
    scopeIdleMs: values.scope_idle_days * DAY_MS,
    invoiceGraceMs: values.invoice_grace,
    invoiceDueMs: values.invoice_due_days * DAY_MS,
    deliveryRetentionMs: values.delivery_retention_days * DAY_MS,
    drainMs: values.drain_seconds * SECOND_MS,
  };
}

function toTls(values: Values): TlsSettings | undefined {
  const { tls_cert_file: certFile, tls_key_file: keyFile, tls_client_ca_file: ca } = values;
  if (certFile === '') return undefined;
  const clientAuth = values.tls_client_auth;
  return { certFile, keyFile, clientAuth, ...(ca === '' ? {} : { clientCaFile: ca }) };
}

function toTokens(values: Values): TokenSettings | undefined {
  const { jwt_issuer: issuer, jwt_audience: audience, jwt_keys: keys } = values;
  if (issuer === '') return undefined;
  const claims = {
    orgId: values.jwt_org_claim,
    roles: values.jwt_roles_claim,
    allowedOrgs: values.jwt_orgs_claim,
  };
  const jwks = keys.includes('://')
    ? ({ kind: 'url', url: keys } as const)
    : ({ kind: 'file', path: keys } as const);
  return { issuer, audience, jwks, claims };
}

/** From the document's form of a rule to the file's. */
const hasPer = (kind: string) => PRICED_PER.has(kind);

function toYamlShape(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toYamlShape);
  if (typeof node !== 'object' || node === null) return node;
  const kind: unknown = Reflect.get(node, 'kind');
  const entries = Object.entries(node).flatMap(([key, value]): [string, unknown][] => {
    // What a document always has, and a file only where it says something.
    if (key === 'block_size' && value === '') return [];
    if (key === 'per' && typeof kind === 'string' && !hasPer(kind)) return [];
    if (key !== 'window_length_ms') return [[key, toYamlShape(value)]];
    return value === 0 ? [] : [['window_length', lengthText(value)]];
  });
  return Object.fromEntries(entries);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
