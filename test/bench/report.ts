// What a person reads.

import type { Machine } from './machine.js';
import type { CrossCheck } from './round.js';
import type { LoadSummary, RowSummary } from './summary.js';
import { boundCells, formatTable } from './table.js';

export interface Report {
  readonly machine: Machine;
  readonly rounds: number;
  readonly secondsPerRun: number;
  /** 'absent': h2load is not installed. */
  readonly crossChecks: readonly CrossCheck[] | 'absent';
  readonly syncUs: number;
  readonly rows: readonly RowSummary[];
  readonly loads: readonly LoadSummary[];
}

export function formatReport(report: Report): string {
  const { machine } = report;
  return [
    `${machine.cpuCount} × ${machine.cpuModel}, ${gibibytes(machine.memoryBytes)} GiB, ` +
      `Linux ${machine.kernel}, ${machine.fileSystem}, Node ${machine.node}; ` +
      `${report.rounds} rounds, ${report.secondsPerRun} s a run, medians`,
    `4 KiB pwrite + fdatasync: p50 ${micros(report.syncUs)} µs`,
    '',
    formatTable([ROW_HEADER, ...report.rows.map(rowCells)]),
    '',
    formatTable([LOAD_HEADER, ...report.loads.map(loadCells)]),
    'CPU is per event, or per call where a call is no event; all threads of the process.',
    '',
    ...notes(report),
  ].join('\n');
}

const ROW_HEADER = [
  'row',
  'must',
  'aim',
  'measured',
  'min..max',
  'verdict',
  'CPU no-op/row',
  'wall',
];

function rowCells(row: RowSummary): string[] {
  const bounds = boundCells(row.bound);
  const { figures } = row;
  if (figures === undefined) return [row.title, ...bounds, '-', '-', row.verdict, '-', '-'];
  return [
    row.title,
    ...bounds,
    figures.measured.toFixed(2),
    `${figures.measuredMin.toFixed(2)}..${figures.measuredMax.toFixed(2)}`,
    row.verdict,
    (figures.baselineCpuUs / figures.serverCpuUs).toFixed(2),
    figures.wall,
  ];
}

const LOAD_HEADER = [
  'load',
  'per second',
  'p50 µs',
  'p99 µs',
  'server CPU µs',
  'client CPU µs',
  'wall',
];

function loadCells(load: LoadSummary): string[] {
  return [
    load.load,
    Math.round(load.perSecond).toString(),
    micros(load.p50Us),
    micros(load.p99Us),
    load.serverCpuUs.toFixed(1),
    load.clientCpuUs.toFixed(1),
    load.wall,
  ];
}

function notes(report: Report): string[] {
  const failed = report.rows.flatMap((row) =>
    row.failure === undefined ? [] : [`FAILED ${row.title}: ${row.failure}`],
  );
  const walls = report.rows.flatMap((row) =>
    row.figures?.wall === 'client' || row.figures?.wall === 'both'
      ? [
          `THE CLIENT IS THE WALL in ${row.title}: the rate is a lower bound. The server spent ` +
            `${row.figures.serverCpuUs} µs of CPU, against ${row.figures.baselineCpuUs} µs.`,
        ]
      : [],
  );
  const disk =
    report.machine.fileSystem === 'tmpfs'
      ? ['THE DATA IS IN MEMORY (tmpfs): syncs cost nothing here, the durable rows say little.']
      : [];
  return [...failed, ...walls, ...disk, ...crossCheckNotes(report)];
}

function crossCheckNotes(report: Report): string[] {
  if (report.crossChecks === 'absent') {
    return ['SKIPPED: h2load is not installed (Debian: nghttp2-client); rates not cross-checked.'];
  }
  return report.crossChecks.map(({ load, h2loadCallsPerSecond }) => {
    const ours = report.loads.find((it) => it.load === load)?.perSecond ?? 0;
    const theirs = Math.round(h2loadCallsPerSecond);
    return `h2load, ${load}: ${theirs}/s, ours ${(ours / theirs).toFixed(2)} of it`;
  });
}

function micros(value: number): string {
  return Math.round(value).toString();
}

function gibibytes(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}
