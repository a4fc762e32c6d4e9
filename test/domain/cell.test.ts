import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addEvent,
  type Cell,
  cellValue,
  emptyCell,
  isLater,
  mergeCell,
  sumLevels,
} from '../../src/domain/metering/cell.js';
import { AGGREGATIONS, type Aggregation, countsEvents } from '../../src/domain/metering/meter.js';

interface Seen {
  readonly sequence: number;
  readonly timeMs: number;
  readonly quanta: bigint;
  readonly subject: string;
  readonly hash: number;
}

const aggregation = fc.constantFrom(...AGGREGATIONS);
const seen: fc.Arbitrary<Seen> = fc.record({
  sequence: fc.integer({ min: 1, max: 1_000_000 }),
  timeMs: fc.integer({ min: 0, max: 5 }),
  quanta: fc.bigInt({ min: 0n, max: 10n ** 20n }),
  subject: fc.constantFrom('', 'a', 'b', 'c'),
  hash: fc.integer({ min: 0, max: 0xffffffff }),
});
/** Sequences are unique, as those of the journal are. */
const events = fc.uniqueArray(seen, { selector: ({ sequence }) => sequence, maxLength: 20 });

function cellOf(aggregation: Aggregation, events: readonly Seen[]): Cell {
  const cell = emptyCell();
  for (const { timeMs, sequence, hash, ...rest } of events) {
    const event = { aggregation, eventTimeMs: timeMs, ...rest };
    addEvent(cell, event, sequence, hash, 0xffffffff - hash);
  }
  return cell;
}

/** Maps as sorted lists: their order is not part of a cell. */
function shown({ levels, values, ...rest }: Cell) {
  return { ...rest, levels: [...(levels ?? [])].sort(), values: [...(values ?? [])].sort() };
}

function event(sequence: number, timeMs: number, quanta: bigint, subject = ''): Seen {
  return { sequence, timeMs, quanta, subject, hash: 0 };
}

describe('the value of a window', () => {
  test.each<[aggregation: Aggregation, value: bigint, what: string]>([
    ['SUM', 18n, 'the sum of the quantities'],
    ['COUNT', 18n, 'the sum of the ones that each event is'],
    ['MAX', 7n, 'the greatest quantity'],
    ['LAST', 9n, 'the sum over sources of their last levels'],
    ['UNIQUE', 2n, 'the number of distinct values'],
  ])('of %s is %s: %s', (aggregation, value) => {
    const cell = cellOf(aggregation, [
      event(1, 10, 5n, 'a'),
      event(2, 20, 4n, 'b'),
      event(3, 30, 7n, 'b'),
      event(4, 40, 2n, 'a'),
    ]);
    expect(cellValue(cell, aggregation)).toBe(value);
  });

  test.each(AGGREGATIONS)('without an event is 0 for %s', (aggregation) => {
    expect(cellValue(emptyCell(), aggregation)).toBe(0n);
  });

  test.each(AGGREGATIONS)('with one event of 0 is an event all the same for %s', (aggregation) => {
    const cell = cellOf(aggregation, [event(9, 1, 0n, 'a')]);
    expect([cell.count, cell.firstSequence, cell.lastSequence]).toEqual([1, 9, 9]);
    expect(cellValue(cell, aggregation)).toBe(aggregation === 'UNIQUE' ? 1n : 0n);
  });

  test('is exact beyond what a double or 64 bits hold', () => {
    const most = 2n ** 63n - 1n;
    const cell = cellOf('SUM', [event(1, 1, most), event(2, 1, most), event(3, 1, 1n)]);
    expect(cellValue(cell, 'SUM')).toBe(2n ** 64n - 1n);
  });

  test('counts two events of the same time twice', () => {
    expect(cellValue(cellOf('SUM', [event(1, 5, 3n), event(2, 5, 3n)]), 'SUM')).toBe(6n);
  });
});

describe('the last level of a source', () => {
  test.each<[name: string, events: readonly Seen[], value: bigint]>([
    ['in order', [event(1, 10, 5n), event(2, 20, 8n)], 8n],
    ['late, of an older time', [event(1, 20, 8n), event(2, 10, 5n)], 8n],
    ['of the same time, a greater sequence', [event(1, 10, 5n), event(2, 10, 3n)], 3n],
    ['of the same time, a smaller sequence', [event(2, 10, 3n), event(1, 10, 5n)], 3n],
    ['fallen to 0', [event(1, 10, 5n), event(2, 20, 0n)], 0n],
    ['late for one source of two', [event(1, 20, 8n, 'a'), event(2, 10, 5n, 'b')], 13n],
  ])('%s: the greatest time, then sequence, wins', (_, events, value) => {
    expect(cellValue(cellOf('LAST', events), 'LAST')).toBe(value);
  });

  test('is later than none, and never later than itself', () => {
    const level = { timeMs: 5, sequence: 3, quanta: 1n };
    expect([isLater(level, undefined), isLater(level, level)]).toEqual([true, false]);
  });

  test('of no source at all sums to 0', () => {
    expect([sumLevels(undefined), sumLevels(new Map())]).toEqual([0n, 0n]);
  });
});

describe('a cell', () => {
  test('of UNIQUE counts the events of each value, so that one can be taken back', () => {
    const cell = cellOf('UNIQUE', [
      event(1, 1, 1n, 'a'),
      event(2, 1, 1n, 'b'),
      event(3, 1, 1n, 'a'),
    ]);
    expect([...(cell.values ?? [])]).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  test('proves itself by event count, first and last sequence and a sum of hashes', () => {
    const cell = cellOf('SUM', [
      { ...event(7, 1, 1n), hash: 0xfffffff0 },
      { ...event(3, 2, 1n), hash: 0x20 },
    ]);
    const { count, firstSequence, lastSequence, hashLow, hashHigh } = cell;
    expect([count, firstSequence, lastSequence]).toEqual([2, 3, 7]);
    expect([hashLow >>> 0, hashHigh >>> 0]).toEqual([0x10, 0xffffffee]);
  });

  test('is the same whatever the order of its events', () => {
    fc.assert(
      fc.property(aggregation, events, fc.infiniteStream(fc.nat()), (aggregation, list, keys) => {
        const shuffled = list
          .map((event) => ({ event, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ event }) => event);
        expect(shown(cellOf(aggregation, shuffled))).toEqual(shown(cellOf(aggregation, list)));
      }),
    );
  });

  test('merged from parts in any order is the cell of all events', () => {
    const parted = fc.array(fc.tuple(seen, fc.nat({ max: 3 })), { maxLength: 20 });
    fc.assert(
      fc.property(
        aggregation,
        parted.map((list) => uniqueOf(list)),
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 }),
        (aggregation, list, order) => {
          const merged = emptyCell();
          for (const part of order) {
            const own = list.filter(([, place]) => place === part).map(([event]) => event);
            mergeCell(merged, cellOf(aggregation, own), aggregation);
          }
          const whole = cellOf(
            aggregation,
            list.map(([event]) => event),
          );
          expect(shown(merged)).toEqual(shown(whole));
          expect(cellValue(merged, aggregation)).toBe(cellValue(whole, aggregation));
        },
      ),
    );
  });

  test('merged into an empty one leaves the source as it was', () => {
    fc.assert(
      fc.property(aggregation, events, events, (aggregation, first, second) => {
        const source = cellOf(aggregation, first);
        const before = shown(source);
        const target = emptyCell();
        mergeCell(target, source, aggregation);
        const { length } = first;
        const later = second.map((event) => ({ ...event, sequence: event.sequence + 1_000_000 }));
        mergeCell(target, cellOf(aggregation, later), aggregation);
        expect(shown(source)).toEqual(before);
        expect(target.count).toBe(length + second.length);
      }),
    );
  });
});

test.each<[aggregation: Aggregation, counts: boolean]>([
  ['SUM', false],
  ['COUNT', true],
  ['MAX', false],
  ['LAST', false],
  ['UNIQUE', true],
])('%s counts events, so that a quantity means nothing: %s', (aggregation, counts) => {
  expect(countsEvents(aggregation)).toBe(counts);
});

function uniqueOf(
  list: readonly (readonly [Seen, number])[],
): readonly (readonly [Seen, number])[] {
  return [...new Map(list.map((each) => [each[0].sequence, each])).values()];
}
