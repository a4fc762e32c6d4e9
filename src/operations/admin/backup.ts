// Backup: the journal up to one durable batch boundary, part by part. Recording goes on: one read
// at a time, off the main thread, and a rest after each chunk.

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type {
  BackupRequest,
  BackupResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { BackupHeader, HeldSegment } from '../../../generated/ts/tollgate/v1/backup.js';
import type { Snapshot, SnapshotSegment } from '../../journal/snapshot.js';
import { limits } from '../../limits.js';
import { madeBy } from '../caller.js';
import { type Core, draining } from '../core.js';
import { toTimestamp } from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { openSteps, type Steps } from './steps.js';

type Part = NonNullable<BackupResponse['part']>;
export type Backup = (core: Core, request: BackupRequest) => AsyncGenerator<BackupResponse>;

/** After each chunk: the calls of others come in between, and a disk has pauses. */
const REST_MS = 1;

/** One whose caller went away ends within a chunk: the next, often from the same one, waits. */
const TURNOVER_MS = 1000;
const POLL_MS = 10;

/** One at a time. Whoever does not read it to its end returns the generator. */
export function openBackup(): Backup {
  let running = false;
  return async function* (core, request) {
    for (let ms = 0; running && ms < TURNOVER_MS; ms += POLL_MS) await setTimeout(POLL_MS);
    if (running) throw isRunning();
    running = true;
    try {
      for await (const part of backup(core, request)) yield { part };
    } finally {
      running = false;
    }
  };
}

async function* backup(core: Core, { held }: BackupRequest): AsyncGenerator<Part> {
  if (held.length > limits.backupHeldSegments) {
    throw invalidField('held', `must be at most ${limits.backupHeldSegments} segments`);
  }
  await noteInAudit(core);
  const steps = openSteps(core);
  const snapshot = core.snapshot();
  try {
    const kept = await keptOf(snapshot, held, steps);
    const sent = snapshot.segments.filter(({ number }) => !kept.has(number));
    yield { $case: 'header', value: headerOf(core, snapshot, [...kept], sent) };
    let sentBytes = 0;
    for (const segment of sent) sentBytes += yield* sendSegment(core, segment);
    const { lastSequence } = snapshot.identity;
    yield {
      $case: 'end',
      value: {
        sequence: BigInt(lastSequence),
        fileCount: sent.length,
        sentBytes: BigInt(sentBytes),
      },
    };
  } finally {
    snapshot.close();
  }
}

/** A copy of everything leaves the house. A journal without room can be backed up all the same. */
async function noteInAudit(core: Core): Promise<void> {
  if (core.journal.refusal('ordinary') !== undefined) return;
  await core.ledger.commit({
    ...madeBy(core),
    atMs: core.clock.wallMs(),
    action: 'backup.send',
    orgId: '',
    reason: '',
    changes: () => [],
  });
}

/** Ascending. The chained CRC says that the copy is of this history, not of one cut off since. */
async function keptOf(
  snapshot: Snapshot,
  held: readonly HeldSegment[],
  steps: Steps,
): Promise<ReadonlySet<number>> {
  const byNumber = new Map(held.map((each) => [each.number, each]));
  const kept = new Set<number>();
  for (const { number, lastSequence, chainCrc } of snapshot.segments) {
    const copy = byNumber.get(number);
    if (copy === undefined || copy.lastSequence !== BigInt(lastSequence)) continue;
    if (Number(copy.chainCrc) === chainCrc()) kept.add(number);
    if (steps.due()) await steps.turn();
  }
  return kept;
}

function headerOf(
  core: Core,
  { identity }: Snapshot,
  keptSegments: number[],
  sent: readonly SnapshotSegment[],
): BackupHeader {
  const { uuid, createdMs, incarnation, forks, epoch, lastSequence } = identity;
  return {
    journalUuid: uuid,
    journalCreateTime: toTimestamp(createdMs),
    incarnation,
    forks: forks.map(({ atMs, forkSequence, ...fork }) => ({
      ...fork,
      forkSequence: BigInt(forkSequence),
      forkTime: toTimestamp(atMs),
    })),
    epoch,
    sequence: BigInt(lastSequence),
    backupTime: toTimestamp(core.clock.wallMs()),
    keptSegments,
    fileCount: sent.length,
    totalBytes: BigInt(sent.reduce((sum, segment) => sum + segment.bytes(), 0)),
  };
}

/** Returns the bytes of the file. */
async function* sendSegment(core: Core, segment: SnapshotSegment): AsyncGenerator<Part, number> {
  const copy = await segment.open();
  try {
    const { compressed, bytes } = copy;
    const value = { segment: segment.number, compressed, sizeBytes: BigInt(bytes) };
    yield { $case: 'file', value };
    const hash = createHash('sha256');
    for (let at = 0; at < bytes; at += limits.backupChunkBytes) {
      if (core.draining()) throw draining();
      const chunk = Buffer.allocUnsafe(Math.min(limits.backupChunkBytes, bytes - at));
      await copy.read(chunk, at);
      hash.update(chunk);
      yield { $case: 'chunk', value: chunk };
      await setTimeout(REST_MS);
    }
    yield { $case: 'fileEnd', value: { sha256: hash.digest() } };
    return bytes;
  } finally {
    copy.close();
  }
}

function isRunning(): Refusal {
  const text = 'a backup is under way: wait for it';
  return new Refusal('RESOURCE_EXHAUSTED', 'BACKUP_RUNNING', text);
}
