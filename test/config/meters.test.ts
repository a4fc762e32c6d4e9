// One bad catalogue per rule of a meter, and what is said about it, word for word.

import { expect, test } from 'vitest';
import { catalogueYaml, problemsOf, type Row, rowProblem } from './given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const LABEL = 'must be 1 to 64 characters, none of them a control character';

const meter = (fields: string) => ({
  meters: `[{key: m, unit: u, scale: 0, aggregation: SUM${fields === '' ? '' : `, ${fields}`}}]`,
});
const meterOf = (fields: string) => ({ meters: `[{key: m, unit: u, ${fields}}]` });

const SOUND = '{key: m, unit: u, scale: 0, aggregation: SUM}';

const rows: readonly Row[] = [
  ['no meter', { meters: '' }, 'meters', '', 'must have at least one meter'],
  ['no list', { meters: '{}' }, 'meters', undefined, 'must be a list'],
  [
    'an item that is no mapping',
    { meters: '[tokens]' },
    'meters[0]',
    'tokens',
    'must be a mapping',
  ],
  [
    'no scale',
    { meters: '[{key: m, unit: u, aggregation: SUM}]' },
    'meters[0].scale',
    undefined,
    'is required',
  ],
  [
    'a list for a value',
    { meters: '[{key: [m], unit: u, scale: 0, aggregation: SUM}]' },
    'meters[0].key',
    undefined,
    'must be a single value, not a list',
  ],
  [
    'a key in capitals',
    { meters: '[{key: Tokens, unit: u, scale: 0, aggregation: SUM}]' },
    'meters[0].key',
    'Tokens',
    'must be 1 to 120 characters of a-z 0-9 _ .',
  ],
  [
    'the reserved key',
    { meters: '[{key: spend, unit: u, scale: 0, aggregation: SUM}]' },
    'meters[0].key',
    'spend',
    'is reserved for money spent',
  ],
  [
    'an unknown field',
    meter('roll_up_keys: [a]'),
    'meters[0].roll_up_keys',
    undefined,
    'unknown key; did you mean "rollup_keys"?',
  ],
  [
    'an empty unit',
    { meters: '[{key: m, unit: "", scale: 0, aggregation: SUM}]' },
    'meters[0].unit',
    '',
    LABEL,
  ],
  [
    'a scale over 9',
    meterOf('scale: 10, aggregation: SUM'),
    'meters[0].scale',
    '10',
    'must be a whole number from 0 to 9',
  ],
  [
    'an unknown aggregation',
    meterOf('scale: 0, aggregation: AVG'),
    'meters[0].aggregation',
    'AVG',
    'must be one of SUM, COUNT, MAX, LAST, UNIQUE',
  ],
  [
    'decimals on COUNT',
    meterOf('scale: 2, aggregation: COUNT'),
    'meters[0].scale',
    '2',
    'must be 0 for COUNT: it counts whole things',
  ],
  [
    'decimals on UNIQUE',
    meterOf('scale: 1, aggregation: UNIQUE, dimension: d'),
    'meters[0].scale',
    '1',
    'must be 0 for UNIQUE: it counts whole things',
  ],
  [
    'UNIQUE without its dimension',
    meterOf('scale: 0, aggregation: UNIQUE'),
    'meters[0].dimension',
    undefined,
    'is required for UNIQUE: the dimension whose values it counts',
  ],
  [
    'a dimension on SUM',
    meter('dimension: d'),
    'meters[0].dimension',
    'd',
    'belongs to UNIQUE only, not to SUM',
  ],
  [
    'sources on SUM',
    meter('source_keys: [node]'),
    'meters[0].source_keys',
    undefined,
    'belongs to LAST only, not to SUM',
  ],
  [
    'an unknown formula',
    meter('formula: cube'),
    'meters[0].formula',
    'cube',
    'must be one of identity, run_units',
  ],
  [
    'run units at another scale',
    meter('formula: run_units'),
    'meters[0].scale',
    '0',
    'must be 4 for the formula run_units',
  ],
  [
    'run units not summed',
    meterOf('scale: 4, aggregation: MAX, formula: run_units'),
    'meters[0].aggregation',
    'MAX',
    'must be SUM for the formula run_units',
  ],
  [
    'five rollup keys',
    meter('rollup_keys: [a, b, c, d, e]'),
    'meters[0].rollup_keys',
    undefined,
    'must have at most 4 items',
  ],
  [
    'a rollup key twice',
    meter('rollup_keys: [a, a]'),
    'meters[0].rollup_keys',
    undefined,
    'must not name an item twice',
  ],
  ['an empty rollup key', meter('rollup_keys: [""]'), 'meters[0].rollup_keys[0]', '', LABEL],
  [
    'no label sets',
    meter('label_sets_max: 0'),
    'meters[0].label_sets_max',
    '0',
    'must be a whole number from 1 to 1000000',
  ],
  [
    'an unknown late policy',
    meter('late_policy: DROP'),
    'meters[0].late_policy',
    'DROP',
    'must be one of NEXT_INVOICE, REJECT',
  ],
  [
    'an unknown unpriced policy',
    meter('unpriced: free'),
    'meters[0].unpriced',
    'free',
    'must be zero, reject or default(0.01)',
  ],
  [
    'a default that is no decimal',
    meter('unpriced: default(1e-2)'),
    'meters[0].unpriced',
    'default(1e-2)',
    DECIMAL,
  ],
  [
    'a mapping without a default',
    meter('unpriced: {amount: 1}'),
    'meters[0].unpriced',
    undefined,
    'must be zero, reject or default(0.01)',
  ],
  [
    'a meter twice',
    {
      meters: `[${SOUND}, ${SOUND}]`,
    },
    'meters[1].key',
    'm',
    'this key is already that of catalogue.meters[0]',
  ],
];

test.each(rows)('a meter: %s', (_, sections, at, value, rule) => {
  const problem = rowProblem(at, value, rule);
  expect(problemsOf({ yaml: catalogueYaml(sections) })).toEqual([problem]);
});
