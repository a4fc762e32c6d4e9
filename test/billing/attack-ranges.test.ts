import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Account, account, manual, NOW, range } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, minor } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { type Json, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';

const MINIMUM = catalogueYaml({
  price_lists: `
    - {id: usd, prices: [{meter: tokens, unit_price: 0.1, minimum: 30}]}`,
  plans: `
    - {id: free}
    - {id: basic, base_price: 30}`,
});

const on = (from: string, act: (own: Account) => Promise<void>) =>
  account({ yaml: PLANS, from }, act);
const generate = (own: Account, request: object) => own.invoice('GenerateInvoice', request);
const totalOf = (invoices: readonly Json[]) =>
  invoices.reduce((sum, each) => sum + minor(each.total), 0n);

describe('an invoice over a range', () => {
  test('has what lies in it, its start and not its end', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      const times = [
        '2026-11-09T23:59:59.999Z',
        '2026-11-10T00:00:00Z',
        '2026-11-10T23:59:59.999Z',
        '2026-11-11T00:00:00Z',
      ];
      for (const [i, at] of times.entries()) await own.use(10 ** i, at);
      const part = await generate(own, manual('2026-11-10T00:00:00Z', '2026-11-11T00:00:00Z'));
      expect(linesOf(part.invoice)).toEqual(['USAGE tokens 110 11.00']);
      const ragged = await generate(
        own,
        manual('2026-11-09T23:59:59.999Z', '2026-11-10T00:00:00Z'),
      );
      expect(linesOf(ragged.invoice)).toEqual(['USAGE tokens 1 0.10']);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).at(-1)).toBe('RECURRING OPEN 100.00: USAGE tokens 1000 100.00');
    }));

  test('in a period that a change of plan cut short is not billed again by late usage', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.subscription('CreateSubscription', { plan: 'basic' });
      await own.moveTo('2026-11-20T00:00:00Z');
      await own.use(100, '2026-11-11T12:00:00Z');
      await generate(own, manual('2026-11-10T00:00:00Z', '2026-11-20T00:00:00Z'));
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.moveTo('2026-11-26T00:00:00Z');
      await own.use(7, '2026-11-25T12:00:00Z');
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.use(30, '2026-11-12T12:00:00Z');
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 137 });
    }));

  test('up to where a subscription begins lacks no minimum', () =>
    account({ yaml: MINIMUM, from: '2026-11-21T00:00:00Z' }, async (own) => {
      await own.use(10, '2026-11-05T12:00:00Z');
      await generate(own, manual('2026-11-01T00:00:00Z', '2026-11-16T00:00:00Z'));
      const start = time('2026-11-16T00:00:00Z');
      await own.subscription('CreateSubscription', { plan: 'basic', start_time: start });
      await own.closeAt('2026-12-17T00:00:00Z');
      const invoices = await own.invoices();
      expect(invoices.flatMap(linesOf)).toContain('MINIMUM tokens 14.00');
    }));

  test('over two periods has each on its own, and neither is billed again', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(1, '2026-10-25T00:00:00Z');
      await own.use(10, '2026-10-31T23:00:00Z');
      await own.use(100, '2026-11-01T00:00:00Z');
      await own.use(1000, '2026-11-15T00:00:00Z');
      const { invoice } = await generate(
        own,
        manual('2026-10-31T00:00:00Z', '2026-11-10T00:00:00Z'),
      );
      expect(linesOf(invoice)).toEqual(['USAGE tokens 10 1.00', 'USAGE tokens 100 10.00']);
      await own.use(5, '2026-10-31T23:00:00Z');
      await own.use(50, '2026-11-02T00:00:00Z');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 1166 });
      expect(totalOf(await own.invoices())).toBe(11660n);
    }));

  test('over a change of plan has each part at its own price', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.subscription('CreateSubscription', { plan: 'basic' });
      await own.use(1);
      await own.moveTo('2026-11-10T10:07:31.123Z');
      await own.use(10, '2026-11-10T10:07:31.122Z');
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.use(100);
      await own.moveTo('2026-11-20T00:00:00Z');
      await own.use(1000);
      const { invoice } = await generate(
        own,
        manual('2026-11-10T00:00:00Z', '2026-11-20T00:00:00Z'),
      );
      expect(linesOf(invoice)).toEqual(['USAGE tokens 10 2.00', 'USAGE tokens 100 30.00']);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).slice(3)).toEqual([
        'RECURRING OPEN 0.20: USAGE tokens 1 0.20',
        'RECURRING OPEN 360.00: USAGE tokens 1000 300.00, PLAN_BASE 60.00',
      ]);
    }));

  test('billed before the period was cut keeps what it has', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.subscription('CreateSubscription', { plan: 'basic' });
      await own.use(1);
      await own.moveTo('2026-11-10T00:00:00Z');
      await generate(own, manual('2026-11-01T00:00:00Z', '2026-11-10T00:00:00Z'));
      await own.use(10);
      await own.advance(1);
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.use(100);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).slice(3)).toEqual([
        'RECURRING OPEN 2.00: USAGE tokens 10 2.00',
        'RECURRING OPEN 90.00: USAGE tokens 100 30.00, PLAN_BASE 60.00',
      ]);
    }));

  test('takes late usage with the rest of its period, and after its closing as late', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(1, '2026-11-02T00:00:00Z');
      await generate(own, manual('2026-11-01T00:00:00Z', '2026-11-05T00:00:00Z'));
      await generate(own, manual('2026-11-10T00:00:00Z', '2026-11-15T00:00:00Z'));
      await own.use(10, '2026-11-03T00:00:00Z');
      await own.use(100, '2026-11-07T00:00:00Z');
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.use(1000, '2026-11-12T00:00:00Z');
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(await own.shown()).toEqual([
        'MANUAL OPEN 0.10: USAGE tokens 1 0.10',
        'MANUAL SKIPPED 0.00:',
        'RECURRING OPEN 11.00: USAGE tokens 110 11.00',
        'RECURRING OPEN 100.00: LATE_USAGE tokens 1000 100.00',
      ]);
    }));

  test('stays a draft, and the period is billed once all the same', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(1, '2026-11-02T00:00:00Z');
      const { invoice } = await generate(own, {
        ...manual('2026-11-01T00:00:00Z', '2026-11-05T00:00:00Z'),
        finalize: false,
      });
      const whole = range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await refused(generate(own, whole))).reason).toBe('PERIOD_OVERLAPS');
      const closed = await own.invoice('FinalizeInvoice', { invoice_id: invoice.invoice_id });
      expect(closed.invoice.state).toBe('INVOICE_STATE_SKIPPED');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 1 });
    }));

  test('is refused where its plans have two currencies', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(10);
      await own.moveTo('2026-11-21T00:00:00Z');
      await own.subscription('CreateSubscription', { plan: 'yen' });
      await own.use(10);
      await own.moveTo('2026-11-23T00:00:00Z');
      const over = generate(own, manual('2026-11-19T00:00:00Z', '2026-11-22T00:00:00Z'));
      expect((await refused(over)).code).toBe('FAILED_PRECONDITION');
    }));

  test('from before 1970 is answered', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(10);
      await generate(own, manual('1969-06-01T00:00:00Z', '2026-11-20T00:00:00Z')).catch(
        () => undefined,
      );
      expect(own.running().fatal).toEqual([]);
    }));

  test('of no length is refused', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      const at = '2026-11-19T00:00:00Z';
      await own.use(10);
      expect(await refused(generate(own, manual(at, at)))).toMatchObject({
        fields: ['period_end'],
      });
    }));

  test('over a part of an empty closed period does not hide the rest of it', () =>
    on('2026-10-20T00:00:00Z', async (own) => {
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.use(10, '2026-11-05T12:00:00Z');
      await generate(own, manual('2026-11-05T00:00:00Z', '2026-11-06T00:00:00Z'));
      await own.use(100, '2026-11-20T12:00:00Z');
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 111 });
    }));

  test('keeps a subscription from beginning inside it', () =>
    on('2026-11-12T00:00:00Z', async (own) => {
      await own.use(20, '2026-11-08T00:00:00Z');
      await generate(own, manual('2026-11-01T00:00:00Z', '2026-11-12T00:00:00Z'));
      const from = { plan: 'basic', start_time: time('2026-11-05T00:00:00Z') };
      await own.subscription('CreateSubscription', from).catch(() => undefined);
      await own.closeAt('2026-12-10T00:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 20 });
    }));
});

/** Every kind of price and aggregation, on a plan, so that all of them are due without usage too. */
const EVERY_PRICE = catalogueYaml({
  plans: `
    - id: free
      prices:
        - {meter: tokens, kind: graduated, tiers: [{up_to: 10, unit_price: 0.333}, {unit_price: 0.1, flat_fee: 1}]}
        - {meter: calls, kind: per_unit, unit_price: 0.007, minimum: 5}
        - {meter: calls, kind: volume, match: {tool: x}, tiers: [{up_to: 5, unit_price: 1}, {unit_price: 0.5}]}
        - {meter: peak, unit_price: 0.333}
        - {meter: seats, unit_price: 1.005}
        - {meter: users, kind: package, unit_price: 2, per: 3}
        - {meter: run_units, unit_price: 0.005, maximum: 0.02, discount_percent: 10}`,
});

interface Use {
  readonly meter: string;
  readonly quantity: number;
  readonly day: number;
  readonly label: string;
}
const used = fc.array(
  fc.record({
    meter: fc.constantFrom('tokens', 'calls', 'peak', 'seats', 'users', 'run_units'),
    quantity: fc.integer({ min: 1, max: 20 }),
    day: fc.integer({ min: 1, max: 28 }),
    label: fc.constantFrom('x', 'y', 'z'),
  }),
  { maxLength: 25 },
);
const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 29 }), { minLength: 2, maxLength: 6 });

const day = (n: number, of = '2026-11') => `${of}-${`${n}`.padStart(2, '0')}T00:00:00Z`;

async function record(own: Account, orgId: string, events: readonly Use[]): Promise<void> {
  const sent = events.map(({ meter, quantity, day: on, label }) => {
    const dimensions = { model: label, tool: label, region: label, user: label, team: label };
    const amount = ['calls', 'users'].includes(meter) ? {} : { quantity: `${quantity}` };
    return event({
      orgId,
      meter,
      at: day(on).replace('00:00:00', '12:00:00'),
      dimensions,
      ...amount,
    });
  });
  if (sent.length > 0) await ask(own.running(), 'recordBatch', { orgId, events: sent });
}

test('a period billed in parts, in any order, comes to what it comes to at once', () =>
  account({ yaml: EVERY_PRICE, from: '2026-11-30T12:00:00Z' }, async (own) => {
    let run = 0;
    const total = async (org_id: string) => {
      const rest = { org_id, ...range(day(1), day(1, '2026-12')) };
      const { invoice } = await own.invoice('PreviewInvoice', rest);
      const { invoices } = await own.invoice('ListInvoices', { org_id });
      return totalOf([...invoices, invoice]);
    };
    await fc.assert(
      fc.asyncProperty(used, used, cuts, fc.boolean(), async (events, late, days, isDescending) => {
        const [whole, cut] = [`whole-${++run}`, `cut-${run}`] as const;
        const bounds = days.toSorted((a, b) => a - b);
        const parts = bounds.slice(1).map((to, i) => manual(day(bounds[i] as number), day(to)));
        const first = { meter: 'tokens', quantity: 1, day: 1, label: 'x' };
        for (const orgId of [whole, cut]) await record(own, orgId, [first, ...events]);
        for (const part of isDescending ? parts.reverse() : parts) {
          await own.invoice('GenerateInvoice', { org_id: cut, ...part });
        }
        await own.invoice('GenerateInvoice', { org_id: whole, ...manual(day(1), day(30)) });
        for (const orgId of [whole, cut]) await record(own, orgId, late);
        expect(await total(cut)).toBe(await total(whole));
        // The minimum of calls, at least.
        expect(await total(cut)).toBeGreaterThanOrEqual(500n);
      }),
      { numRuns: 50 },
    );
  }));
