// verify: is the data directory whole, and do state and journal agree? Reads everything, changes
// nothing. Exit 0: whole; 3: damaged, with file and offset; 1: could not look.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatUnits } from '../../base/decimal.js';
import { Failure } from '../../base/failure.js';
import type { Sequence } from '../../base/units.js';
import { takeLock } from '../../journal/lock.js';
import { checkState } from '../../state/check-state.js';
import { checkIndexes } from '../../state/index/check-indexes.js';
import { openStateFile, type StateFile } from '../../state/state-file.js';
import { openStore } from '../../state/store.js';
import { openTables } from '../../state/tables.js';
import { checkBackup } from '../backup/check.js';
import { type Manifest, readManifest } from '../backup/manifest.js';
import type { CommandIo } from './command.js';
import { countOf } from './count.js';
import {
  type DamageReport,
  damageReport,
  findJournal,
  type Inspection,
  inspect,
  type JournalFiles,
  type Sum,
  sumKey,
} from './inspect.js';
import { openProgress } from './progress.js';
import { openProof, type Proved } from './prove-invoices.js';
import { EXIT } from './trouble.js';

const HELP = `Usage: tollgate verify [--data-dir DIR] [--json]

Reads the whole data directory: every checksum, the chain of the batches, every entry, and
whether the totals in the state are the sum of the events. Proves every invoice: its lines are
rated anew from the journal's events, and no event is on two or missing. Changes nothing.
The server must be stopped. Of a backup (DIR of tollgate backup) it reads the journal, and
compares every file with its hash. Exit codes: 0 whole, 1 could not look, 2 bad usage, 3 damaged.
`;

interface Report {
  readonly directory: string;
  /** A backup has no state. */
  readonly kind: 'data' | 'backup';
  readonly whole: boolean;
  readonly problems: readonly string[];
  /** The place of the first damage in the journal; null: none. */
  readonly damage: DamageReport | null;
  readonly segments: number;
  readonly batches: number;
  readonly entries: Readonly<Record<string, number>>;
  readonly lastSequence: number;
  readonly lastEntry: string;
  /** Entries that the state covers; the rest is replayed at start. */
  readonly stateCovers: number;
  readonly difference: number;
  readonly invoices: Omit<Proved, 'problems'>;
}

export async function runVerify(argv: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'data-dir': { type: 'string', default: process.env['TOLLGATE_DATA_DIR'] ?? './data' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.well;
  }
  const directory = values['data-dir'];
  if (!existsSync(directory)) throw new Failure('DATA_DIR_UNUSABLE', `${directory} is not there`);
  const lock = await takeLock(directory);
  try {
    const report = await verify(directory, io);
    io.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
    return report.whole ? EXIT.well : EXIT.damaged;
  } finally {
    await lock.release();
  }
}

async function verify(directory: string, io: CommandIo): Promise<Report> {
  const manifest = readManifest(directory);
  return manifest === undefined ? verifyData(directory, io) : verifyBackup(directory, manifest, io);
}

/** It has no state and no indexes, only what they are made of. */
async function verifyBackup(directory: string, manifest: Manifest, io: CommandIo): Promise<Report> {
  const hashing = openProgress(io.stderr, 'files checked');
  const journal = checkBackup(directory, manifest, hashing.update);
  hashing.end();
  const found = look(journal, 0, io);
  const problems = [...found.problems];
  const proved = await prove(journal, found, io);
  problems.push(...proved.problems);
  const checked = { kind: 'backup', problems, proved, upTo: 0, differences: 0 } as const;
  return reportOf(directory, found, checked);
}

async function verifyData(directory: string, io: CommandIo): Promise<Report> {
  const check = checkState(directory);
  const stateFile = check.fit ? openStateFile(directory) : undefined;
  try {
    const applied = stateFile?.applied();
    const upTo = applied?.sequence ?? 0;
    const journal = findJournal(directory);
    const found = look(journal, upTo, io);
    const problems = [...found.problems];
    if (!check.fit) problems.push(`state: ${check.why}; the next start builds it again`);
    if (found.identity !== undefined) {
      const { uuid, incarnation } = found.identity;
      for (const problem of checkIndexes(join(directory, 'index'), uuid, incarnation)) {
        problems.push(`index: ${problem}; the next start builds it again`);
      }
    }
    const own = applied !== undefined && applied.uuid === found.identity?.uuid;
    const readable = found.end !== undefined;
    const differences = stateFile !== undefined && own && readable ? compare(stateFile, found) : [];
    if (own && !readable) {
      problems.push('the totals were not compared: the journal could not be read to its end');
    }
    problems.push(...differences);
    const proved = await prove(journal, found, io);
    problems.push(...proved.problems);
    const checked = {
      kind: 'data',
      problems,
      proved,
      upTo,
      differences: differences.length,
    } as const;
    return reportOf(directory, found, checked);
  } finally {
    await stateFile?.close();
  }
}

interface Checked {
  readonly kind: Report['kind'];
  readonly problems: readonly string[];
  readonly proved: Proved;
  /** Entries that the state covers. */
  readonly upTo: Sequence;
  readonly differences: number;
}

function reportOf(directory: string, found: Inspection, checked: Checked): Report {
  const { kind, problems, proved, upTo, differences } = checked;
  return {
    invoices: proved,
    directory,
    kind,
    whole: problems.length === 0,
    problems,
    damage: damageReport(found),
    segments: found.segments.length,
    batches: found.batches,
    entries: Object.fromEntries(found.entries),
    lastSequence: found.lastSequence,
    lastEntry: found.lastEntryMs === 0 ? '' : new Date(found.lastEntryMs).toISOString(),
    stateCovers: upTo,
    difference: differences,
  };
}

function look(journal: JournalFiles, upTo: Sequence, io: CommandIo): Inspection {
  const progress = openProgress(io.stderr, 'segments');
  const found = inspect({ journal, upTo, onProgress: progress.update });
  progress.end();
  return found;
}

/** Every invoice from the events; nothing is read again where there is none. */
async function prove(journal: JournalFiles, found: Inspection, io: CommandIo): Promise<Proved> {
  const proof = openProof(found.records);
  if (found.end !== undefined) {
    const progress = openProgress(io.stderr, 'segments, for the invoices');
    inspect({ journal, upTo: 0, onProgress: progress.update, onRecord: proof.add });
    progress.end();
  }
  return proof.finish();
}

/** Both sides of the conservation of usage: Σ events in the journal = totals in the state. */
function compare(stateFile: StateFile, found: Inspection): string[] {
  const tables = openTables(openStore(stateFile.reader));
  const totals = new Map<string, Sum>();
  for (const page of tables.pages.loadAll()) {
    const [organisation = '', meter = '', bucket = ''] = page.key.slice(1).split('\u0004');
    if (bucket !== 'D') continue;
    const key = sumKey(Number(organisation), meter);
    const sum = totals.get(key) ?? { ...NOTHING };
    for (const cell of page.cells.values()) {
      sum.events += cell.count;
      sum.quanta += cell.quanta;
    }
    totals.set(key, sum);
  }
  const problems: string[] = [];
  const numbers = [...new Set([...totals.keys(), ...found.sums.keys()])];
  for (const key of numbers.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))) {
    const state = totals.get(key) ?? NOTHING;
    const journal = found.sums.get(key) ?? NOTHING;
    const sameQuanta = !journal.adds || state.quanta === journal.quanta;
    if (state.events === journal.events && sameQuanta) continue;
    const [number, meter] = key.split('\u0004');
    const organisation = journal.orgId === '' ? `number ${number}` : `"${journal.orgId}"`;
    const said = ({ events, quanta }: Sum) =>
      `${countOf(events, 'event')} (${formatUnits(quanta, journal.scale)})`;
    problems.push(
      `organisation ${organisation}, meter ${meter}: the journal has ${said(journal)}, ` +
        `the state ${said(state)}`,
    );
  }
  return problems;
}

const NOTHING: Sum = { orgId: '', scale: 0, events: 0, quanta: 0n, adds: true };

function stateLine({ stateCovers, difference }: Report): string {
  return `  state covers sequence ${stateCovers}, ${countOf(difference, 'difference')}`;
}

function textOf(report: Report): string {
  const kinds = Object.entries(report.entries).map(([kind, count]) => `${count} ${kind}`);
  const lines = [
    `${report.directory}: ${report.whole ? 'whole' : 'DAMAGED'}`,
    `  ${countOf(report.segments, 'segment')}, ${countOf(report.batches, 'batch', 'batches')}, ` +
      'up to sequence ' +
      `${report.lastSequence}${report.lastEntry === '' ? '' : ` at ${report.lastEntry}`}`,
    `  entries: ${kinds.join(', ') || 'none'}`,
    `  ${countOf(report.invoices.invoices, 'invoice')}, ` +
      `${countOf(report.invoices.bills, 'bill')}: ` +
      `${countOf(report.invoices.eventsInvoiced, 'event')} invoiced, ` +
      `${report.invoices.eventsOpen} not yet, ${report.invoices.eventsVoided} of voided invoices`,
    ...(report.kind === 'backup' ? [] : [stateLine(report)]),
    ...report.problems.map((problem) => `  ! ${problem}`),
  ];
  return `${lines.join('\n')}\n`;
}
