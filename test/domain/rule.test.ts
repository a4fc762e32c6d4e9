import { describe, expect, test } from 'vitest';
import { countedOf, windowsOf } from '../../src/domain/quota/counted.js';
import {
  combinationOf,
  effectiveRules,
  type Rule,
  WINDOW_KINDS,
  type WindowKind,
  windowAt,
} from '../../src/domain/quota/rule.js';
import { givenRule, utc } from './given.js';

const HOUR_MS = 3_600_000;

function keys(layers: readonly (readonly Rule[])[], replaced: readonly string[] = []): string[] {
  return effectiveRules(layers, new Set(replaced)).map(({ key }) => key);
}

describe('precedence', () => {
  const override = givenRule({ key: 'override', source: 'OVERRIDE' });
  const plan = givenRule({ key: 'plan', source: 'PLAN' });
  const fallback = givenRule({ key: 'default', source: 'DEFAULT' });

  test.each<[what: string, layers: readonly (readonly Rule[])[], left: string[]]>([
    ['no rule', [[], [], []], []],
    ['an override beats plan and default', [[override], [plan], [fallback]], ['override']],
    ['the plan beats the default', [[], [plan], [fallback]], ['plan']],
    ['the default holds where nothing else does', [[], [], [fallback]], ['default']],
  ])('%s', (_, layers, left) => {
    expect(keys(layers)).toEqual(left);
  });

  test.each<[what: string, other: Partial<Rule>]>([
    ['meter', { meter: 'executions' }],
    ['match', { match: [['tool', 'gpu_exec']] }],
    ['scope', { scope: ['run'] }],
    ['window', { window: 'CALENDAR_DAY' }],
    ['window length', { window: 'FIXED_FROM_FIRST_USE', windowLengthMs: HOUR_MS }],
  ])('holds within an equal %s only: another one stands beside it', (_, other) => {
    const layers = [[{ ...override, ...givenRule({ ...override, ...other }) }], [plan]];
    expect(keys(layers)).toEqual(['override', 'plan']);
  });

  test.each<[what: string, other: Partial<Rule>]>([
    ['limit', { limit: 7n }],
    ['mode', { mode: 'SOFT' }],
    ['thresholds', { thresholds: [] }],
  ])('does not look at the %s', (_, other) => {
    expect(keys([[givenRule({ ...override, ...other })], [plan]])).toEqual(['override']);
  });

  test('an override that names a rule stands in for it, whatever its window', () => {
    const yearly = givenRule({ ...override, window: 'CALENDAR_YEAR' });
    expect(keys([[yearly], [plan], [fallback]], ['plan'])).toEqual(['override', 'default']);
    expect(keys([[yearly], [], [fallback]], ['default'])).toEqual(['override']);
  });

  test('an override is not itself replaced by the name it gives', () => {
    const same = givenRule({ key: 'plan', source: 'OVERRIDE', window: 'CALENDAR_YEAR' });
    const left = effectiveRules([[same], [plan]], new Set(['plan']));
    expect(left.map(({ source }) => source)).toEqual(['OVERRIDE']);
  });
});

describe('a combination', () => {
  test('is shared by rules that count the same, whatever key, source, limit and mode', () => {
    const free = givenRule({ key: 'free', source: 'PLAN', limit: 100n });
    const team = givenRule({ key: 'team', source: 'OVERRIDE', limit: undefined, mode: 'SOFT' });
    expect(combinationOf(free)).toBe(combinationOf(team));
  });

  test('is another one for every window, length, scope and match', () => {
    const rules: readonly Partial<Rule>[] = [
      ...WINDOW_KINDS.map((window) => ({ window })),
      { window: 'FIXED_FROM_FIRST_USE', windowLengthMs: HOUR_MS },
      { window: 'FIXED_FROM_FIRST_USE', windowLengthMs: 2 * HOUR_MS },
      { scope: ['run'] },
      { scope: ['run', 'tool'] },
      { scope: ['runtool'] },
      { match: [['run', 'tool']] },
      { match: [['tool', 'a']] },
      { match: [['tool', 'b']] },
      { match: [['tool', 'a']], scope: ['run'] },
      { match: [['model', 'a']] },
      {
        match: [
          ['model', 'a'],
          ['tool', 'a'],
        ],
      },
    ];
    const combinations = rules.map((rule) => givenRule(rule).combination);
    expect(new Set(combinations).size).toBe(rules.length);
  });
});

describe('a window', () => {
  const at = utc('2026-11-20T14:37:05.250Z');

  test.each<[kind: WindowKind, start: string, end: string | undefined]>([
    ['CALENDAR_HOUR', '2026-11-20T14:00:00.000Z', '2026-11-20T15:00:00.000Z'],
    ['CALENDAR_DAY', '2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.000Z'],
    ['CALENDAR_MONTH', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['CALENDAR_YEAR', '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['SUBSCRIPTION_PERIOD', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['LIFETIME', '1970-01-01T00:00:00.000Z', undefined],
    ['FIXED_FROM_FIRST_USE', '1970-01-01T00:00:00.000Z', undefined],
  ])('%s begins at %s and ends at %s', (kind, start, end) => {
    const { startMs, endMs } = windowAt(kind, at, 'UTC');
    expect(new Date(startMs).toISOString()).toBe(start);
    expect(endMs === undefined ? undefined : new Date(endMs).toISOString()).toBe(end);
  });

  test('follows the zone of the organisation', () => {
    const { startMs, endMs } = windowAt('CALENDAR_DAY', at, 'America/New_York');
    expect([startMs, endMs]).toEqual([utc('2026-11-20T05:00:00Z'), utc('2026-11-21T05:00:00Z')]);
  });
});

describe('what is counted', () => {
  test('is every combination once, with the first rule that names it', () => {
    const rules = [
      givenRule({ key: 'free' }),
      givenRule({ key: 'team', limit: 5000n }),
      givenRule({ key: 'daily', window: 'CALENDAR_DAY' }),
      givenRule({ key: 'per run', scope: ['run'] }),
    ];
    const counted = countedOf(rules, windowsOf('UTC'));
    expect(counted.map(({ rule }) => rule.key)).toEqual(['free', 'daily', 'per run']);
    expect(counted.map(({ combination }) => combination)).toEqual(
      ['free', 'daily', 'per run'].map((key) => rules.find((r) => r.key === key)?.combination),
    );
  });

  test.each(WINDOW_KINDS)(
    'remembers the last window of %s and answers as if it did not',
    (window) => {
      const [counted] = countedOf([givenRule({ window })], windowsOf('UTC'));
      const hour = utc('2026-11-30T23:00:00Z');
      const times = [0, 1, HOUR_MS - 1, HOUR_MS, -1, 40 * 24 * HOUR_MS, 0, HOUR_MS].map(
        (d) => hour + d,
      );
      const answers = times.map((timeMs) => counted?.windowAt(timeMs));
      expect(answers).toEqual(times.map((timeMs) => windowAt(window, timeMs, 'UTC')));
    },
  );
});
