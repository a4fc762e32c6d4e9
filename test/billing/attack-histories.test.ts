// An accountant's laws, after whatever happened: see test/support/billing-history.ts for what does.
// The same histories each time; TOLLGATE_TEST_SECONDS=600 looks for new ones for so long, per grace.

import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Account, account, ORG } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import {
  type Act,
  act,
  again,
  type Model,
  newModel,
  onAt,
  play,
} from '../support/billing-history.js';
import {
  billedQuantities,
  bookFaults,
  coverage,
  sumOf,
  usageLines,
  verified,
} from '../support/books.js';

import type { Json } from '../support/cold.js';
import { temporaryDirectory } from '../support/service.js';

const CENTS: Readonly<Record<string, bigint>> = {
  free: 10n,
  basic: 20n,
  pro: 30n,
  slow: 40n,
  month: 100n,
  year: 100n,
  trial: 100n,
};

function recorded({ events }: Model, what: 'quantity' | 'most'): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of events) sums[each.meter] = (sums[each.meter] ?? 0) + each[what];
  return sums;
}

/** Each event at the price of what the organisation was on at its time; in a trial nothing. */
function owed(model: Model): bigint {
  return model.events.reduce((sum, { meter, quantity, atMs }) => {
    const { plan, trial } = onAt(model, atMs);
    return meter !== 'tokens' || trial ? sum : sum + BigInt(quantity) * (CENTS[plan] as bigint);
  }, 0n);
}

/** Base price of each subscription is charged once from its start, or its trial's end, without a hole. */
async function baseFaults(own: Account, invoices: readonly Json[]): Promise<readonly string[]> {
  const { core } = own.running();
  const { records } = await core.ledger.list({
    kind: 'subscription',
    orgId: ORG,
    order: 'oldest',
    limit: 1000,
  });
  return records.flatMap(({ id, value }) => {
    const mine = invoices.filter(({ subscription_id }) => subscription_id === id);
    const fromMs = value.trial_end_ms ?? value.start_ms;
    const text = (ms: number) => new Date(ms).toISOString().replace(/T00:00:00.000Z$/, '');
    const isCharged = value.base_billed_to_ms > fromMs;
    const expected = isCharged ? [`${text(fromMs)}/${text(value.base_billed_to_ms)} 1`] : [];
    const found = coverage(mine, 'base');
    const negative = coverage(mine, 'seats').filter((each) => each.includes(' -'));
    return [
      ...(found.join() === expected.join() ? [] : [`base ${found.join()}, not ${expected.join()}`]),
      ...negative,
    ];
  });
}

async function check(own: Account, model: Model, how: 'on the way' | 'at the end'): Promise<void> {
  const invoices = await own.invoices();
  expect(bookFaults(invoices)).toEqual([]);
  const billed = billedQuantities(invoices);
  if (how === 'on the way') {
    const most = recorded(model, 'most');
    for (const [meter, quantity] of Object.entries(billed))
      expect(quantity).toBeLessThanOrEqual(most[meter] ?? 0);
    return;
  }
  expect(billed).toEqual(recorded(model, 'quantity'));
  expect(sumOf(usageLines(invoices))).toBe(owed(model));
  expect(await baseFaults(own, invoices)).toEqual([]);
}

async function history(acts: readonly Act[], flags: readonly string[]): Promise<void> {
  const directory = temporaryDirectory();
  await account({ yaml: PLANS, from: '2026-01-28T09:00:00Z', flags, directory }, async (own) => {
    const model = newModel();
    for (const [i, each] of acts.entries()) {
      await play(own, model, each);
      if (i % 10 === 9) await check(own, model, 'on the way');
    }
    for (let i = model.voided.length; i > 0; i--) await again(own, model, i - 1);
    // Beyond the end of every period that was used in, a quarter too, and its grace.
    for (let i = 0; i < 3; i++) {
      await own.advance(47 * 24 * 3_600_000);
      await own.close();
    }
    await check(own, model, 'at the end');
    const before = await own.invoices();
    await own.restart();
    expect(await own.invoices()).toEqual(before);
  });
  // What it says about hashes of lines of other periods is in attack-proofs.
  const problems = (await verified(directory)).filter((each) => !each.includes(' with hash '));
  expect(problems).toEqual([]);
  rmSync(directory, { recursive: true });
}

const seconds = process.env['TOLLGATE_TEST_SECONDS'];

test.each([
  ['an hour', '1h'],
  ['none', '0'],
  ['three days', '3d'],
])(
  'with a grace of %s everything is billed once',
  async (_what, grace) => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 35 }), (acts) => {
        return history(acts, ['--invoice-grace', grace]);
      }),
      seconds === undefined
        ? { numRuns: 2, seed: 1 }
        : { numRuns: 1_000_000, interruptAfterTimeLimit: Number(seconds) * 1000 },
    );
  },
  Number(seconds ?? 60) * 2000,
);
