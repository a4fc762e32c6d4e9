// What the contract's comments say about values, as JSON Schema says it.

import { expect, test } from 'vitest';
import { type BoundedField, boundsOf, isRequired } from '../../src/http/openapi/bounds.js';

const IDS = '[A-Za-z0-9._@-]{1,128}';

test.each([
  ['text', '', `Id, \`${IDS}\`. Never changes.`, { pattern: `^(${IDS})?$` }],
  ['text', 'required', `Id, \`${IDS}\`. Never changes.`, { pattern: `^${IDS}$` }],
  ['text', '', 'Why, at most 256 characters, for people.', { maxLength: 256 }],
  ['text', 'required', 'Why, 1-256 characters. Required.', { minLength: 1, maxLength: 256 }],
  ['text', 'required', 'Id of the plan. Required.', { minLength: 1 }],
  ['text', '', '1-100 printable ASCII characters.', { maxLength: 100, pattern: '^[ -~]*$' }],
  ['text', '', '1-128 characters of `[a-z]`.', { maxLength: 128, pattern: '^[a-z]*$' }],
  ['text', '', 'Calendar month, such as "2026-11".', {}],
  ['whole', '', 'Seats, 0-1,000,000. 0: those of the plan.', { minimum: 0, maximum: 1_000_000 }],
  ['whole', '', 'Day of the month, 1-31. 0: its start.', { minimum: 0, maximum: 31 }],
  ['whole', 'optional', 'Percent, 1-100.', { minimum: 1, maximum: 100 }],
  ['whole', '', 'Absent or 0 = 100, below 0 = 1, above 1000 = 1000.', {}],
  ['list', '', 'Keys of the meters, at most 100.', { maxItems: 100 }],
  ['list', '', 'Percentages, 1-100, at most 16, ascending.', { maxItems: 16 }],
  ['list', '', 'What to hold, 1-16 items.', { minItems: 1, maxItems: 16 }],
  ['list', '', 'The events, 1-1000. At most 4 MiB.', { minItems: 1, maxItems: 1000 }],
  [
    'map',
    '',
    'Labels: at most 16; keys of 1-64 and values of at most 256 characters.',
    { maxProperties: 16, propertyNames: { minLength: 1, maxLength: 64 } },
  ],
  ['other', 'required', 'Default 60 s, more than 0, at most 24 h.', {}],
] as const)('%s %s: %s', (sort, presence, comment, bounds) => {
  const [required, optional] = [presence === 'required', presence === 'optional'];
  const field: BoundedField = { sort, comment, required, optional };
  expect(boundsOf(field)).toEqual(bounds);
});

test.each([
  ['Id of the plan. Required.', true],
  ['The event. Required, with its `org_id`.', true],
  ['Id. Required; a plan for all.', true],
  ['Required, except where the enclosing request names an organisation.', false],
  ['Idempotency key. Required in streams.', false],
  ['UNIQUE only, and required there.', false],
])('%s: required is %s', (comment, required) => {
  expect(isRequired(comment)).toBe(required);
});
