// One bad catalogue per rule of a quota, and what is said about it, word for word.

import { expect, test } from 'vitest';
import { catalogueYaml, problemsOf, type Row, rowProblem } from './given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const LENGTH = 'must be a length such as 3600s, 90m, 5h or 30d';
const LABEL = 'must be 1 to 64 characters, none of them a control character';
const VALUE = 'must be 1 to 256 characters, none of them a control character';

const quota = (fields: string) => ({
  plans: `[{id: free, quotas: [{key: q, meter: tokens, ${fields}}]}]`,
});
const quotas = (items: string) => ({ plans: `[{id: free, quotas: [${items}]}]` });

const WINDOWS =
  'must be one of CALENDAR_HOUR, CALENDAR_DAY, CALENDAR_MONTH, CALENDAR_YEAR, ' +
  'SUBSCRIPTION_PERIOD, FIXED_FROM_FIRST_USE, LIFETIME';

const rows: readonly Row[] = [
  ['no key', quotas('{meter: tokens}'), 'plans[0].quotas[0].key', undefined, 'is required'],
  [
    'an unknown meter',
    quotas('{key: q, meter: token}'),
    'plans[0].quotas[0].meter',
    'token',
    'no such meter; did you mean "tokens"?',
  ],
  ['a negative limit', quota('limit: -1'), 'plans[0].quotas[0].limit', '-1', DECIMAL],
  ['a limit with an exponent', quota('limit: 1e6'), 'plans[0].quotas[0].limit', '1e6', DECIMAL],
  [
    'a limit with separators',
    quota('limit: "10,000"'),
    'plans[0].quotas[0].limit',
    '10,000',
    DECIMAL,
  ],
  ['an infinite limit', quota('limit: .inf'), 'plans[0].quotas[0].limit', '.inf', DECIMAL],
  [
    'a limit finer than its meter',
    quota('limit: 0.5'),
    'plans[0].quotas[0].limit',
    '0.5',
    'has more decimals than the meter tokens keeps (0)',
  ],
  [
    'an endless limit',
    quota(`limit: ${'9'.repeat(65)}`),
    'plans[0].quotas[0].limit',
    '9'.repeat(65),
    'has too many digits',
  ],
  ['an unknown window', quota('window: SLIDING'), 'plans[0].quotas[0].window', 'SLIDING', WINDOWS],
  [
    'a window without its length',
    quota('window: FIXED_FROM_FIRST_USE'),
    'plans[0].quotas[0].window_length',
    undefined,
    'is required for FIXED_FROM_FIRST_USE',
  ],
  [
    'a length without its window',
    quota('window_length: 5h'),
    'plans[0].quotas[0].window_length',
    '5h',
    'belongs to FIXED_FROM_FIRST_USE only',
  ],
  [
    'a length without a unit',
    quota('window: FIXED_FROM_FIRST_USE, window_length: 5'),
    'plans[0].quotas[0].window_length',
    '5',
    LENGTH,
  ],
  [
    'a length of nothing',
    quota('window: FIXED_FROM_FIRST_USE, window_length: 0h'),
    'plans[0].quotas[0].window_length',
    '0h',
    LENGTH,
  ],
  [
    'an unknown mode',
    quota('mode: STRICT'),
    'plans[0].quotas[0].mode',
    'STRICT',
    'must be one of HARD, SOFT, SHADOW',
  ],
  [
    'a threshold of 0',
    quota('thresholds: [0]'),
    'plans[0].quotas[0].thresholds[0]',
    '0',
    'must be a whole number from 1 to 100',
  ],
  [
    'a threshold with decimals',
    quota('thresholds: [80, 99.5]'),
    'plans[0].quotas[0].thresholds[1]',
    '99.5',
    'must be a whole number from 1 to 100',
  ],
  [
    'a threshold twice',
    quota('thresholds: [80, 80]'),
    'plans[0].quotas[0].thresholds',
    undefined,
    'must not name an item twice',
  ],
  [
    'a scope that is no list',
    quota('scope: run'),
    'plans[0].quotas[0].scope',
    'run',
    'must be a list',
  ],
  [
    'a match that is no mapping',
    quota('match: tool'),
    'plans[0].quotas[0].match',
    'tool',
    'must be a mapping',
  ],
  [
    'a match on a long key',
    quota(`match: {${'k'.repeat(65)}: v}`),
    `plans[0].quotas[0].match.${'k'.repeat(65)}`,
    'v',
    LABEL,
  ],
  [
    'a match on a control character',
    quota('match: {tool: "a\\u0001"}'),
    'plans[0].quotas[0].match.tool',
    'a\u0001',
    VALUE,
  ],
  ['a match on nothing', quota('match: {tool: }'), 'plans[0].quotas[0].match.tool', '', VALUE],
  [
    'an unknown field',
    quota('limits: 5'),
    'plans[0].quotas[0].limits',
    '5',
    'unknown key; did you mean "limit"?',
  ],
  [
    'a key twice',
    quotas('{key: q, meter: tokens}, {key: q, meter: tokens, scope: [run]}'),
    'plans[0].quotas[1].key',
    'q',
    'this key is already that of catalogue.plans[0].quotas[0]',
  ],
  [
    'two rules that count the same',
    quotas(
      '{key: a, meter: tokens, scope: [run, user], match: {x: 1, y: 2}},' +
        '{key: b, meter: tokens, scope: [user, run], match: {y: 2, x: 1}}',
    ),
    'plans[0].quotas[1]',
    undefined,
    'counts the same as catalogue.plans[0].quotas[0]: meter, match, scope and window are equal',
  ],
  [
    'two defaults that count the same',
    { default_quotas: '[{key: a, meter: tokens}, {key: b, meter: tokens}]' },
    'default_quotas[1]',
    undefined,
    'counts the same as catalogue.default_quotas[0]: meter, match, scope and window are equal',
  ],
];

test.each(rows)('a quota: %s', (_, sections, at, value, rule) => {
  const problem = rowProblem(at, value, rule);
  expect(problemsOf({ yaml: catalogueYaml(sections) })).toEqual([problem]);
});
