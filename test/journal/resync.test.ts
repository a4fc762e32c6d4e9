// Before anything is served, every byte that no later header vouches for is written again through a
// handle that syncs, and what follows the end is zero.

import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type FileCall, interceptFiles } from '../support/fault-files.js';
import {
  type Batch,
  journalFolder,
  note,
  openTestJournal,
  overwrite,
  scanAll,
  segmentPath,
  zero,
} from '../support/fault-journal.js';

type Write = Pick<Required<FileCall>, 'position' | 'bytes'>;

async function journalOf(...batchBytes: readonly number[]) {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  for (const [index, bytes] of batchBytes.entries()) await opened.write(note(bytes, index + 1));
  await opened.journal.close();
  return { directory, path: segmentPath(directory, 1), batches: scanAll(directory).batches };
}

/** Opens, and says what was written to the segment on the way, in order. */
async function writesAtStart(directory: string): Promise<readonly Write[]> {
  const writes: Write[] = [];
  const files = interceptFiles({
    before({ name, path, mode, position = -1, bytes = Buffer.alloc(0) }) {
      if (name !== 'writeSync') return;
      expect({ path, mode }).toEqual({ path: segmentPath(directory, 1), mode: 'synced' });
      writes.push({ position, bytes });
    },
  });
  const opened = await openTestJournal({ directory, files });
  const before = [...writes];
  await opened.journal.close();
  return before;
}

function range(write: Write | undefined): readonly [number, number] {
  return write === undefined ? [-1, -1] : [write.position, write.position + write.bytes.length];
}

function endOf({ offset, bytes }: Batch): number {
  return offset + bytes;
}

function at(batches: readonly Batch[], index: number): Batch {
  const batch = batches.at(index);
  if (batch === undefined) throw new Error(`batch ${index}`);
  return batch;
}

test('the last batch is written again as it is, and nothing else', async () => {
  const { directory, path, batches } = await journalOf(900, 1300, 2100);
  const before = readFileSync(path);
  const writes = await writesAtStart(directory);
  const last = at(batches, -1);
  expect(writes.map(range)).toEqual([[last.offset, endOf(last)]]);
  expect(writes[0]?.bytes.equals(before.subarray(last.offset, endOf(last)))).toBe(true);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('an empty journal is not written to', async () => {
  const { directory } = await journalOf();
  expect(await writesAtStart(directory)).toEqual([]);
});

describe('batches that were on their way together', () => {
  /** Changes what the header of a batch vouches for, as if more had been written at once. */
  function vouch(path: string, batches: readonly Batch[], from: number, sequence: number): void {
    for (let i = from; i < batches.length; i++) {
      const { offset, bytes } = at(batches, i);
      const whole = readFileSync(path).subarray(offset, offset + bytes);
      whole.writeDoubleLE(sequence, 32);
      whole.writeUInt32LE(crc32(whole.subarray(0, 56)), 56);
      const previous = whole.readUInt32LE(44);
      const crc = crc32(whole.subarray(64), crc32(whole.subarray(0, 56), previous));
      whole.writeUInt32LE(crc, 60);
      overwrite(path, whole, offset);
      if (i + 1 < batches.length) overwrite(path, wordOf(crc), at(batches, i + 1).offset + 44);
    }
  }

  test.each([
    [0, 0],
    [1, 1],
    [2, 2],
  ])(
    'where the last header vouches for %i entries, those after it are written again',
    async (sequence, first) => {
      const { directory, path, batches } = await journalOf(900, 1300, 2100, 700);
      vouch(path, batches, first, sequence);
      expect(scanAll(directory).batches).toHaveLength(4);
      const writes = await writesAtStart(directory);
      expect(writes.map(range)).toEqual([[at(batches, first).offset, endOf(at(batches, -1))]]);
    },
  );
});

function wordOf(value: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(value);
  return word;
}

describe('a torn tail', () => {
  test('is zeroed first, up to its last byte; then the batch before is written again', async () => {
    const { directory, path, batches } = await journalOf(900, 1300, 2600);
    const torn = at(batches, -1);
    zero(path, torn.offset + 700, torn.offset + 1900);
    const [zeros, again, ...rest] = await writesAtStart(directory);
    expect(range(zeros)).toEqual([torn.offset, endOf(torn)]);
    expect(zeros?.bytes.every((byte) => byte === 0)).toBe(true);
    // The torn batch's header vouched for everything before it, but it is not believed.
    expect(range(again)).toEqual([at(batches, 1).offset, endOf(at(batches, 1))]);
    expect(rest).toEqual([]);
    expect(
      readFileSync(path)
        .subarray(torn.offset)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  test('is zeroed by the handle that syncs, before the journal takes an entry', async () => {
    const { directory, path, batches } = await journalOf(900, 2600);
    const torn = at(batches, -1);
    zero(path, torn.offset + 700, torn.offset + 1900);
    const order: string[] = [];
    const files = interceptFiles({
      before: ({ name, mode }) => {
        if (name === 'writeSync') order.push(`${name} ${mode}`);
      },
      write({ mode, land }) {
        if (mode === 'synced') order.push('a batch');
        land();
      },
    });
    const opened = await openTestJournal({ directory, files });
    await opened.write(note(300, 9));
    await opened.journal.close();
    expect(order).toEqual(['writeSync synced', 'writeSync synced', 'a batch']);
  });
});
