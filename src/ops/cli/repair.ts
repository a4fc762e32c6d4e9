// repair: give up what damage left unreadable, and say first what that is. The journal is cut at
// the end of the last good batch; everything behind it is kept in `quarantine/`; a new incarnation
// begins, so that nothing mistakes the new history for the old one.

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from '../../base/failure.js';
import { realFiles } from '../../journal/files.js';
import { newIdentity, newIncarnation, writeIdentity } from '../../journal/identity.js';
import { takeLock } from '../../journal/lock.js';
import { journalDirectory } from '../../journal/open.js';
import { type JournalDamaged, openSource, type SegmentFile } from '../../journal/recover.js';
import { readSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from '../../journal/segment.js';
import { limits } from '../../limits.js';
import { stateDirectory } from '../../state/state-file.js';
import type { CommandIo } from './command.js';
import { countOf } from './count.js';
import {
  type DamageReport,
  damageReport,
  findJournal,
  type Inspection,
  inspect,
} from './inspect.js';
import { openProgress } from './progress.js';
import { EXIT } from './trouble.js';

const HELP = `Usage: tollgate repair [--data-dir DIR] [--apply] [--json]

Says what is damaged and what repair would do; with --apply it does it. What is cut is kept in
quarantine/, and so is the state; state and indexes are built again at the next start. The server
must be stopped.
Exit codes: 0 nothing to do or done, 1 could not, 2 bad usage, 3 damaged and nothing done yet.
`;

export async function runRepair(argv: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'data-dir': { type: 'string', default: process.env['TOLLGATE_DATA_DIR'] ?? './data' },
      'dry-run': { type: 'boolean', default: false },
      apply: { type: 'boolean', default: false },
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
    const progress = openProgress(io.stderr, 'segments');
    const look = () =>
      inspect({ journal: findJournal(directory), upTo: 0, onProgress: progress.update });
    let found = look();
    progress.end();
    const { problems } = found;
    const say = (plan: string, outcome: Outcome) => {
      const report = { directory, outcome, problems, damage: damageReport(found), plan };
      io.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
    };
    if (problems.length === 0) {
      say('', 'whole');
      return EXIT.well;
    }
    if (!values.apply || values['dry-run']) {
      say(planOf(found), 'planned');
      return EXIT.damaged;
    }
    if (found.identity === undefined) {
      await restoreIdentity(directory, found);
      found = look();
      progress.end();
    }
    const plan = planOf(found);
    await apply(directory, found);
    say(plan, 'done');
    return EXIT.well;
  } finally {
    await lock.release();
  }
}

type Outcome = 'whole' | 'planned' | 'done';

interface Report {
  readonly directory: string;
  readonly outcome: Outcome;
  readonly problems: readonly string[];
  readonly damage: DamageReport | null;
  /** '' where nothing is to be done. */
  readonly plan: string;
}

const ENDINGS: Readonly<Record<Exclude<Outcome, 'whole'>, string>> = {
  planned: 'Nothing was changed. --apply carries it out.',
  done: 'Done. State and indexes are built at the next start.',
};

function textOf({ directory, outcome, problems, plan }: Report): string {
  if (outcome === 'whole') return `${directory}: whole, nothing to repair\n`;
  const lines = [...problems.map((problem) => `! ${problem}`), plan, ENDINGS[outcome]];
  return `${lines.join('\n')}\n`;
}

function planOf(found: Inspection): string {
  const { damage, identity } = found;
  if (identity === undefined) return 'Plan: write a new identity.json from the segments.';
  if (damage === undefined) {
    if (found.end === undefined) return 'Plan: none. This damage cannot be repaired.';
    return `Plan: accept the journal up to sequence ${found.lastSequence} as a new incarnation.`;
  }
  const behind = found.behind?.lastSequence ?? 0;
  const known = Math.max(identity.lastSequence, damage.place.sequence, behind);
  const lost = known - damage.place.sequence;
  const later = found.segments.filter(({ number }) => number > damage.segment).length;
  return (
    `Plan: cut ${basename(damage.file)} at byte ${damage.offset}, after sequence ` +
    `${damage.place.sequence}; set aside ${countOf(later, 'later segment')} in quarantine/; ` +
    `begin a new incarnation. At least ${countOf(lost, 'entry', 'entries')} of ${known} ` +
    `${lost === 1 ? 'is' : 'are'} lost.`
  );
}

async function restoreIdentity(directory: string, found: Inspection): Promise<void> {
  const first = found.segments[0];
  if (first === undefined) {
    throw new Failure('NOTHING_TO_REPAIR', `${directory} holds no segment to start from`);
  }
  const source = openSource(first, realFiles);
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  source.readSync(header, 0);
  source.close();
  const read = readSegmentHeader(header);
  if (read === undefined) throw new Failure('NOTHING_TO_REPAIR', `${first.path} has no header`);
  await writeIdentity(directory, { ...newIdentity(Date.now()), uuid: read.uuid, epoch: 1 });
}

async function apply(directory: string, found: Inspection): Promise<void> {
  const { damage, identity } = found;
  if (identity === undefined) throw new Failure('NOTHING_TO_REPAIR', `${directory}: no identity`);
  if (damage === undefined && found.end === undefined) {
    throw new Failure('CANNOT_REPAIR', `${directory}: restore a backup`);
  }
  const quarantine = join(directory, 'quarantine', new Date().toISOString().replaceAll(':', '-'));
  mkdirSync(quarantine, { recursive: true, mode: 0o750 });
  if (damage !== undefined) await cut(directory, found, damage, quarantine);
  const forkSequence = damage?.place.sequence ?? found.lastSequence;
  await writeIdentity(directory, newIncarnation(identity, forkSequence, Date.now()));
  const state = stateDirectory(directory);
  if (existsSync(state)) renameSync(state, join(quarantine, basename(state)));
  rmSync(join(directory, 'index'), { recursive: true, force: true });
}

/** The damaged segment is written anew up to the damage, zeros behind; the old one is kept. */
async function cut(
  directory: string,
  found: Inspection,
  damage: JournalDamaged,
  quarantine: string,
): Promise<void> {
  const damaged = found.segments.filter(({ number }) => number >= damage.segment);
  const [first] = damaged;
  const kept = damage.offset > SEGMENT_HEADER_BYTES && first !== undefined;
  const good = kept ? readGood(first, damage.offset) : undefined;
  for (const { path } of damaged) renameSync(path, join(quarantine, basename(path)));
  if (good === undefined) return;
  const path = join(journalDirectory(directory), segmentName(damage.segment));
  const handle = realFiles.open(`${path}.tmp`, 'create');
  handle.writeSync(good, 0);
  const rest = Math.max(0, limits.segmentBytes - good.length);
  handle.writeSync(Buffer.alloc(rest), good.length);
  handle.syncSync();
  handle.close();
  realFiles.rename(`${path}.tmp`, path);
  await realFiles.syncDirectory(journalDirectory(directory));
}

function readGood(segment: SegmentFile, end: number): Buffer {
  const source = openSource(segment, realFiles);
  const bytes = Buffer.alloc(end);
  source.readSync(bytes, 0);
  source.close();
  return bytes;
}
