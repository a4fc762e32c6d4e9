// The tables of README.md say what the sources say: a setting, a metric, a bound, a reason or a log
// event that comes, goes or changes must do so in README.md too.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { ROLES } from '../../src/domain/access/roles.js';
import { limits } from '../../src/limits.js';
import { flagOf, SETTING_NAMES, SETTINGS, variableOf } from '../../src/seed/settings.js';
import { type GaugeReadings, openMetrics } from '../../src/telemetry/metrics.js';
import { ROOT, tableOf } from './document.js';

const SRC = join(ROOT, 'src');
const SOURCES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(SRC, path), 'utf8'))
  .join('\n');

test('every setting stands there, with its three spellings and its default', () => {
  const rows = tableOf('Configuration').map((cells) => cells.slice(0, 4));
  expect(rows).toEqual(
    SETTING_NAMES.map((name) => {
      const { fallback } = SETTINGS[name];
      return [name, variableOf(name), flagOf(name), fallback === '' ? 'none' : fallback];
    }),
  );
});

test('every metric stands there, and no other', async () => {
  const metrics = openMetrics({ version: '0' });
  metrics.gauges(() => READINGS);
  const text = await metrics.render();
  metrics.close();
  const names = [...text.matchAll(/^# TYPE (tollgate_\w+) /gm)].map(([, name]) => name);
  const listed = tableOf('Metrics and probes').map(([name]) => name);
  expect([...listed].sort()).toEqual(names.sort());
});

test.each(tableOf('Limits'))('%s: %s', (_what, bound, name) => {
  const bounds: Readonly<Record<string, number>> = limits;
  expect(bounds[name ?? '']).toBeDefined();
  expect(bound).toBe(boundText(name ?? '', bounds[name ?? ''] ?? 0));
});

test('every reason stands there, with its code', () => {
  const thrown = SOURCES.matchAll(new RegExp(`'(${CODES.join('|')})',\\s*'([A-Z_]+)'`, 'g'));
  const found = new Set(
    // A list of codes is no code with its reason.
    [...thrown].flatMap(([, code, reason = '']) => (reason in status ? [] : `${code} ${reason}`)),
  );
  // By the helpers of their services.
  for (const [, reason] of SOURCES.matchAll(/\b(?:refusal|failed|refused)\(\s*'([A-Z_]+)'/g)) {
    found.add(`FAILED_PRECONDITION ${reason}`);
  }
  for (const reason of ['INVOICE_IS_DRAFT', 'INVOICE_CLOSED', 'INVOICE_NOT_OPEN']) {
    found.add(`FAILED_PRECONDITION ${reason}`);
  }
  // Not written beside its code: what the journal refuses with, and what is no refusal.
  for (const reason of ['JOURNAL_FULL', 'DISK_FULL']) found.add(`RESOURCE_EXHAUSTED ${reason}`);
  found.add('INTERNAL INTERNAL');
  const listed = tableOf('Errors').flatMap(([code, reasons = '']) =>
    namesIn(reasons).map((reason) => `${code} ${reason}`),
  );
  expect(listed.sort()).toEqual([...found].sort());
  for (const name of listed) expect(SOURCES).toContain(`'${name.split(' ')[1]}'`);
});

test('every role stands there, with what it may do', () => {
  const columns = [
    'usage.read',
    'billing.read',
    'usage.write',
    'billing.write',
    'keys.write',
    'billing.admin',
  ];
  const rows = tableOf('Access').map(([role, whose, ...marks]) => {
    return [role, whose, ...columns.filter((_, i) => marks[i] === 'yes')];
  });
  expect(rows).toEqual(
    Object.entries(ROLES).map(([role, row]) => {
      const may: readonly string[] = row.may;
      return [role, row.of, ...columns.filter((permission) => may.includes(permission))];
    }),
  );
});

test('every log event stands there, with its level', () => {
  const calls = SOURCES.matchAll(
    /\b(?:log|logger)\.(debug|info|warn|error|fatalSync)\(\s*['`]([a-z_]+)(\$\{\w+\})?/g,
  );
  const found = [...calls].flatMap(([, level = '', name = '', rest]) => {
    const states = name === 'jwt_' ? KEY_STATES : DISK_STATES;
    const names = rest === undefined ? [name] : states.map((state) => `${name}${state}`);
    return names.map((full) => `${full} ${level === 'fatalSync' ? 'fatal' : level}`);
  });
  const listed = tableOf('At 3 a.m.', 1).flatMap(([names = '', level]) =>
    namesIn(names).map((name) => `${name} ${level}`),
  );
  expect(listed.sort()).toEqual([...new Set(found)].sort());
});

test('every exit code stands there, and that of a SIGKILL', () => {
  expect(tableOf('At 3 a.m.', 0).map(([code]) => code)).toEqual(['0', '1', '2', '3', '137']);
});

const CODES = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'OUT_OF_RANGE',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'UNIMPLEMENTED',
  'UNAVAILABLE',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
];

/** What `disk_${disk}` in service.ts can be. */
const DISK_STATES = ['low', 'enough'];
/** What `jwt_${trouble}` there can be. */
const KEY_STATES = ['keys_stale', 'keys_unavailable', 'keys_good'];

const READINGS: GaugeReadings = {
  reservationsOpen: 0,
  organisations: 0,
  journalBytes: 0,
  journalBytesMax: 0,
  queueBytes: 0,
  waitingReplies: 0,
  watchers: 3,
  dataCreated: false,
  checkpointLagEntries: 0,
  residentValues: 0,
  indexRuns: { ids: 0, events: 0 },
  indexTailEntries: { ids: 0, events: 0 },
  diskFreeBytes: 0,
  diskReserveBytes: 0,
  diskReserveOk: true,
  clockDisagreementMs: 0,
  filesystemWarning: 'btrfs',
  deliveriesWaiting: 0,
  deliveryOldestMs: 0,
  outboxLagEntries: 0,
  closingsFailing: 0,
  credentialSourcesFailing: 0,
};

/** `JOURNAL_FULL`, `DISK_FULL` in one cell are two names. */
function namesIn(cell: string): readonly string[] {
  return cell.split(',').map((name) => name.trim().replaceAll('`', ''));
}

function boundText(name: string, value: number): string {
  if (name.endsWith('Bytes')) {
    return value % 1024 ** 2 === 0 ? `${value / 1024 ** 2} MiB` : `${value / 1024} KiB`;
  }
  if (!name.endsWith('Ms')) return value.toLocaleString('en-US');
  const days = value / 86_400_000;
  if (days < 1) return `${value / 1000} s`;
  return days === 1 ? '1 day' : `${days} days`;
}
