// make bench: at its end, the promised rows of all programs in one table.
//
//   node dist/bench-esm/test/bench/all-rows.js [--results bench-results.json]

import { parseArgs } from 'node:util';
import { z } from 'zod';
import { loadRows } from './row-files.js';
import { formatRows } from './table.js';

// Not strict: it is given what the other programs are given.
const { values } = parseArgs({
  options: { results: { type: 'string', default: 'bench-results.json' } },
  strict: false,
  args: process.argv.slice(2),
});
const rows = loadRows(z.string().parse(values.results));
process.stdout.write(`\nAll rows. A figure is the median of its rounds.\n\n${formatRows(rows)}\n`);
