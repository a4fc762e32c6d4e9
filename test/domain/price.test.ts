import { describe, expect, test } from 'vitest';
import { type Match, toMatch } from '../../src/domain/metering/dimensions.js';
import { inPrecedence, priceFor, ties, versionAt } from '../../src/domain/pricing/price.js';
import { type GivenVersion, givenPrice, labels, utc } from './given.js';

type Labels = Readonly<Record<string, string>>;
const ALWAYS: readonly GivenVersion[] = [{ unit: '1' }];

function priceOf(match: Labels, source: 'plan' | 'price_list', versions = ALWAYS) {
  return givenPrice(toMatch(match), versions, source);
}

function winnerOf(prices: readonly ReturnType<typeof priceOf>[], given: Labels, at = 0) {
  const price = priceFor(inPrecedence(prices), labels(given), at);
  return price && `${price.source} ${price.match.map((pair) => pair.join('=')).join(' ')}`.trim();
}

describe('the price of an event', () => {
  const prices = [
    priceOf({}, 'price_list'),
    priceOf({ model: 'large', region: 'eu' }, 'price_list'),
    priceOf({ model: 'large' }, 'plan'),
    priceOf({ model: 'tiny', region: 'eu' }, 'plan'),
    priceOf({ model: 'tiny' }, 'plan'),
    priceOf({ model: 'small' }, 'price_list'),
  ];

  test.each<[given: Labels, winner: string | undefined]>([
    [{}, 'price_list'],
    [{ model: 'other' }, 'price_list'],
    [{ model: 'large' }, 'plan model=large'],
    [{ model: 'large', region: 'eu' }, 'plan model=large'],
    [{ model: 'tiny', region: 'eu' }, 'plan model=tiny region=eu'],
    [{ model: 'tiny', region: 'us' }, 'plan model=tiny'],
    [{ model: 'small', region: 'eu' }, 'price_list model=small'],
  ])('with labels %o is that of the plan, then the one with most labels: %s', (given, winner) => {
    expect(winnerOf(prices, given)).toBe(winner);
    expect(winnerOf([...prices].reverse(), given)).toBe(winner);
  });

  test('is none where no price matches', () => {
    expect(winnerOf([priceOf({ model: 'large' }, 'plan')], { model: 'small' })).toBeUndefined();
  });

  test('is the next best one until the better one takes effect', () => {
    const later = [
      priceOf({}, 'price_list'),
      priceOf({}, 'plan', [{ unit: '1', from: '2026-11-15' }]),
    ];
    expect(winnerOf(later, {}, utc('2026-11-15') - 1)).toBe('price_list');
    expect(winnerOf(later, {}, utc('2026-11-15'))).toBe('plan');
  });
});

describe('the version of a price', () => {
  const price = priceOf({}, 'plan', [
    { unit: '1', from: '2026-01-01' },
    { unit: '2', from: '2026-06-01' },
    { unit: '3', from: '2026-11-15T12:00:00Z' },
  ]);

  test.each<[at: string, version: number | undefined]>([
    ['2025-12-31T23:59:59.999Z', undefined],
    ['2026-01-01', 0],
    ['2026-05-31T23:59:59.999Z', 0],
    ['2026-06-01', 1],
    ['2026-11-15T11:59:59.999Z', 1],
    ['2026-11-15T12:00:00Z', 2],
    ['2036-01-01', 2],
  ])('at %s is the one in force: %s', (at, version) => {
    const expected = version === undefined ? undefined : price.versions[version];
    expect(versionAt(price, utc(at))).toBe(expected);
  });
});

describe('two prices of equal rank', () => {
  test.each<[a: Labels, b: Labels, ties: boolean]>([
    [{}, {}, false],
    [{ model: 'a' }, { model: 'a' }, false],
    [{ model: 'a' }, { model: 'b' }, false],
    [{ model: 'a' }, { region: 'eu' }, true],
    [{ model: 'a' }, {}, false],
    [{ model: 'a' }, { model: 'a', region: 'eu' }, false],
    [{ model: 'a', region: 'eu' }, { model: 'a', tier: 'x' }, true],
    [{ model: 'a', region: 'eu' }, { model: 'b', tier: 'x' }, false],
    [{ model: 'a', region: 'eu' }, { model: 'a', region: 'us' }, false],
    [{ model: 'a', region: 'eu' }, { tier: 'x', zone: 'y' }, true],
    [{ model: 'a', region: 'eu' }, { region: 'eu', model: 'a' }, false],
  ])('%o and %o tie: %s', (a, b, expected) => {
    const [left, right]: Match[] = [toMatch(a), toMatch(b)];
    expect([ties(left ?? [], right ?? []), ties(right ?? [], left ?? [])]).toEqual([
      expected,
      expected,
    ]);
  });
});
