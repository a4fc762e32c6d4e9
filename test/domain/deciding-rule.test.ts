import { describe, expect, test } from 'vitest';
import {
  decide,
  type Reason,
  type RuleState,
  resetMs,
  thresholdsAt,
} from '../../src/domain/quota/decide.js';
import type { Mode } from '../../src/domain/quota/rule.js';
import { givenRule, givenState } from './given.js';

/** A rule of 100 by the name, mode, what is used, and when it resets. */
type Spec = readonly [
  key: string,
  mode: Mode,
  used: bigint,
  windowEndMs?: number | undefined,
  limit?: bigint | 'unlimited',
];

function stateOf([key, mode, used, windowEndMs, limit]: Spec): RuleState {
  const bound = limit === 'unlimited' ? undefined : (limit ?? 100n);
  return givenState({ key, mode, limit: bound }, { used, windowEndMs });
}

describe('the deciding rule', () => {
  test.each<[what: string, specs: readonly Spec[], order: string, reason: Reason]>([
    ['no rule at all', [], '', 'QUOTA_NOT_CONFIGURED'],
    ['one that fits', [['a', 'HARD', 5n]], 'a', 'WITHIN_LIMIT'],
    ['one without a limit', [['a', 'HARD', 5n, 1, 'unlimited']], 'a', 'UNLIMITED'],
    [
      'the failing HARD rule, not the fuller one that fits',
      [
        ['fits', 'HARD', 999n, 9, 1000n],
        ['fails', 'HARD', 100n, 1],
      ],
      'fails fits',
      'HARD_LIMIT_EXCEEDED',
    ],
    [
      'of two failing HARD rules the one with the latest reset',
      [
        ['hour', 'HARD', 100n, 1],
        ['month', 'HARD', 100n, 3],
        ['day', 'HARD', 500n, 2],
      ],
      'month hour day',
      'HARD_LIMIT_EXCEEDED',
    ],
    [
      'a failing HARD rule that never resets before one that does',
      [
        ['month', 'HARD', 100n, 3],
        ['lifetime', 'HARD', 100n, undefined],
      ],
      'lifetime month',
      'HARD_LIMIT_EXCEEDED',
    ],
    [
      'a failing HARD rule before a failing SOFT one',
      [
        ['soft', 'SOFT', 100n, 9],
        ['hard', 'HARD', 100n, 1],
      ],
      'hard soft',
      'HARD_LIMIT_EXCEEDED',
    ],
    [
      'a failing SOFT rule before HARD ones that fit',
      [
        ['hard', 'HARD', 99n, 1],
        ['soft', 'SOFT', 100n, 1],
      ],
      'soft hard',
      'SOFT_LIMIT_EXCEEDED',
    ],
    [
      'of rules that fit the one with least remaining, SOFT or HARD',
      [
        ['hard', 'HARD', 50n, 9],
        ['soft', 'SOFT', 70n, 1],
        ['wide', 'HARD', 900n, 9, 1000n],
      ],
      'soft hard wide',
      'WITHIN_LIMIT',
    ],
    [
      'of rules that fit a limited one before an unlimited one',
      [
        ['free', 'HARD', 0n, 9, 'unlimited'],
        ['bound', 'HARD', 0n, 1],
      ],
      'bound free',
      'WITHIN_LIMIT',
    ],
    [
      'a limited rule before an unlimited one that follows it',
      [
        ['bound', 'HARD', 0n, 1],
        ['free', 'HARD', 0n, 9, 'unlimited'],
      ],
      'bound free',
      'WITHIN_LIMIT',
    ],
    [
      'the first of equals',
      [
        ['one', 'HARD', 50n, 1],
        ['two', 'HARD', 50n, 1],
      ],
      'one two',
      'WITHIN_LIMIT',
    ],
    [
      'never a SHADOW rule, though it fails and a HARD one fits',
      [
        ['shadow', 'SHADOW', 100n, 9],
        ['hard', 'HARD', 50n, 1],
      ],
      'hard shadow',
      'WITHIN_LIMIT',
    ],
    ['no SHADOW rule, were it the only one', [['s', 'SHADOW', 100n]], 's', 'UNLIMITED'],
    [
      'all three modes failing',
      [
        ['shadow', 'SHADOW', 100n, 9],
        ['soft', 'SOFT', 100n, 9],
        ['hard', 'HARD', 100n, 1],
      ],
      'hard shadow soft',
      'HARD_LIMIT_EXCEEDED',
    ],
  ])('%s', (_, specs, order, reason) => {
    const decision = decide(specs.map(stateOf));
    expect(decision.states.map(({ rule }) => rule.key).join(' ')).toBe(order);
    expect(decision.reason).toBe(reason);
    expect(decision.allowed).toBe(reason !== 'HARD_LIMIT_EXCEEDED');
  });

  test('may be one whose window nothing has opened: waiting for it does not help', () => {
    const month = givenState({ key: 'month' }, { used: 100n });
    const given = { requested: 101n, windowEndMs: 1 };
    const opened = givenState({ key: 'opened' }, { ...given, opened: true });
    const unopened = givenState({ key: 'unopened' }, { ...given, opened: false });
    expect([opened, unopened].map(resetMs)).toEqual([1, undefined]);
    expect(decide([month, opened]).states[0]).toBe(month);
    expect(decide([month, unopened]).states[0]).toBe(unopened);
  });

  test('with the least remaining counts what is reserved', () => {
    const held = givenState({ key: 'held' }, { used: 10n, reserved: 80n });
    const used = givenState({ key: 'used' }, { used: 50n });
    expect(decide([used, held]).states[0]).toBe(held);
  });
});

describe('the thresholds of a rule', () => {
  test.each<[limit: bigint | undefined, used: bigint, crossed: readonly number[]]>([
    [100n, 0n, []],
    [100n, 79n, []],
    [100n, 80n, [80]],
    [100n, 94n, [80]],
    [100n, 95n, [80, 95]],
    [100n, 1000n, [80, 95]],
    [1_000_000n, 799_999n, []],
    [1_000_000n, 800_000n, [80]],
    [3n, 2n, []],
    [3n, 3n, [80, 95]],
    [0n, 0n, []],
    [0n, 1n, [80, 95]],
    [undefined, 1000n, []],
  ])('of 80 and 95 per cent of %s, with %s used, are reached: %j', (limit, used, crossed) => {
    expect(thresholdsAt(givenRule({ limit }), used)).toEqual(crossed);
  });

  test('are none where the rule names none', () => {
    expect(thresholdsAt(givenRule({ thresholds: [] }), 100n)).toEqual([]);
  });

  test('may be 100 per cent: the limit itself', () => {
    const rule = givenRule({ thresholds: [50, 100] });
    expect([99n, 100n].map((used) => thresholdsAt(rule, used))).toEqual([[50], [50, 100]]);
  });
});
