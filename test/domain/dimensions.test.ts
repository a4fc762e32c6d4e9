import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dimensionsText,
  matches,
  matchText,
  NO_DIMENSIONS,
  toMatch,
  valuesOf,
} from '../../src/domain/metering/dimensions.js';
import { labels } from './given.js';

/** Keys and values hold no control characters: the door refuses them. */
const label = fc.stringMatching(/^[ -~äöü€]{0,8}$/);
const record = fc.dictionary(label, label, { maxKeys: 6 });

function shuffled(given: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(given).reverse());
}

describe('the text of labels', () => {
  test.each<[record: Record<string, string>, text: string]>([
    [{}, ''],
    [{ tool: 'search' }, 'tool\u0002search'],
    [{ tool: 'search', model: 'small' }, 'model\u0002small\u0001tool\u0002search'],
    [{ b: '', a: '' }, 'a\u0002\u0001b\u0002'],
    [{ b: '1', B: '2', a: '3' }, 'B\u00022\u0001a\u00023\u0001b\u00021'],
  ])('%o is sorted by key', (record, text) => {
    expect(dimensionsText(labels(record))).toBe(text);
  });

  test('does not depend on their order', () => {
    fc.assert(
      fc.property(record, (record) => {
        expect(dimensionsText(shuffled(record))).toBe(dimensionsText(labels(record)));
      }),
    );
  });

  test('differs where the labels differ', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        const [left, right] = [Object.entries(a), Object.entries(b)].map((entries) =>
          JSON.stringify(entries.sort(([x], [y]) => (x < y ? -1 : 1))),
        );
        expect(dimensionsText(labels(a)) === dimensionsText(labels(b))).toBe(left === right);
      }),
    );
  });

  test('tells a label with an empty value from no label', () => {
    expect(dimensionsText(labels({ tool: '' }))).not.toBe(dimensionsText(NO_DIMENSIONS));
  });

  test('is the text of the match that asks for exactly these labels', () => {
    fc.assert(
      fc.property(record, (record) => {
        expect(matchText(toMatch(record))).toBe(dimensionsText(labels(record)));
      }),
    );
  });
});

describe('a match', () => {
  test.each<[match: Record<string, string>, given: Record<string, string>, matches: boolean]>([
    [{}, {}, true],
    [{}, { tool: 'search' }, true],
    [{ tool: 'search' }, { tool: 'search' }, true],
    [{ tool: 'search' }, { tool: 'search', model: 'small' }, true],
    [{ tool: 'search', model: 'small' }, { tool: 'search' }, false],
    [{ tool: 'search' }, { tool: 'Search' }, false],
    [{ tool: 'search' }, {}, false],
    [{ tool: '' }, {}, false],
  ])('%o meets labels %o: %s', (match, given, expected) => {
    expect(matches(toMatch(match), labels(given))).toBe(expected);
  });

  test('is sorted by key, whatever the order of its record', () => {
    expect(toMatch({ tool: 'a', model: 'b', Zone: 'c' })).toEqual([
      ['Zone', 'c'],
      ['model', 'b'],
      ['tool', 'a'],
    ]);
  });
});

describe('the values of scope keys', () => {
  test.each<[keys: readonly string[], text: string]>([
    [[], ''],
    [['run'], 'r1'],
    [['missing'], ''],
    [['run', 'tool'], 'r1\u0001search'],
    [['tool', 'run'], 'search\u0001r1'],
    [['missing', 'run'], '\u0001r1'],
  ])('%j stand in the order of the keys, a missing one as ""', (keys, text) => {
    expect(valuesOf(keys, labels({ run: 'r1', tool: 'search' }))).toBe(text);
  });
});
