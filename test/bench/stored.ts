// make bench: what the server costs when much is stored: throughput, memory, disk, restarts,
// checkpoints. See README.md. Ends with 1 where a part could not be measured.
//
//   node dist/bench-esm/test/bench/stored.js [--smoke] [--rounds 5] [--events 5000000]
//     [--only checkpoint,idle,restart,full] [--directory data]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { measureCheckpoints } from './checkpoint-rows.js';
import { measureFull } from './full-rows.js';
import { measureIdle } from './idle-rows.js';
import { openLoadProcess } from './load-process.js';
import { describeMachine } from './machine.js';
import { measureRestarts } from './restart-rows.js';
import { saveRows } from './row-files.js';
import type { StoredOptions } from './stored-options.js';
import { formatRows, type MeasuredRow } from './table.js';

const FULL = {
  rounds: 5,
  sizes: {
    events: 5_000_000,
    replayedEvents: 1_000_000,
    organisations: 10_000,
    seconds: 3,
    warmupSeconds: 1,
    warmupCalls: 60_000,
    openRate: 2000,
    openSeconds: 15,
    restSeconds: 5,
    idleSeconds: 90,
    verdicts: 'judged',
  },
} as const;

const SMOKE = {
  rounds: 1,
  sizes: {
    events: 40_000,
    replayedEvents: 20_000,
    organisations: 500,
    seconds: 0.5,
    warmupSeconds: 0.3,
    warmupCalls: 3000,
    openRate: 500,
    openSeconds: 4,
    restSeconds: 0.5,
    idleSeconds: 0.5,
    verdicts: 'rough',
  },
} as const;

interface Part {
  /** The first of its rows. */
  readonly number: number;
  readonly measure: (options: StoredOptions) => Promise<MeasuredRow[]>;
}

const PARTS = {
  checkpoint: { number: 7, measure: measureCheckpoints },
  idle: { number: 11, measure: measureIdle },
  restart: { number: 9, measure: measureRestarts },
  full: { number: 6, measure: measureFull },
} satisfies Record<string, Part>;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    events: { type: 'string' },
    only: { type: 'string' },
    directory: { type: 'string', default: 'data' },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

async function bench(): Promise<void> {
  const preset = values.smoke ? SMOKE : FULL;
  const count = z.coerce.number().int().min(1);
  const parts = z
    .array(z.enum(Object.keys(PARTS) as (keyof typeof PARTS)[]))
    .parse(values.only?.split(',') ?? Object.keys(PARTS));
  mkdirSync(values.directory, { recursive: true });
  const directory = mkdtempSync(join(values.directory, 'bench-stored-'));
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', remove);
  const load = openLoadProcess();
  const options: StoredOptions = {
    directory,
    load,
    sizes: { ...preset.sizes, events: count.parse(values.events ?? preset.sizes.events) },
    rounds: count.parse(values.rounds ?? preset.rounds),
    progress: (text) => process.stderr.write(`${text}\n`),
  };
  const rows: MeasuredRow[] = [];
  try {
    for (const part of parts) rows.push(...(await measure(part, options)));
  } finally {
    load.close();
  }
  saveRows('stored', rows);
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  process.stdout.write(
    `${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}; ` +
      `${options.rounds} rounds, medians; MB are 10^6 bytes\n\n${formatRows(rows)}\n`,
  );
}

/** What fails takes no other part with it. */
async function measure(name: keyof typeof PARTS, options: StoredOptions): Promise<MeasuredRow[]> {
  const { number, measure: run } = PARTS[name];
  try {
    return await run(options);
  } catch (error) {
    process.exitCode = 1;
    return [{ title: `${number}  ${name}: ${(error as Error).message}`, measured: [] }];
  }
}
