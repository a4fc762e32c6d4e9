// One bad catalogue per rule of plans, organisations and the rest, word for word.

import { expect, test } from 'vitest';
import { catalogueYaml, problemsOf, type Row, rowProblem } from './given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const ID = 'must be 1 to 128 characters of A-Z a-z 0-9 . _ @ -';
const INSTANT = 'must be an RFC 3339 time such as 2026-01-01T00:00:00Z';

const overrides = (items: string) => ({
  plans: '[{id: free, quotas: [{key: base, meter: tokens}]}]',
  organizations: `[{id: acme, quota_overrides: [${items}]}]`,
});

const rows: readonly Row[] = [
  ['an unknown section', { plan: '[]' }, 'plan', undefined, 'unknown key; did you mean "plans"?'],
  ['an empty default plan', { default_plan: '' }, 'default_plan', '', ID],
  [
    'an unknown default plan',
    { default_plan: 'fre' },
    'default_plan',
    'fre',
    'no such plan; did you mean "free"?',
  ],
  [
    'a default plan where there are no plans',
    { plans: '' },
    'default_plan',
    'free',
    'no such plan',
  ],
  [
    'an unknown answer to unknown organisations',
    { unknown_org: 'ask' },
    'unknown_org',
    'ask',
    'must be one of accept, reject',
  ],
  ['a plan id with a space', { plans: '[{id: free}, {id: a b}]' }, 'plans[1].id', 'a b', ID],
  [
    'a plan id that is too long',
    { plans: `[{id: free}, {id: ${'a'.repeat(129)}}]` },
    'plans[1].id',
    `${'a'.repeat(120)}…`,
    ID,
  ],
  [
    'a plan twice',
    { plans: '[{id: free}, {id: free}]' },
    'plans[1].id',
    'free',
    'this id is already that of catalogue.plans[0]',
  ],
  [
    'an organisation id with a slash',
    { organizations: '[{id: a/b}]' },
    'organizations[0].id',
    'a/b',
    ID,
  ],
  [
    'an organisation twice',
    { organizations: '[{id: a}, {id: a}]' },
    'organizations[1].id',
    'a',
    'this id is already that of catalogue.organizations[0]',
  ],
  [
    'an unknown plan',
    { organizations: '[{id: a, plan: fre}]' },
    'organizations[0].plan',
    'fre',
    'no such plan; did you mean "free"?',
  ],
  [
    'a suspension that is neither',
    { organizations: '[{id: a, suspended: yes}]' },
    'organizations[0].suspended',
    'yes',
    'must be true or false',
  ],
  [
    'an override of an unknown rule',
    overrides('{key: o, meter: tokens, replaces: bases}'),
    'organizations[0].quota_overrides[0].replaces',
    'bases',
    `no rule of this organisation's plan has this key; did you mean "base"?`,
  ],
  [
    'an override that ends some day',
    overrides('{key: o, meter: tokens, expires: soon}'),
    'organizations[0].quota_overrides[0].expires',
    'soon',
    INSTANT,
  ],
  [
    'an override of an unknown meter',
    overrides('{key: o, meter: gone}'),
    'organizations[0].quota_overrides[0].meter',
    'gone',
    'no such meter',
  ],
  [
    'an override twice',
    overrides('{key: o, meter: tokens}, {key: o, meter: tokens, scope: [run]}'),
    'organizations[0].quota_overrides[1].key',
    'o',
    'this key is already that of catalogue.organizations[0].quota_overrides[0]',
  ],
  [
    'an unknown table',
    { run_units: '{tier: {}}' },
    'run_units.tier',
    undefined,
    'unknown key; did you mean "tiers"?',
  ],
  [
    'a tier that is no decimal',
    { run_units: '{tiers: {heavy.2: 1/2}}' },
    'run_units.tiers["heavy.2"]',
    '1/2',
    DECIMAL,
  ],
  ['a floor below nothing', { run_units: '{floor: -0.01}' }, 'run_units.floor', '-0.01', DECIMAL],
];

test.each(rows)('%s', (_, sections, at, value, rule) => {
  const problem = rowProblem(at, value, rule);
  expect(problemsOf({ yaml: catalogueYaml(sections) })).toEqual([problem]);
});

test('a catalogue that is empty is not the built-in one', () => {
  expect(problemsOf({ yaml: 'catalogue:\n' })).toEqual([
    'catalogue (t.yaml:1) = "": must be a mapping',
  ]);
});
