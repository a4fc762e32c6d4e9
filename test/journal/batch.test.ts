import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  assertNoZeroSector,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  eachFrame,
  FRAME_BYTES,
  isWholeBatch,
  isZero,
  LAST_BYTE,
  readBatchHeader,
  SECTOR_BYTES,
  sealBatch,
} from '../../src/journal/batch.js';

type Given = Omit<BatchHeader, 'crc' | 'bodyBytes' | 'count'>;

const word = fc.nat({ max: 0xffff_ffff });
const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const given: fc.Arbitrary<Given> = fc.record({
  incarnation: word,
  epoch: word,
  segment: word,
  firstSequence: whole,
  syncedSequence: whole,
  previousCrc: word,
  writtenMs: whole,
});
const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 12 });

/** A whole batch of these entry bodies, and its CRC. */
function batchOf(header: Given, entries: readonly Uint8Array[]) {
  const frames = entries.map((entry) => {
    const frame = Buffer.alloc(FRAME_BYTES);
    frame.writeUInt32LE(entry.length, 0);
    frame.writeUInt32LE(crc32(entry), 4);
    return Buffer.concat([frame, entry]);
  });
  const body = Buffer.concat([...frames, Buffer.from([LAST_BYTE])]);
  const buffer = Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), body]);
  const all = { ...header, count: entries.length, bodyBytes: body.length };
  return { buffer, crc: sealBatch(buffer, all), header: all };
}

test('a header is read back as it was written, wherever it stands', () => {
  fc.assert(
    fc.property(given, bodies, fc.nat({ max: 700 }), (header, entries, at) => {
      const { buffer, crc, header: all } = batchOf(header, entries);
      const placed = Buffer.concat([Buffer.alloc(at, 0xaa), buffer]);
      expect(readBatchHeader(placed, at)).toEqual({ ...all, crc });
      expect(isWholeBatch(placed, at, { ...all, crc })).toBe(true);
    }),
  );
});

test('frames are visited in order, with the sequence and the body of each', () => {
  fc.assert(
    fc.property(given, bodies, fc.nat({ max: 12 }), (header, entries, stopAfter) => {
      const { buffer, header: all } = batchOf(header, entries);
      const seen: { sequence: number; body: Buffer }[] = [];
      eachFrame(buffer, 0, all, (sequence, crc, start, end) => {
        const body = buffer.subarray(start, end);
        expect(crc).toBe(crc32(body));
        seen.push({ sequence, body });
        return seen.length === stopAfter;
      });
      const expected = stopAfter === 0 ? entries : entries.slice(0, stopAfter);
      expect(seen.map(({ sequence }) => sequence)).toEqual(
        expected.map((_, index) => all.firstSequence + index),
      );
      expect(seen.map(({ body }) => [...body])).toEqual(expected.map((entry) => [...entry]));
    }),
  );
});

test('a flipped bit anywhere in a batch is found', () => {
  const header: Given = {
    incarnation: 1,
    epoch: 2,
    segment: 3,
    firstSequence: 40,
    syncedSequence: 39,
    previousCrc: 0xdeadbeef,
    writtenMs: 1_795_176_000_000,
  };
  const { buffer } = batchOf(header, [Buffer.from('one'), Buffer.from('another')]);
  for (let bit = 0; bit < buffer.length * 8; bit++) {
    const copy = Buffer.from(buffer);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const read = readBatchHeader(copy, 0);
    const whole = read !== undefined && isWholeBatch(copy, 0, read);
    expect(whole, `bit ${bit}`).toBe(false);
  }
});

test('the CRC depends on the batch before: an equal batch elsewhere has another', () => {
  fc.assert(
    fc.property(given, bodies, word, (header, entries, otherCrc) => {
      fc.pre(otherCrc !== header.previousCrc);
      const own = batchOf(header, entries);
      const other = batchOf({ ...header, previousCrc: otherCrc }, entries);
      expect(other.crc).not.toBe(own.crc);
      const body = own.buffer.subarray(BATCH_HEADER_BYTES);
      const mixed = Buffer.concat([other.buffer.subarray(0, BATCH_HEADER_BYTES), body]);
      const read = readBatchHeader(mixed, 0) as BatchHeader;
      // The header names its predecessor, so a body under another header is no match either way.
      expect(isWholeBatch(mixed, 0, { ...read, previousCrc: header.previousCrc })).toBe(false);
    }),
  );
});

test('batches that differ in their header only have different CRCs', () => {
  fc.assert(
    fc.property(given, given, bodies, (header, other, entries) => {
      const { previousCrc } = header;
      fc.pre(header.firstSequence !== other.firstSequence);
      const crc = batchOf({ ...other, previousCrc }, entries).crc;
      expect(crc).not.toBe(batchOf(header, entries).crc);
    }),
  );
});

test('a batch that the buffer holds only a part of is not whole', () => {
  const { buffer } = batchOf(
    {
      incarnation: 1,
      epoch: 1,
      segment: 1,
      firstSequence: 1,
      syncedSequence: 0,
      previousCrc: 0,
      writtenMs: 1,
    },
    [Buffer.alloc(100, 7)],
  );
  const header = readBatchHeader(buffer, 0) as BatchHeader;
  for (let bytes = BATCH_HEADER_BYTES; bytes < buffer.length; bytes++) {
    expect(isWholeBatch(buffer.subarray(0, bytes), 0, header)).toBe(false);
  }
  for (let bytes = 0; bytes < BATCH_HEADER_BYTES; bytes++) {
    expect(readBatchHeader(buffer.subarray(0, bytes), 0)).toBeUndefined();
  }
});

describe('a batch holds no sector of zeros', () => {
  const run = fc.record({ at: fc.nat({ max: 2000 }), zeros: fc.nat({ max: 1100 }) });

  test('512 zero bytes in a row are refused and fewer are not, wherever they stand', () => {
    fc.assert(
      fc.property(fc.array(run, { maxLength: 3 }), fc.integer({ min: 1, max: 2500 }), (runs, n) => {
        const buffer = Buffer.alloc(n, 1);
        for (const { at, zeros } of runs) buffer.fill(0, Math.min(at, n), Math.min(at + zeros, n));
        const refused = longestZeros(buffer) >= SECTOR_BYTES;
        const check = () => assertNoZeroSector(buffer, n);
        if (refused) expect(check).toThrow('no sector of zeros');
        else expect(check).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  test('what lies behind the batch in its buffer does not count', () => {
    const buffer = Buffer.concat([Buffer.alloc(700, 1), Buffer.alloc(4096)]);
    expect(() => assertNoZeroSector(buffer, 700)).not.toThrow();
    expect(() => assertNoZeroSector(buffer, 700 + SECTOR_BYTES - 1)).not.toThrow();
    expect(() => assertNoZeroSector(buffer, 700 + SECTOR_BYTES)).toThrow();
  });
});

test('isZero looks at its range and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (bytes, a, b) => {
      const buffer = Buffer.from(bytes);
      const [start, end] = [Math.min(a, b, buffer.length), Math.min(Math.max(a, b), buffer.length)];
      expect(isZero(buffer, start, end)).toBe([...buffer.subarray(start, end)].every((x) => !x));
    }),
  );
});

function longestZeros(buffer: Buffer): number {
  let longest = 0;
  let current = 0;
  for (const byte of buffer) {
    current = byte === 0 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}
