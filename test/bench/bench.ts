// make bench: the speed of the product, as ratios within one run. See README.md.
//
//   node dist/bench-esm/test/bench/bench.js [--smoke] [--rounds 5] [--seconds 3]
//     [--only record,latency,checkQuota,batch,stream,plain,http2] [--directory data]
//     [--results bench-results.json]
//
// Ends with 1 where a row could not be measured; a missed bound is a verdict, not a failure.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { isH2loadInstalled } from './h2load.js';
import { openLoadProcess } from './load-process.js';
import { describeMachine } from './machine.js';
import { formatReport, type Report } from './report.js';
import { type RoundOptions, type RoundResult, runRound } from './round.js';
import { type LoadName, type Row, rows } from './rows.js';
import { summarizeLoad, summarizeRow } from './summary.js';
import { median, openSyncCost } from './sync-cost.js';

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly compileSeconds: number;
  readonly rows: readonly Row[];
  readonly directory: string;
  readonly results: string;
}

const PRESETS = {
  full: { rounds: 5, seconds: 3, warmupSeconds: 0.5, compileSeconds: 1 },
  /** About 25 s: shows that everything runs, and rough figures. */
  smoke: { rounds: 2, seconds: 0.5, warmupSeconds: 0.15, compileSeconds: 0.2 },
} as const;

const ROUNDS_MAX = 50;
const SECONDS_MAX = 60;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const settings = readSettings(process.argv.slice(2));
const startedAt = new Date().toISOString();
const { report, rounds } = await bench(settings);
writeFileSync(
  settings.results,
  `${JSON.stringify({ format: 1, startedAt, ...report, details: rounds }, undefined, 2)}\n`,
);
process.stdout.write(`${formatReport(report)}\n`);
if (report.rows.some((row) => row.verdict === 'FAILED')) process.exitCode = 1;

async function bench(settings: Settings): Promise<{ report: Report; rounds: RoundResult[] }> {
  const hasH2load = await isH2loadInstalled();
  mkdirSync(settings.directory, { recursive: true });
  // Beside the product's own data directory: the same disk.
  const directory = mkdtempSync(join(settings.directory, 'bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', remove);
  const machine = describeMachine(directory);
  const sync = openSyncCost(directory);
  const load = openLoadProcess();
  const rounds: RoundResult[] = [];
  try {
    for (let number = 1; number <= settings.rounds; number++) {
      const isLast = number === settings.rounds;
      const options: RoundOptions = {
        ...settings,
        number,
        // What one row leaves behind must not always fall on the same next one.
        rows: number % 2 === 1 ? settings.rows : settings.rows.toReversed(),
        directory,
        load,
        sync,
        progress: (text) => process.stderr.write(`${text}\n`),
        ...(isLast && hasH2load ? { crossCheckSeconds: settings.seconds } : {}),
      };
      rounds.push(await runRound(options));
    }
  } finally {
    load.close();
    sync.close();
    remove();
  }
  const names = new Set<LoadName>(settings.rows.flatMap((row) => [row.baseline, row.load]));
  const report: Report = {
    machine,
    rounds: settings.rounds,
    secondsPerRun: settings.seconds,
    crossChecks: hasH2load ? rounds.flatMap((round) => round.crossChecks) : 'absent',
    syncUs: Math.round(median(rounds.map((round) => round.syncUs))),
    rows: settings.rows.map((row) => summarizeRow(row, rounds)),
    loads: [...names].map((name) => summarizeLoad(name, rounds)),
  };
  return { report, rounds };
}

function readSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      directory: { type: 'string', default: 'data' },
      results: { type: 'string', default: 'bench-results.json' },
    },
  });
  const preset = values.smoke ? PRESETS.smoke : PRESETS.full;
  const keys = z.array(z.enum(rows.map((row) => row.key))).optional();
  const only = keys.parse(values.only?.split(','));
  return {
    ...preset,
    rounds: z.coerce
      .number()
      .int()
      .min(1)
      .max(ROUNDS_MAX)
      .parse(values.rounds ?? preset.rounds),
    seconds: z.coerce
      .number()
      .min(0.1)
      .max(SECONDS_MAX)
      .parse(values.seconds ?? preset.seconds),
    rows: rows.filter((row) => only === undefined || only.includes(row.key)),
    directory: values.directory,
    results: values.results,
  };
}
