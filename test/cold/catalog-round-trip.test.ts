// Prices and rules as documents, as messages on the wire, and as documents again.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Plan } from '../../generated/ts/tollgate/v1/plan.js';
import type { PlanDocument } from '../../src/domain/plans/document.js';
import { PRICE_KINDS } from '../../src/domain/pricing/price.js';
import { MODES, WINDOW_KINDS } from '../../src/domain/quota/rule.js';
import { PLAN_CHANGEABLE, readPlanMessage } from '../../src/operations/catalogue/from-plan.js';
import { toPlan } from '../../src/operations/catalogue/to-catalogue.js';
import { createFaults } from '../../src/operations/parse.js';
import { catalogueYaml, configOf } from '../config/given.js';
import { anyPrice, fieldsOf, scale } from '../domain/pricing/random-price.js';

/** Of `fields`: the texts of one plan in a file. */
function documentOf(scaleOf: number, fields: string): PlanDocument {
  const yaml = catalogueYaml({
    meters: `[{key: tokens, unit: t, scale: ${scaleOf}, aggregation: SUM, rollup_keys: [model]}]`,
    plans: `[{id: free, ${fields}}]`,
  });
  const [plan] = configOf({ yaml }).catalogue.plans;
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

function there(document: PlanDocument): PlanDocument | undefined {
  const standing = {
    latest: 1,
    source: 'FILE',
    archived: false,
    created_ms: 0,
    updated_ms: 0,
  } as const;
  const message = toPlan({ version: 1, value: { ...standing, document } });
  const received = Plan.decode(Plan.encode(message).finish());
  const faults = createFaults();
  const read = readPlanMessage(received, new Set(PLAN_CHANGEABLE), faults);
  expect(faults.list).toEqual([]);
  return read.document;
}

const prices = fc
  .constantFrom(...PRICE_KINDS)
  .chain((kind) => fc.tuple(anyPrice(kind), scale, fc.boolean(), fc.boolean()));

test('any price comes back as it was', () => {
  fc.assert(
    fc.property(prices, ([price, scaleOf, prorate, isLater]) => {
      const from = isLater ? ', "effective_from": "2026-03-01T00:00:00.250Z"' : '';
      const fields = `${fieldsOf(price, scaleOf)}, "prorate": ${prorate}${from}`;
      const document = documentOf(
        scaleOf,
        `prices: [{meter: tokens, match: {model: a}, ${fields}}]`,
      );
      expect(JSON.stringify(there(document))).toBe(JSON.stringify(document));
    }),
    { numRuns: 300 },
  );
});

const label = fc.constantFrom('a', '__x', 'constructor', 'toString', 'ä"');
const rules = fc.record({
  limit: fc.option(fc.integer({ min: 0, max: 10_000 })),
  window: fc.constantFrom(...WINDOW_KINDS),
  lengthMs: fc.integer({ min: 1, max: 10_000_000 }),
  mode: fc.constantFrom(...MODES),
  match: fc.dictionary(label, fc.constantFrom('x', 'null', '1.0'), { noNullPrototype: true }),
  scope: fc.uniqueArray(label),
  thresholds: fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { maxLength: 16 }),
});

test('any rule comes back as it was', () => {
  fc.assert(
    fc.property(rules, ({ limit, lengthMs, window, ...rest }) => {
      const isFixed = window === 'FIXED_FROM_FIRST_USE';
      const rule = {
        key: 'q',
        meter: 'tokens',
        window,
        ...(limit === null ? {} : { limit: `${limit}` }),
        ...(isFixed ? { window_length: `${lengthMs}ms` } : {}),
        ...rest,
      };
      const document = documentOf(0, `quotas: [${JSON.stringify(rule)}]`);
      expect(JSON.stringify(there(document))).toBe(JSON.stringify(document));
    }),
    { numRuns: 300 },
  );
});
