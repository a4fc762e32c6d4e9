// One bad configuration per rule of a setting, and what is said about it, word for word.

import { describe, expect, test } from 'vitest';
import { type GivenConfig, problemsOf } from './given.js';

const LOOPBACK =
  'would send credentials in plain text: set tls_cert_file, or insecure to do it all the same';
const ORIGINS = 'must be origins as browsers send them, such as https://console.example';
const SHAPE = 'must be host:port, [ipv6]:port or unix:///absolute/path';
const HOME = 'must not begin with ~, which only a shell replaces: write the path in full';
const KERNEL = 'must not lie in /proc or /sys: the kernel keeps no files there';
const LONG = `/${'s'.repeat(107)}`;

const variables: readonly (readonly [name: string, value: string, rule: string])[] = [
  ['grpc_listen', '0.0.0.0:50051', LOOPBACK],
  ['grpc_listen', '[::]:50051', LOOPBACK],
  ['grpc_listen', 'tollgate.example:50051', LOOPBACK],
  ['grpc_listen', '128.0.0.1:50051', LOOPBACK],
  ['grpc_listen', '127.0.0.1:1,10.0.0.1:2', LOOPBACK],
  ['grpc_listen', '127.0.0.1:65536', 'must have a port from 0 to 65535'],
  ['grpc_listen', '127.0.0.1:', SHAPE],
  ['grpc_listen', '127.0.0.1', SHAPE],
  ['grpc_listen', ':50051', SHAPE],
  ['grpc_listen', '::1:50051', SHAPE],
  ['grpc_listen', '[127.0.0.1]:50051', SHAPE],
  ['grpc_listen', '127.1:50051', SHAPE],
  ['grpc_listen', '127.0.0.1:50051,', SHAPE],
  ['grpc_listen', 'http://127.0.0.1:50051', SHAPE],
  ['grpc_listen', 'unix:relative.sock', 'must be unix:///absolute/path'],
  ['grpc_listen', 'unix:///run/tollgate/', 'must be unix:///absolute/path'],
  ['grpc_listen', `unix://${LONG}`, 'must have a socket path of at most 107 bytes'],
  ['grpc_listen', 'unix:///proc/tollgate/t.sock', KERNEL],
  ['grpc_listen', '127.0.0.1:1,localhost:1', 'names 127.0.0.1:1 twice'],
  ['grpc_listen', '[::1]:1,[0:0::1]:1', 'names [::1]:1 twice'],
  ['grpc_listen', 'unix:///a,unix:///b/../a', 'names unix:///a twice'],
  ['ops_listen', '9464', SHAPE],
  ['ops_listen', '127.0.0.1:50051', 'is taken by grpc_listen'],
  ['ops_listen', '0.0.0.0:50051', 'is taken by grpc_listen'],
  ['ops_listen', '[::]:50051', 'is taken by grpc_listen'],
  ['ops_listen', '[::]:8080', 'is taken by http_listen'],
  ['http_listen', '127.0.0.1:50051', 'is taken by grpc_listen'],
  ['http_listen', '0.0.0.0:8080', LOOPBACK],
  ['http_listen', 'on', SHAPE],
  ['http_cors_origins', '*', ORIGINS],
  ['http_cors_origins', 'https://console.example/', ORIGINS],
  ['http_cors_origins', 'https://Console.example', ORIGINS],
  ['http_cors_origins', 'https://console.example:443', ORIGINS],
  ['http_cors_origins', 'console.example', ORIGINS],
  ['http_cors_origins', 'file:///tmp', ORIGINS],
  ['http_cors_origins', 'https://console.example,', ORIGINS],
  ['data_dir', 'a\u0000b', 'must be 1 to 1024 characters, none of them a control character'],
  ['data_dir', '~/tollgate', HOME],
  ['data_dir', '~', HOME],
  ['data_dir', '/proc', KERNEL],
  ['data_dir', '/proc/1/../x', KERNEL],
  ['data_dir', '/sys/fs/x', KERNEL],
  ['log_level', 'verbose', 'must be one of trace, debug, info, warn, error, fatal, silent'],
  ['log_format', 'text', 'must be one of json, pretty'],
  ['durability', 'none', 'must be one of fsync, write'],
  ['auth', 'none', 'must be one of required, off'],
  ['jwt_keys', 'http://issuer.example/keys', 'must begin with https://: http is for loopback only'],
  ['jwt_keys', '/keys.json', 'does nothing without jwt_issuer'],
  ['jwt_audience', 'tollgate', 'does nothing without jwt_issuer'],
  ['rate_limit_burst', '0', 'must be a whole number from 1 to 1000000'],
  ['deny_as_error', 'yes', 'must be true or false'],
  ['require_data', '1', 'must be true or false'],
  ['allow_filesystem', 'NFS 4', 'must be the name of a file system, such as nfs'],
  ['reflection', 'true', 'must be on or off'],
  ['id_retention_days', '35', 'must be at least late_days (35) and one day: 36'],
  ['id_retention_days', '1', 'must be a whole number from 2 to 3660'],
  ['late_days', '0', 'must be a whole number from 1 to 3659'],
  ['late_days', '1.5', 'must be a whole number from 1 to 3659'],
  ['future_minutes', '-5', 'must be a whole number from 0 to 1440'],
  ['journal_bytes_max', '64G', 'must be a size in bytes, KiB, MiB, GiB or TiB: 64MiB'],
  ['journal_bytes_max', '64MB', 'must be a size in bytes, KiB, MiB, GiB or TiB: 64MiB'],
  ['journal_bytes_max', '1MiB', 'must be from 32MiB to 1024TiB'],
  ['journal_bytes_max', '127MiB', 'must be at least twice journal_segment_bytes'],
  ['journal_segment_bytes', '8MiB', 'must be from 16MiB to 1GiB'],
  ['journal_segment_bytes', '2GiB', 'must be from 16MiB to 1GiB'],
  ['disk_reserve_bytes', '0', 'must be from 16MiB to 1TiB'],
  ['checkpoint_interval_ms', '5s', 'must be a whole number from 100 to 600000'],
  ['scope_idle_days', '1', 'must be a whole number from 2 to 366'],
  ['drain_seconds', '3601', 'must be a whole number from 0 to 3600'],
];

test.each(variables)('%s does not take %j', (name, value, rule) => {
  const variable = `TOLLGATE_${name.toUpperCase()}`;
  const problem = `${name} (${variable}) = ${JSON.stringify(value)}: ${rule}`;
  expect(problemsOf({ env: { [variable]: value } })).toEqual([problem]);
});

const inputs: readonly (readonly [what: string, given: GivenConfig, problem: string])[] = [
  ['an unknown flag', { argv: ['--data', 'x'] }, '--data: unknown flag'],
  [
    'a flag with a slip',
    { argv: ['--grpc-listne=x'] },
    '--grpc-listne: unknown flag; did you mean "--grpc-listen"?',
  ],
  ['a flag without its value', { argv: ['--data-dir'] }, '--data-dir: needs a value'],
  [
    'a flag without its value, before another',
    { argv: ['--data-dir', '--require-data'] },
    '--data-dir: needs a value',
  ],
  ['a flag with an empty value', { argv: ['--data-dir='] }, '--data-dir: needs a value'],
  [
    'a flag given twice',
    { argv: ['--log-level', 'info', '--log-level=warn'] },
    '--log-level: is given twice',
  ],
  ['an argument that is no flag', { argv: ['now'] }, 'now: unexpected argument'],
  ['a short flag', { argv: ['-p'] }, '-p: unexpected argument'],
  [
    'an unknown variable, whose value may be a secret',
    { env: { TOLLGATE_STRIPE_API_KEY: 'sk_live_1' } },
    'TOLLGATE_STRIPE_API_KEY (environment): unknown setting',
  ],
  [
    'a variable with a slip',
    { env: { TOLLGATE_DATA_DIRECTORY: '/x', TOLLGATE_DATADIR: '/x' } },
    'TOLLGATE_DATADIR (environment): unknown setting; did you mean "TOLLGATE_DATA_DIR"?',
  ],
  [
    'a Kubernetes service link',
    { env: { TOLLGATE_PORT_9464_TCP: 'tcp://10.0.0.1:9464' } },
    'TOLLGATE_PORT_9464_TCP (environment): comes from a Kubernetes service of this name: ' +
      'set enableServiceLinks: false on the pod',
  ],
  [
    'a bench switch that is neither on nor absent',
    { env: { TOLLGATE_BENCH_NOOP: 'true' } },
    'TOLLGATE_BENCH_NOOP (environment) = "true": must be 1 or unset',
  ],
  [
    'a file that is not there',
    { argv: ['--config', 'gone.yaml'] },
    'config (--config) = "gone.yaml": cannot be read (ENOENT)',
  ],
  [
    'a file that is no YAML',
    { yaml: 'server:\n  log_level: [info\n' },
    'config (t.yaml:3): Flow sequence in block collection must be sufficiently indented ' +
      'and end with a ]',
  ],
  [
    'a key written twice',
    { yaml: 'server:\n  log_level: info\n  log_level: warn\n' },
    'config (t.yaml:3): Map keys must be unique',
  ],
  [
    'an alias without its anchor',
    { yaml: 'server: *base\n' },
    'config (t.yaml:1): Unresolved alias (the anchor must be set before the alias): base',
  ],
  [
    'a key that JavaScript would lose',
    { yaml: 'catalogue:\n  plans:\n    - __proto__: {}\n' },
    'config (t.yaml:1): a key must not be __proto__',
  ],
  [
    'a file that is a list',
    { yaml: '- server\n' },
    'config (t.yaml:1): the file must be a mapping with server and catalogue',
  ],
  [
    'an unknown section',
    { yaml: 'catalog: {}\n' },
    'catalog (t.yaml:1): unknown key; did you mean "catalogue"?',
  ],
  [
    'a server section that is a list',
    { yaml: 'server: []\n' },
    'server (t.yaml:1): must be a mapping',
  ],
  [
    'an unknown server key',
    { yaml: 'server:\n  data_dirs: /x\n' },
    'server.data_dirs (t.yaml:2): unknown key; did you mean "data_dir"?',
  ],
  [
    'the file named within the file',
    { yaml: 'server:\n  config: t.yaml\n' },
    'server.config (t.yaml:2): unknown key',
  ],
  [
    'a setting that is a list',
    { yaml: 'server:\n  grpc_listen: [127.0.0.1:1, 127.0.0.1:2]\n' },
    'server.grpc_listen (t.yaml:2): must be a single value; several have commas between',
  ],
  [
    'a bad value in the file',
    { yaml: '\nserver:\n\n  drain_seconds: soon\n' },
    'drain_seconds (t.yaml:4) = "soon": must be a whole number from 0 to 3600',
  ],
];

test.each(inputs)('%s is a problem', (_, given, problem) => {
  expect(problemsOf(given)).toContain(problem);
});

test.each(['./~', '/process', '/system/x'])('data_dir may be %s', (text) => {
  expect(problemsOf({ env: { TOLLGATE_DATA_DIR: text } })).toEqual([]);
});

test('~ is refused in the file too', () => {
  expect(problemsOf({ yaml: 'server:\n  data_dir: ~/x\n' })).toEqual([
    `data_dir (t.yaml:2) = "~/x": ${HOME}`,
  ]);
});

test('every problem of every source is named in one run', () => {
  const yaml = 'server:\n  late_days: x\n  colour: red\ncatalogue:\n  meters: []\n';
  const given = { argv: ['--reflection=maybe', '--x'], env: { TOLLGATE_AUTH: 'no' }, yaml };
  const named = problemsOf(given).map((problem) => problem.split(' ')[0]);
  expect(named).toEqual([
    '--x:',
    'server.colour',
    'auth',
    'reflection',
    'late_days',
    'catalogue.default_plan',
    'catalogue.meters',
  ]);
});

describe('an address that others reach', () => {
  const listen = ['--grpc-listen', '0.0.0.0:50051', '--http-listen', '[::]:8080'];
  const PLAIN_WHILE_OFF = 'may be loopback and Unix sockets only while auth is off';

  test('is listened on with TLS, or where plain text is meant', () => {
    const tls = ['--tls-cert-file', '/tls/tls.crt', '--tls-key-file', '/tls/tls.key'];
    expect(problemsOf({ argv: [...listen, ...tls] })).toEqual([]);
    expect(problemsOf({ argv: [...listen, '--insecure', 'true'] })).toEqual([]);
  });

  test('is refused while nobody has to say who they are, whatever else is set', () => {
    const problems = problemsOf({ argv: [...listen, '--insecure', 'true', '--auth', 'off'] });
    expect(problems.map((problem) => problem.replace(/^.*": /, ''))).toEqual([
      PLAIN_WHILE_OFF,
      PLAIN_WHILE_OFF,
    ]);
  });
});
