// The numbered rows of each program of the bench in a file, so that the last one can print all of
// them in one table. `make bench` empties the folder first.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { MeasuredRow } from './table.js';

const FOLDER = 'dist/bench-rows';

const bound = z.object({ must: z.number(), aim: z.number(), better: z.enum(['higher', 'lower']) });
const rowFile = z.array(
  z.object({ title: z.string(), bound: bound.optional(), measured: z.array(z.number()) }),
);
/** Of what bench.ts writes, as much as a table needs; rows that failed have no figures. */
const resultsFile = z.object({
  rows: z.array(
    z.object({
      title: z.string(),
      bound: bound.optional(),
      figures: z
        .object({ measured: z.number(), measuredMin: z.number(), measuredMax: z.number() })
        .optional(),
    }),
  ),
});

export function saveRows(program: string, rows: readonly MeasuredRow[]): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${program}.json`), JSON.stringify(rows));
}

/** In the order of their numbers. `results`: the file of bench.ts. */
export function loadRows(results: string): MeasuredRow[] {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
  const own = files.flatMap((file) => rowFile.parse(readJson(join(FOLDER, file))));
  const first = resultsFile.parse(readJson(results)).rows.map(({ figures, ...row }) => ({
    ...row,
    measured:
      figures === undefined ? [] : [figures.measuredMin, figures.measured, figures.measuredMax],
  }));
  return [...first, ...own]
    .filter(({ title }) => isNumbered(title))
    .map(({ title, bound, measured }) => ({ title, measured, ...(bound && { bound }) }))
    .sort((a, b) => Number.parseInt(a.title, 10) - Number.parseInt(b.title, 10));
}

function isNumbered(title: string): boolean {
  return /^\d/.test(title);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
