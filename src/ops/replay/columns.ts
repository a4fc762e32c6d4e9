// Any CSV of usage, its columns named by flags: one event per row. Quantities pass through as the
// text they are; the server judges them.

import type { RunMeasurement, UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { unreachable } from '../../base/assert.js';
import { quoted, rowFailure } from './fault.js';
import {
  type Column,
  cellOf,
  filledCellOf,
  orgInTurn,
  type RowMapping,
  timeCellOf,
} from './mapping.js';
import { columnOf, type Row } from './rows.js';
import type { TimeFormat } from './time.js';

/** A column that a flag names. */
export interface ColumnFlag {
  readonly kind: 'column';
  readonly flag: string;
  readonly name: string;
}

export type Cell = ColumnFlag | { readonly kind: 'constant'; readonly text: string };

export type AmountSource =
  | { readonly kind: 'quantity'; readonly cell: Cell }
  | {
      readonly kind: 'run';
      readonly cpuSeconds: ColumnFlag | undefined;
      readonly gpuSeconds: ColumnFlag | undefined;
      readonly latencyMs: ColumnFlag | undefined;
    }
  | { readonly kind: 'one' };

export interface ColumnsSource {
  readonly format: 'csv';
  readonly org: Cell | { readonly kind: 'in_turn'; readonly orgs: number };
  readonly meter: Cell;
  readonly amount: AmountSource;
  readonly eventId: ColumnFlag | undefined;
  readonly eventIdPrefix: string;
  readonly time: ColumnFlag | undefined;
  readonly timeFormat: TimeFormat;
  readonly dimensions: ReadonlyMap<string, string>;
  readonly dimensionColumns: ReadonlyMap<string, ColumnFlag>;
}

type Reader<T> = (row: Row) => T;

export function mapColumns(source: ColumnsSource, header: readonly string[]): RowMapping {
  const { org, eventId, eventIdPrefix, timeFormat } = source;
  const find = ({ flag, name }: ColumnFlag): Column => ({
    name,
    index: columnOf(header, flag, name),
  });
  const orgOf =
    org.kind === 'in_turn' ? (row: Row) => orgInTurn(row, org.orgs) : compileFilled(org, find);
  const meterOf = compileFilled(source.meter, find);
  const amountOf = compileAmount(source.amount, find);
  const eventIdOf =
    eventId === undefined
      ? (row: Row) => `${eventIdPrefix}:${row.number}`
      : compileFilled(eventId, find);
  const time = source.time === undefined ? undefined : find(source.time);
  const dimensionsOf = compileDimensions(source, find);
  return {
    eventsPerRow: 1,
    timeOf: (row) => (time === undefined ? undefined : timeCellOf(row, time, timeFormat)),
    eventsOf: (row, eventTime) => [
      {
        orgId: orgOf(row),
        eventId: eventIdOf(row),
        meter: meterOf(row),
        amount: amountOf(row),
        eventTime,
        dimensions: dimensionsOf(row),
      },
    ],
  };
}

type Find = (flag: ColumnFlag) => Column;

function compileFilled(cell: Cell, find: Find): Reader<string> {
  if (cell.kind === 'constant') return () => cell.text;
  const column = find(cell);
  return (row) => filledCellOf(row, column);
}

function compileAmount(source: AmountSource, find: Find): Reader<UsageEvent['amount']> {
  switch (source.kind) {
    case 'one':
      return () => undefined;
    case 'quantity': {
      const { cell } = source;
      if (cell.kind === 'constant') return () => ({ $case: 'quantity', value: cell.text });
      const column = find(cell);
      return (row) => ({ $case: 'quantity', value: cellOf(row, column) });
    }
    case 'run': {
      const cpu = compileFigure(source.cpuSeconds, find);
      const gpu = compileFigure(source.gpuSeconds, find);
      const latency = compileFigure(source.latencyMs, find);
      return (row) => {
        const value: RunMeasurement = {
          cpuSeconds: cpu(row),
          gpuSeconds: gpu(row),
          latencyMs: latency(row),
        };
        return { $case: 'run', value };
      };
    }
    default:
      return unreachable(source);
  }
}

/** A physical measurement: a double on the wire. An empty cell is a figure not taken. */
function compileFigure(flag: ColumnFlag | undefined, find: Find): Reader<number | undefined> {
  if (flag === undefined) return () => undefined;
  const column = find(flag);
  return (row) => {
    const text = cellOf(row, column);
    if (text === '') return undefined;
    const value = Number(text);
    // Number() also reads blanks and hexadecimal digits, which no measurement is written in.
    if (/^[0-9.eE+-]+$/.test(text) && Number.isFinite(value) && value >= 0) return value;
    const where = `column ${quoted(column.name)}`;
    throw rowFailure(row, `${where}: ${quoted(text)} is no measurement of zero or more`);
  };
}

/** An empty cell is a label that the event does not have. */
function compileDimensions(source: ColumnsSource, find: Find): Reader<Map<string, string>> {
  const columns = [...source.dimensionColumns].map(([key, flag]) => ({ key, column: find(flag) }));
  return (row) => {
    const dimensions = new Map(source.dimensions);
    for (const { key, column } of columns) {
      const text = cellOf(row, column);
      if (text !== '') dimensions.set(key, text);
    }
    return dimensions;
  };
}
