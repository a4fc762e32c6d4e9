import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUnits } from '../../src/base/decimal.js';
import { AGGREGATIONS, type Aggregation } from '../../src/domain/metering/meter.js';
import {
  decide,
  fits,
  projected,
  type RuleState,
  remaining,
  standing,
} from '../../src/domain/quota/decide.js';
import { MODES } from '../../src/domain/quota/rule.js';
import { givenState, quanta } from './given.js';

const SCALE = 4;

interface Figures {
  readonly limit: string | undefined;
  readonly used: string;
  readonly reserved?: string;
  /** Absent: 1 quantum, the least that can be asked for. */
  readonly requested?: string;
  readonly aggregation?: Aggregation;
}

function stateOf({ limit, used, reserved, requested, aggregation }: Figures): RuleState {
  const units = (text: string) => quanta(text, SCALE);
  return givenState(
    { limit: limit === undefined ? undefined : units(limit) },
    {
      used: units(used),
      reserved: units(reserved ?? '0'),
      requested: units(requested ?? '0.0001'),
      aggregation: aggregation ?? 'SUM',
    },
  );
}

function shown(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : formatUnits(value, SCALE);
}

const amount = fc.bigInt({ min: 0n, max: 200n });
const anyState = fc
  .record({
    mode: fc.constantFrom(...MODES),
    aggregation: fc.constantFrom(...AGGREGATIONS),
    limit: fc.option(amount, { nil: undefined }),
    used: amount,
    reserved: amount,
    requested: amount,
    windowEndMs: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
    opened: fc.boolean(),
  })
  .map(({ mode, limit, ...state }) => givenState({ mode, limit }, state));
const anyStates = fc.array(anyState, { maxLength: 5 });

describe('one HARD rule on a sum', () => {
  test.each<[what: string, figures: Figures, allowed: boolean, remaining: string | undefined]>([
    ['nothing used', { limit: '100', used: '0' }, true, '100'],
    ['one below', { limit: '100', used: '99' }, true, '1'],
    ['one quantum below', { limit: '100', used: '99.9999' }, true, '0.0001'],
    ['the limit reached', { limit: '100', used: '100' }, false, '0'],
    ['the limit passed', { limit: '100', used: '100.0001' }, false, '0'],
    ['a request of 0 at the limit', { limit: '100', used: '100', requested: '0' }, false, '0'],
    ['a request of 0 below it', { limit: '100', used: '99.9999', requested: '0' }, true, '0.0001'],
    ['95 + 10', { limit: '100', used: '95', requested: '10' }, false, '5'],
    ['99 + 1', { limit: '100', used: '99', requested: '1' }, true, '1'],
    ['99 + 1.0001', { limit: '100', used: '99', requested: '1.0001' }, false, '1'],
    ['team, 4999 used', { limit: '5000', used: '4999' }, true, '1'],
    ['team, 5000 used', { limit: '5000', used: '5000' }, false, '0'],
    ['50, 55 used', { limit: '50', used: '55', requested: '1' }, false, '0'],
    ['a limit of 0', { limit: '0', used: '0' }, false, '0'],
    ['a limit of 0, asking for 0', { limit: '0', used: '0', requested: '0' }, false, '0'],
    ['2^40', { limit: '1099511627776', used: '1099511627775', requested: '1' }, true, '1'],
    ['2^40 and more', { limit: '1099511627776', used: '1099511627776' }, false, '0'],
    ['past 2^63', { limit: '9223372036854775808', used: '9223372036854775807' }, true, '1'],
    ['unlimited', { limit: undefined, used: '99999999999999999999' }, true, undefined],
    ['a hold that fits', { limit: '100', used: '60', reserved: '30', requested: '10' }, true, '10'],
    [
      'a hold in the way',
      { limit: '100', used: '60', reserved: '30', requested: '11' },
      false,
      '10',
    ],
    ['held to the limit', { limit: '100', used: '0', reserved: '100' }, false, '0'],
    ['held past it', { limit: '100', used: '60', reserved: '60' }, false, '0'],
  ])('%s: %o is allowed: %s, remaining %s', (_, figures, allowed, left) => {
    const state = stateOf(figures);
    expect([decide([state]).allowed, fits(state)]).toEqual([allowed, allowed]);
    expect(shown(remaining(state))).toBe(left);
  });

  test('that bounds 50, with 55 used and 1 asked for, projects 56', () => {
    const state = stateOf({ limit: '50', used: '55', requested: '1' });
    expect(decide([state]).reason).toBe('HARD_LIMIT_EXCEEDED');
    expect(shown(projected(state, 'requested'))).toBe('56');
  });

  test.each<[asked: string, limit: string]>([
    ['0.1', '100'],
    ['0.0001', '0.1'],
  ])('lets exactly 1000 events of %s through a limit of %s', (asked, limit) => {
    let used = 0n;
    let events = 0;
    for (; events <= 1000; events++) {
      const state = stateOf({ limit, used: formatUnits(used, SCALE), requested: asked });
      if (!decide([state]).allowed) break;
      used += state.requested;
    }
    expect([events, formatUnits(used, SCALE)]).toEqual([1000, limit]);
  });
});

describe('one HARD rule on another aggregation', () => {
  test.each<[aggregation: Aggregation, figures: Figures, allowed: boolean, projected: string]>([
    ['COUNT', { limit: '10', used: '9', requested: '1' }, true, '10'],
    ['COUNT', { limit: '10', used: '10', requested: '1' }, false, '11'],
    ['UNIQUE', { limit: '10', used: '9', requested: '1' }, true, '10'],
    ['UNIQUE', { limit: '10', used: '10', requested: '1' }, false, '11'],
    ['UNIQUE', { limit: '10', used: '10', requested: '0' }, true, '10'],
    ['UNIQUE', { limit: '10', used: '9', reserved: '1', requested: '1' }, false, '11'],
    ['UNIQUE', { limit: '0', used: '0', requested: '1' }, false, '1'],
    ['LAST', { limit: '3', used: '2', requested: '1' }, true, '3'],
    ['LAST', { limit: '3', used: '3', requested: '1' }, false, '4'],
    ['LAST', { limit: '3', used: '3', requested: '0' }, true, '3'],
    ['LAST', { limit: '3', used: '2', reserved: '1', requested: '1' }, false, '4'],
    ['LAST', { limit: '0', used: '0', requested: '0' }, true, '0'],
    ['MAX', { limit: '10', used: '7', requested: '10' }, true, '10'],
    ['MAX', { limit: '10', used: '7', requested: '10.0001' }, false, '10.0001'],
    ['MAX', { limit: '10', used: '7', requested: '5' }, true, '7'],
    ['MAX', { limit: '10', used: '12', requested: '5' }, true, '12'],
    ['MAX', { limit: '0', used: '0', requested: '0.0001' }, false, '0.0001'],
  ])('%s with %o is allowed: %s, projected %s', (aggregation, figures, allowed, expected) => {
    const state = stateOf({ ...figures, aggregation });
    expect(decide([state]).allowed).toBe(allowed);
    expect(shown(projected(state, 'requested'))).toBe(expected);
  });

  test.each<[aggregation: Aggregation, remaining: string]>([
    ['SUM', '10'],
    ['COUNT', '10'],
    ['UNIQUE', '10'],
    ['LAST', '10'],
    ['MAX', '40'],
  ])('a hold of 30 on %s, with 60 of 100 used, leaves %s', (aggregation, left) => {
    const state = stateOf({ limit: '100', used: '60', reserved: '30', aggregation });
    expect(shown(remaining(state))).toBe(left);
  });

  test('a level that falls may go down to the limit', () => {
    const down = (by: bigint) =>
      givenState({ limit: 10n }, { aggregation: 'LAST', used: 12n, requested: -by });
    expect([decide([down(2n)]).allowed, decide([down(1n)]).allowed]).toEqual([true, false]);
  });
});

describe('where a rule stands after the fact', () => {
  test.each<[used: bigint, reason: string]>([
    [99n, 'WITHIN_LIMIT'],
    [100n, 'WITHIN_LIMIT'],
    [101n, 'HARD_LIMIT_EXCEEDED'],
  ])('%s of 100 used is %s: reaching the limit does not exceed it', (used, reason) => {
    expect(
      standing([givenState({ limit: 100n }, { used, requested: 0n })], 'requested').reason,
    ).toBe(reason);
  });
});

describe('a decision', () => {
  test('is a denial if and only if some HARD rule fails', () => {
    fc.assert(
      fc.property(anyStates, (states) => {
        const fails = states.some((state) => state.rule.mode === 'HARD' && !fits(state));
        expect(decide(states).allowed).toBe(!fails);
      }),
    );
  });

  test('reports every rule once', () => {
    fc.assert(
      fc.property(anyStates, (states) => {
        const decision = decide(states);
        expect(new Set(decision.states)).toEqual(new Set(states));
        expect(decision.states.length).toBe(states.length);
      }),
    );
  });

  test('that allows a request allows a smaller one', () => {
    fc.assert(
      fc.property(anyStates, amount, (states, less) => {
        fc.pre(decide(states).allowed);
        const smaller = states.map((state) => ({
          ...state,
          requested: less < state.requested ? less : state.requested,
        }));
        expect(decide(smaller).allowed).toBe(true);
      }),
    );
  });

  test('leaves no negative remainder, and what remains fits where the rule is a sum', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const left = remaining(state);
        if (left === undefined) return;
        expect(left).toBeGreaterThanOrEqual(0n);
        if (state.aggregation !== 'SUM' || left === 0n) return;
        expect(fits({ ...state, requested: left })).toBe(true);
        expect(fits({ ...state, requested: left + 1n })).toBe(false);
      }),
    );
  });
});
