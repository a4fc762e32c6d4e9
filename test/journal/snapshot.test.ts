// A snapshot is the journal up to one durable batch, whatever happens to its files meanwhile.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realFiles } from '../../src/journal/files.js';
import { writeIdentity } from '../../src/journal/identity.js';
import { segmentName } from '../../src/journal/segment.js';
import type { Snapshot, SnapshotSegment } from '../../src/journal/snapshot.js';
import { type AsyncWrite, heldFiles, interceptFiles, systemError } from '../support/fault-files.js';
import {
  journalFolder,
  note,
  openTestJournal,
  scanAll,
  segmentsOf,
  type TestJournal,
  until,
} from '../support/fault-journal.js';

async function write(opened: TestJournal, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await opened.write(note(20_000, n));
}

async function copyOf({ identity, segments }: Snapshot): Promise<string> {
  const directory = journalFolder();
  mkdirSync(segmentsOf(directory));
  await writeIdentity(directory, identity);
  for (const segment of segments) await copySegment(segment, directory);
  return directory;
}

async function copySegment(segment: SnapshotSegment, directory: string): Promise<void> {
  const copy = await segment.open();
  const bytes = Buffer.alloc(copy.bytes);
  // Over every seam: what is stored, and the trailer behind it.
  for (let at = 0; at < bytes.length; at += 7001) {
    await copy.read(bytes.subarray(at, at + 7001), at);
  }
  copy.close();
  const name = `${segmentName(segment.number)}${copy.compressed ? 'z' : ''}`;
  writeFileSync(join(segmentsOf(directory), name), bytes);
}

test('it is a whole journal that ends with what was durable, and every segment is sealed', async () => {
  const opened = await openTestJournal({ directory: journalFolder() });
  await write(opened, 1, 10);
  const snapshot = opened.snapshot();
  await write(opened, 11, 30);
  const directory = await copyOf(snapshot);
  snapshot.close();
  const { end } = scanAll(directory);
  expect([end.kind, end.place.sequence, end.unsealed]).toEqual(['sealed', 10, []]);
  expect(snapshot.identity.lastSequence).toBe(10);
  expect(snapshot.segments.at(-1)?.lastSequence).toBe(10);
  await opened.journal.close();
});

test('what is not durable yet is not in it', async () => {
  const held = heldFiles();
  const opened = await openTestJournal({ directory: journalFolder(), files: held.files });
  await write(opened, 1, 2);
  held.hold();
  opened.journal.append(note(20_000, 3));
  opened.journal.submit();
  const write3 = await held.next();
  const snapshot = opened.snapshot();
  write3.land();
  await opened.journal.drain();
  const directory = await copyOf(snapshot);
  snapshot.close();
  expect(scanAll(directory).end.place.sequence).toBe(2);
  held.release();
  await opened.journal.close();
});

test('a segment that is sealed and compressed after it was taken is read all the same', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  opened.rotation.setBusy(true);
  await write(opened, 1, 20);
  const snapshot = opened.snapshot();
  const taken = snapshot.segments.map(({ number }) => `${segmentName(number)}z`);
  const first = await snapshot.segments[0]?.open();
  opened.rotation.setBusy(false);
  opened.rotation.tend();
  await write(opened, 21, 24);
  await until(() => taken.every((name) => realFiles.exists(join(segmentsOf(directory), name))));
  const begun = Buffer.alloc(first?.bytes ?? 0);
  await first?.read(begun, 0);
  first?.close();
  expect([first?.compressed, begun.toString('latin1', 0, 4)]).toEqual([false, 'TGS1']);
  const copy = await copyOf(snapshot);
  snapshot.close();
  expect(taken.length).toBeGreaterThan(4);
  expect(realFiles.list(segmentsOf(copy)).filter((name) => name.endsWith('z')).length).toBe(
    taken.length - 1,
  );
  expect(scanAll(copy).end.place.sequence).toBe(20);
  await opened.journal.close();
});

test('a segment whose seal is on its way to the disk is waited for', async () => {
  let isFull = false;
  let sealing: AsyncWrite | undefined;
  const files = interceptFiles({
    write(each) {
      const second = each.path.endsWith(segmentName(2)) && each.mode === 'synced';
      isFull ||= second;
      if (isFull && each.path.endsWith(segmentName(1))) sealing = each;
      else each.land();
    },
  });
  const opened = await openTestJournal({ directory: journalFolder(), files });
  await write(opened, 1, 10);
  await until(() => sealing !== undefined);
  const snapshot = opened.snapshot();
  const copying = copyOf(snapshot);
  setTimeout(() => sealing?.land(), 50);
  const { end } = scanAll(await copying);
  snapshot.close();
  expect([end.place.sequence, end.unsealed]).toEqual([10, []]);
  await opened.journal.close();
});

test('a segment that could not be sealed is in it as it is, and the copy is a whole journal', async () => {
  const files = interceptFiles({
    before({ name, path }) {
      const seals = name === 'truncateSync' && path.endsWith('00000001.seg');
      if (seals) throw systemError('ENOSPC', path);
    },
  });
  const opened = await openTestJournal({ directory: journalFolder(), files });
  await write(opened, 1, 10);
  const snapshot = opened.snapshot();
  const copy = await copyOf(snapshot);
  snapshot.close();
  await until(() => opened.trouble.join().includes('seal a segment'));
  const { end } = scanAll(copy);
  expect([end.place.sequence, end.unsealed.map(({ number }) => number)]).toEqual([10, [1]]);
  await opened.journal.close();
});

test('after a start on a full segment it ends there, and the empty one is not in it', async () => {
  const directory = journalFolder();
  const first = await openTestJournal({ directory });
  await write(first, 1, 4);
  await first.journal.close();
  const before = first.snapshot();
  const copy = await copyOf(before);
  before.close();
  const again = await openTestJournal({ directory: copy });
  const snapshot = again.snapshot();
  const last = snapshot.segments.at(-1)?.number ?? 0;
  expect(again.journal.syncedPlace()).toMatchObject({ segment: last + 1, offset: 4096 });
  expect(snapshot.identity.lastSequence).toBe(4);
  expect(scanAll(await copyOf(snapshot)).end.place.sequence).toBe(4);
  snapshot.close();
  await write(again, 5, 6);
  const more = again.snapshot();
  expect(scanAll(await copyOf(more)).end.place.sequence).toBe(6);
  more.close();
  await again.journal.close();
});

test('a file that cannot be read is a failure that names the segment', async () => {
  const opened = await openTestJournal({ directory: journalFolder() });
  await write(opened, 1, 10);
  const snapshot = opened.snapshot();
  const [first] = snapshot.segments;
  const copy = await first?.open();
  const beyond = copy?.read(Buffer.alloc(10), (copy?.bytes ?? 0) - 5);
  await expect(beyond).rejects.toMatchObject({ code: 'SNAPSHOT_UNREADABLE' });
  await expect(beyond).rejects.toThrow(/^segment 1 cannot be read: its file ends at byte/);
  copy?.close();
  snapshot.close();
  await opened.journal.close();
});
