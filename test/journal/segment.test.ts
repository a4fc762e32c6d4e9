import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { realFiles } from '../../src/journal/files.js';
import {
  encodeTrailer,
  makeSegment,
  readSegmentHeader,
  readTrailer,
  SEGMENT_HEADER_BYTES,
  type SegmentSource,
  seek,
  segmentHeader,
  segmentName,
  segmentNumber,
  type Trailer,
} from '../../src/journal/segment.js';
import { type FileCall, interceptFiles, systemError } from '../support/fault-files.js';
import { journalFolder } from '../support/fault-journal.js';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';

const trailers: fc.Arbitrary<Trailer> = fc
  .record({
    lastSequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    lastCrc: fc.nat({ max: 0xffff_ffff }),
    endOffset: fc.nat({ max: 0xffff_ffff }),
    places: fc.array(fc.tuple(fc.nat({ max: 2 ** 50 }), fc.nat({ max: 0xffff_ffff })), {
      maxLength: 40,
    }),
  })
  .map(({ places, ...trailer }) => ({
    ...trailer,
    directory: {
      sequences: places.map(([sequence]) => sequence),
      offsets: places.map(([, offset]) => offset),
    },
  }));

function sourceOf(bytes: Buffer): SegmentSource {
  return {
    readSync: (buffer, position) => bytes.copy(buffer, 0, position),
    bytes: () => bytes.length,
    close: () => {},
  };
}

test('a trailer at the end of a segment is read back as it was written', () => {
  fc.assert(
    fc.property(trailers, fc.nat({ max: 3000 }), (trailer, batchBytes) => {
      const front = Buffer.alloc(SEGMENT_HEADER_BYTES + batchBytes, 1);
      const source = sourceOf(Buffer.concat([front, encodeTrailer(trailer)]));
      expect(readTrailer(source)).toEqual(trailer);
    }),
  );
});

test('a trailer that was cut, grown or changed by one bit is no trailer', () => {
  fc.assert(
    fc.property(trailers, fc.nat(), fc.nat(), (trailer, place, cut) => {
      const front = Buffer.alloc(SEGMENT_HEADER_BYTES, 1);
      const bytes = encodeTrailer(trailer);
      const flipped = Buffer.from(bytes);
      const bit = place % (bytes.length * 8);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const shorter = bytes.subarray(0, cut % bytes.length);
      const longer = Buffer.concat([bytes, Buffer.alloc(1 + (cut % 5000))]);
      for (const changed of [flipped, shorter, longer]) {
        expect(readTrailer(sourceOf(Buffer.concat([front, changed])))).toBeUndefined();
      }
    }),
  );
});

test('seek gives the last listed batch that begins at or before a sequence', () => {
  const ascending = fc.uniqueArray(fc.nat({ max: 500 }), { maxLength: 20 });
  fc.assert(
    fc.property(ascending, fc.nat({ max: 510 }), (given, sequence) => {
      const sequences = [...given].sort((a, b) => a - b);
      const offsets = sequences.map((each) => 10_000 + each);
      const earlier = sequences.filter((each) => each <= sequence);
      const expected = earlier.length === 0 ? SEGMENT_HEADER_BYTES : 10_000 + Math.max(...earlier);
      expect(seek({ sequences, offsets }, sequence)).toBe(expected);
    }),
  );
});

test('a header names its segment and its journal, and every flipped bit of it is found', () => {
  const header = segmentHeader(42, UUID);
  expect(readSegmentHeader(header)).toEqual({ number: 42, uuid: UUID });
  for (let bit = 0; bit < 68 * 8; bit++) {
    const copy = Buffer.from(header);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(readSegmentHeader(copy), `bit ${bit}`).toBeUndefined();
  }
  expect(readSegmentHeader(header.subarray(0, SEGMENT_HEADER_BYTES - 1))).toBeUndefined();
});

test.each([
  ['00000001.seg', 1],
  ['00000001.segz', 1],
  ['12345678.seg', 12_345_678],
  ['00000001.seg.tmp', undefined],
  ['00000001.segz.tmp', undefined],
  ['1.seg', undefined],
  ['identity.json', undefined],
])('%s stands for segment %s', (name, number) => {
  expect(segmentNumber(name)).toBe(number);
});

test('a new segment is zeros behind its header, and in place only once it is durable', async () => {
  const directory = journalFolder();
  const calls: FileCall['name'][] = [];
  const files = interceptFiles({
    before: ({ name }) => {
      calls.push(name);
    },
    write({ land }) {
      calls.push('writeSync');
      land();
    },
  });
  await makeSegment({ files, directory, number: 7, uuid: UUID, bytes: 3_000_000 });
  const bytes = readFileSync(join(directory, segmentName(7)));
  expect(bytes.length).toBe(3_000_000);
  expect(readSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES))?.number).toBe(7);
  expect(bytes.subarray(SEGMENT_HEADER_BYTES).every((byte) => byte === 0)).toBe(true);
  // Slices of zeros, each durable before the next, the header, the name, then the directory.
  expect(calls).toEqual([
    'open',
    ...(['writeSync', 'sync', 'writeSync', 'sync'] as const),
    ...(['writeSync', 'writeSync', 'sync'] as const),
    'rename',
    'syncDirectory',
  ]);
});

test('a segment that could not be made leaves nothing behind', async () => {
  for (let failing = 0; failing < 4; failing++) {
    const directory = journalFolder();
    let writes = 0;
    const files = interceptFiles({
      write({ land, fail }) {
        if (writes++ === failing) fail(systemError('ENOSPC'));
        else land();
      },
    });
    const making = makeSegment({ files, directory, number: 1, uuid: UUID, bytes: 3_000_000 });
    await expect(making).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(realFiles.list(directory)).toEqual([]);
  }
});
