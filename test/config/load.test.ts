// What comes out of a sound configuration.

import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/base/units.js';
import { describe as describeConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { catalogueYaml, configOf, problemsOf } from './given.js';

test('with nothing given, every setting has its documented default', () => {
  const { catalogue, settings, ...config } = configOf({});
  expect(config).toEqual({
    grpcListen: [{ kind: 'tcp', host: '127.0.0.1', port: 50051 }],
    httpListen: [{ kind: 'tcp', host: '127.0.0.1', port: 8080 }],
    httpCorsOrigins: [],
    opsListen: { kind: 'tcp', host: '127.0.0.1', port: 9464 },
    dataDir: resolve('data'),
    logLevel: 'info',
    logFormat: 'json',
    durability: 'fsync',
    auth: 'required',
    tls: undefined,
    certificates: [],
    tokens: undefined,
    rate: { perSecond: 1000, burst: 2000 },
    denyAsError: false,
    requireData: false,
    allowFilesystem: '',
    reflection: true,
    idRetentionMs: limits.idRetentionMs,
    eventPastMs: limits.eventPastMs,
    eventFutureMs: limits.eventFutureMs,
    journalBytesMax: limits.journalBytes,
    segmentBytes: limits.segmentBytes,
    diskReserveBytes: limits.diskReserveBytes,
    checkpointIntervalMs: limits.checkpointIntervalMs,
    scopeIdleMs: limits.scopeIdleMs,
    invoiceGraceMs: HOUR_MS,
    invoiceDueMs: 14 * DAY_MS,
    deliveryRetentionMs: limits.deliveryRetentionMs,
    drainMs: limits.drainMs,
    benchNoop: false,
    catalogueSource: 'built-in',
    file: '',
  });
  expect(catalogue.default_plan).toBe('free');
  expect(settings.every(({ source }) => source === 'default')).toBe(true);
});

test('flags override the environment, the environment overrides the file', () => {
  const yaml = 'server:\n  late_days: 1\n  future_minutes: 1\n  drain_seconds: 1\n';
  const env = { TOLLGATE_FUTURE_MINUTES: '2', TOLLGATE_DRAIN_SECONDS: '2' };
  const config = configOf({ argv: ['--drain-seconds=3'], env, yaml });
  expect(config.eventPastMs).toBe(DAY_MS);
  expect(config.eventFutureMs).toBe(2 * MINUTE_MS);
  expect(config.drainMs).toBe(3000);
  const sources = new Map(config.settings.map(({ name, source }) => [name, source]));
  expect(sources.get('late_days')).toBe('t.yaml:2');
  expect(sources.get('future_minutes')).toBe('TOLLGATE_FUTURE_MINUTES');
  expect(sources.get('drain_seconds')).toBe('--drain-seconds');
});

test('a bad value that another source overrides does no harm', () => {
  expect(problemsOf({ argv: ['--log-level', 'warn'], env: { TOLLGATE_LOG_LEVEL: '?' } })).toEqual(
    [],
  );
});

test('a flag names the file before the environment does', () => {
  const given = { argv: ['--config=other.yaml'], yaml: 'server: {late_days: 1}' };
  expect(problemsOf(given)).toEqual(['config (--config) = "other.yaml": cannot be read (ENOENT)']);
});

test('an empty variable and a key without a value count as not set', () => {
  const env = { TOLLGATE_DATA_DIR: '', TOLLGATE_HTTP_LISTEN: '' };
  const config = configOf({ env, yaml: 'server:\n  log_level:\n' });
  expect(config.dataDir).toBe(resolve('data'));
  expect(config.logLevel).toBe('info');
});

test.each([
  ['', {}],
  ['server:\n', {}],
  ['# nothing but a comment\n', {}],
])('a file that says nothing changes nothing: %j', (yaml, env) => {
  const { settings, file, ...rest } = configOf({ yaml, env });
  const { settings: usual, file: none, ...expected } = configOf({});
  expect(rest).toEqual(expected);
  expect([file, none]).toEqual(['t.yaml', '']);
  expect(settings).toEqual(usual);
});

test('addresses are parsed, and written in one form', () => {
  const listen = 'localhost:0, [0:0:0:0:0:0:0:1]:7,127.9.9.9:8,unix:///run/./t.sock';
  const config = configOf({ env: { TOLLGATE_GRPC_LISTEN: listen } });
  expect(config.grpcListen).toEqual([
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    { kind: 'tcp', host: '::1', port: 7 },
    { kind: 'tcp', host: '127.9.9.9', port: 8 },
    { kind: 'unix', path: '/run/t.sock' },
  ]);
  const setting = config.settings.find(({ name }) => name === 'grpc_listen');
  expect(setting?.text).toBe('127.0.0.1:0,[::1]:7,127.9.9.9:8,unix:///run/t.sock');
});

test.each([
  ['0.0.0.0:9464', { kind: 'tcp', host: '0.0.0.0', port: 9464 }],
  ['[::]:9464', { kind: 'tcp', host: '::', port: 9464 }],
  ['node-1.example:80', { kind: 'tcp', host: 'node-1.example', port: 80 }],
])('the ops listener may stand on %s', (text, address) => {
  expect(configOf({ env: { TOLLGATE_OPS_LISTEN: text } }).opsListen).toEqual(address);
});

test('port 0 is a different port each time', () => {
  const env = { TOLLGATE_GRPC_LISTEN: '127.0.0.1:0,127.0.0.1:0', TOLLGATE_OPS_LISTEN: '[::]:0' };
  expect(problemsOf({ env })).toEqual([]);
});

test.each([
  ['16777216', 16 * 1024 ** 2],
  ['16384KiB', 16 * 1024 ** 2],
  ['1GiB', 1024 ** 3],
])('a segment of %s has %d bytes', (text, bytes) => {
  expect(configOf({ env: { TOLLGATE_JOURNAL_SEGMENT_BYTES: text } }).segmentBytes).toBe(bytes);
});

test('a switch may stand alone, and take its value either way', () => {
  expect(configOf({ argv: ['--require-data', '--deny-as-error=true'] })).toMatchObject({
    requireData: true,
    denyAsError: true,
  });
  expect(configOf({ argv: ['--require-data', 'false'] }).requireData).toBe(false);
});

test('the log is pretty on a terminal unless a setting says otherwise', () => {
  expect(configOf({ output: 'terminal' }).logFormat).toBe('pretty');
  const env = { TOLLGATE_LOG_FORMAT: 'json' };
  expect(configOf({ output: 'terminal', env }).logFormat).toBe('json');
});

test('variables of other parts are left to them', () => {
  const env = { TOLLGATE_BENCH_NOOP: '1', TOLLGATE_API_KEY_FILE: '/k', TOLLGATEX: '1', HOME: '/' };
  expect(configOf({ env }).benchNoop).toBe(true);
});

test('nothing in a configuration can be changed', () => {
  const config = configOf({ yaml: catalogueYaml({}) });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.grpcListen[0])).toBe(true);
  expect(Object.isFrozen(config.catalogue.meters[0]?.rollup_keys)).toBe(true);
});

test('what check-config prints is a configuration that means the same', () => {
  const quotas = '[{key: a, meter: tokens, window: FIXED_FROM_FIRST_USE, window_length: 300m}]';
  const overrides = '[{key: b, meter: tokens, limit: 5, replaces: a, reason: "null"}]';
  const yaml = catalogueYaml({
    plans: `[{id: free, quotas: ${quotas}}]`,
    organizations: `[{id: acme, quota_overrides: ${overrides}}]`,
  });
  const env = {
    TOLLGATE_GRPC_LISTEN: 'unix:///run/t.sock',
    TOLLGATE_REFLECTION: 'off',
    TOLLGATE_HTTP_CORS_ORIGINS: 'https://a.example, http://[::1]:3000',
    TOLLGATE_JOURNAL_BYTES_MAX: '1536MiB',
  };
  const { settings, ...config } = configOf({ env, yaml });
  const printed = describeConfig({ ...config, settings });
  expect(printed).toContain('  reflection: "off" # TOLLGATE_REFLECTION\n');
  expect(printed).toContain('  log_level: "info" # default\n');
  expect(printed).toContain('window_length: 5h\n');
  const { settings: again, ...read } = configOf({ yaml: printed });
  expect(read).toEqual(config);
  expect(JSON.stringify(read.catalogue)).toBe(JSON.stringify(config.catalogue));
  expect(again.map(({ text }) => text)).toEqual(settings.map(({ text }) => text));
});
