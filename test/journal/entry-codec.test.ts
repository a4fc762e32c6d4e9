import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWriter } from '../../src/journal/bytes.js';
import type { Entry } from '../../src/journal/entry.js';
import { decodeEntry, encodeEntry } from '../../src/journal/entry-codec.js';
import { anyEntry, entryKinds } from '../support/fault-entries.js';

const KIND_AT = 0;
const VERSION_AT = 1;

function bytesOf(...entries: readonly Entry[]): Buffer {
  const writer = createWriter(8);
  for (const entry of entries) encodeEntry(writer, entry);
  return Buffer.from(writer.buffer.subarray(0, writer.position));
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'accepted';
}

describe('an entry is read back as it was written', () => {
  test.each(Object.entries(entryKinds))('%s', (_kind, entries) => {
    fc.assert(
      fc.property(entries, (entry) => {
        expect(decodeEntry(bytesOf(entry))).toEqual(entry);
      }),
    );
  });
});

test('an entry is read from its place among others', () => {
  fc.assert(
    fc.property(anyEntry, anyEntry, anyEntry, (before, entry, after) => {
      const start = bytesOf(before).length;
      const end = start + bytesOf(entry).length;
      expect(decodeEntry(bytesOf(before, entry, after), start, end)).toEqual(entry);
    }),
  );
});

test('the same entry has the same bytes', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      expect(bytesOf(entry).equals(bytesOf(structuredClone(entry)))).toBe(true);
    }),
  );
});

test('an entry that ends early is refused at every cut', () => {
  fc.assert(
    fc.property(anyEntry, fc.nat(), (entry, cut) => {
      const bytes = bytesOf(entry);
      const end = cut % bytes.length;
      expect(codeOf(() => decodeEntry(bytes, 0, end))).toBe('ENTRY_TRUNCATED');
    }),
  );
});

describe('what a newer version wrote is refused, never skipped', () => {
  const KNOWN = new Set([1, 2, 3, 6, 7, 8, 9, 10, 11, 13]);
  const kinds = Array.from({ length: 256 }, (_, kind) => kind).filter((kind) => !KNOWN.has(kind));
  const denials: Entry = {
    kind: 'denials',
    atMs: 1,
    orgId: 'acme',
    ruleKey: 'run_units',
    shadow: false,
    sinceMs: 1,
    count: 1,
  };

  test('a kind', () => {
    const bytes = bytesOf(denials);
    for (const kind of kinds) {
      bytes[KIND_AT] = kind;
      expect(
        codeOf(() => decodeEntry(bytes)),
        `kind ${kind}`,
      ).toBe('ENTRY_UNKNOWN');
    }
  });

  test.each([0, 2, 3, 255])('version %i of a kind that is known', (version) => {
    const bytes = bytesOf(denials);
    bytes[VERSION_AT] = version;
    expect(codeOf(() => decodeEntry(bytes))).toBe('ENTRY_UNKNOWN');
  });

  const AGGREGATION_CODES = 5;
  const event = fc.sample(entryKinds['record'] ?? anyEntry, { numRuns: 1, seed: 7 })[0] as Entry;
  const hold: Entry = {
    kind: 'reserve',
    atMs: 1,
    orgId: 'a',
    reservationId: 'r',
    fingerprint: 0,
    ttlMs: 1,
    items: [
      {
        meter: 'm',
        aggregation: 'SUM',
        scale: 0,
        quanta: 1n,
        requested: 1n,
        labels: [],
        counters: [],
      },
    ],
  };

  test('an aggregation of an event', () => {
    const place = differenceOf(
      { ...event, aggregation: 'SUM' } as Entry,
      { ...event, aggregation: 'MAX' } as Entry,
    );
    const bytes = bytesOf(event);
    bytes[place] = AGGREGATION_CODES;
    expect(codeOf(() => decodeEntry(bytes))).toBe('ENTRY_UNKNOWN');
  });

  test('an aggregation of a held item', () => {
    const [item] = hold.items;
    const other = { ...hold, items: [{ ...item, aggregation: 'MAX' }] } as Entry;
    const bytes = bytesOf(hold);
    bytes[differenceOf(hold, other)] = AGGREGATION_CODES;
    expect(codeOf(() => decodeEntry(bytes))).toBe('ENTRY_UNKNOWN');
  });
});

/** The first byte in which the two differ. */
function differenceOf(a: Entry, b: Entry): number {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  return left.findIndex((byte, at) => byte !== right[at]);
}
