// Where the parts of an event come from, by the flags: columns, constants, or a known format.

import { hash } from 'node:crypto';
import { basename } from 'node:path';
import { usageFailure } from '../cli/usage.js';
import type { AzureLlmSource } from './azure-llm.js';
import type { AmountSource, Cell, ColumnFlag, ColumnsSource } from './columns.js';
import {
  choiceOf,
  type FlagName,
  type Flags,
  pairsOf,
  refuseTogether,
  wholeNumberOf,
} from './flags.js';
import { TIME_FORMATS } from './time.js';

const ORGS_DEFAULT = 10;
/** What `--format azure-llm` decides by itself. */
const COLUMN_FLAGS: readonly FlagName[] = [
  'org',
  'org-column',
  'meter',
  'meter-column',
  'quantity',
  'quantity-column',
  'cpu-seconds-column',
  'gpu-seconds-column',
  'latency-ms-column',
  'event-id-column',
  'time-column',
  'time-format',
  'dimension-column',
];
/** Leaves room in the 128 characters of an id for the row and the meter. */
const FILE_NAME = /^[\x21-\x7e]{1,80}$/;

export function parseSource(flags: Flags, file: string): AzureLlmSource | ColumnsSource {
  const format = choiceOf(flags, 'format', ['csv', 'azure-llm']);
  const eventIdPrefix = flags['event-id-prefix'] ?? prefixOf(file);
  if (!FILE_NAME.test(eventIdPrefix)) {
    throw usageFailure('--event-id-prefix: expected 1 to 80 printable ASCII characters, no blank');
  }
  const dimensions = pairsOf(flags, 'dimension', () => undefined);
  if (format === 'csv') return parseColumns(flags, eventIdPrefix, dimensions);
  const other = COLUMN_FLAGS.find((name) => flags[name] !== undefined);
  if (other !== undefined) throw usageFailure(`--${other} does not go with --format azure-llm`);
  return { format, orgs: orgsOf(flags), eventIdPrefix, dimensions };
}

/** The file's name without its folder: a copy elsewhere gives the same ids. */
function prefixOf(file: string): string {
  const name = basename(file);
  return FILE_NAME.test(name) ? name : hash('sha256', name, 'hex').slice(0, 32);
}

function parseColumns(
  flags: Flags,
  eventIdPrefix: string,
  dimensions: ReadonlyMap<string, string>,
): ColumnsSource {
  refuseTogether(flags, ['org', 'org-column', 'orgs']);
  refuseTogether(flags, ['event-id-column', 'event-id-prefix']);
  const org =
    flags.orgs === undefined
      ? cellOf(flags, 'org', 'org-column')
      : ({ kind: 'in_turn', orgs: orgsOf(flags) } as const);
  const meter = cellOf(flags, 'meter', 'meter-column');
  if (org === undefined) throw usageFailure('one of --org, --org-column, --orgs is required');
  if (meter === undefined) throw usageFailure('one of --meter, --meter-column is required');
  if (flags['time-format'] !== undefined && flags['time-column'] === undefined) {
    throw usageFailure('--time-format needs --time-column');
  }
  return {
    format: 'csv',
    org,
    meter,
    amount: parseAmount(flags),
    eventId: columnFlag(flags, 'event-id-column'),
    eventIdPrefix,
    time: columnFlag(flags, 'time-column'),
    timeFormat: choiceOf(flags, 'time-format', TIME_FORMATS),
    dimensions,
    dimensionColumns: parseDimensionColumns(flags, dimensions),
  };
}

function parseAmount(flags: Flags): AmountSource {
  const quantity = cellOf(flags, 'quantity', 'quantity-column');
  const cpuSeconds = columnFlag(flags, 'cpu-seconds-column');
  const gpuSeconds = columnFlag(flags, 'gpu-seconds-column');
  const latencyMs = columnFlag(flags, 'latency-ms-column');
  const figure = cpuSeconds ?? gpuSeconds ?? latencyMs;
  if (figure === undefined) {
    return quantity === undefined ? { kind: 'one' } : { kind: 'quantity', cell: quantity };
  }
  if (quantity === undefined) return { kind: 'run', cpuSeconds, gpuSeconds, latencyMs };
  throw usageFailure(`${figure.flag} gives the amount, so a quantity cannot be given too`);
}

function parseDimensionColumns(
  flags: Flags,
  constants: ReadonlyMap<string, string>,
): ReadonlyMap<string, ColumnFlag> {
  const columns = new Map<string, ColumnFlag>();
  for (const [key, name] of pairsOf(flags, 'dimension-column', (key) => key)) {
    if (constants.has(key)) throw usageFailure(`--dimension-column: ${key} is a --dimension too`);
    columns.set(key, { kind: 'column', flag: '--dimension-column', name });
  }
  return columns;
}

type ColumnFlagName = Extract<FlagName, `${string}-column`>;

function cellOf(
  flags: Flags,
  constant: 'org' | 'meter' | 'quantity',
  column: Exclude<ColumnFlagName, 'dimension-column'>,
): Cell | undefined {
  refuseTogether(flags, [constant, column]);
  const text = flags[constant];
  return text === undefined ? columnFlag(flags, column) : { kind: 'constant', text };
}

function columnFlag(
  flags: Flags,
  name: Exclude<ColumnFlagName, 'dimension-column'>,
): ColumnFlag | undefined {
  const column = flags[name];
  return column === undefined ? undefined : { kind: 'column', flag: `--${name}`, name: column };
}

function orgsOf(flags: Flags): number {
  return wholeNumberOf(flags, 'orgs', { min: 1, max: 1_000_000, absent: ORGS_DEFAULT });
}
