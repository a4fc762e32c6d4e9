// GetInvoice: the preview of a month, from the usage and the prices as they are.

import { describe, expect, test } from 'vitest';
import {
  InvoiceKind,
  type InvoiceLine,
  InvoiceLineKind,
  InvoiceState,
} from '../../generated/ts/tollgate/v1/invoice.js';
import { PriceKind } from '../../generated/ts/tollgate/v1/price.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import {
  ask,
  event,
  type GivenEvent,
  iso,
  nameIn,
  type Request,
  time,
} from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const METERS = `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model, region]}
    - {key: half, unit: h, scale: 4, aggregation: SUM, rollup_keys: [k]}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT, rollup_keys: [tool]}
    - {key: peak, unit: MB, scale: 2, aggregation: MAX, rollup_keys: [region]}
    - {key: seats, unit: seat, scale: 0, aggregation: LAST, source_keys: [team], rollup_keys: [team]}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: user, rollup_keys: [region]}
    - {key: free, unit: f, scale: 0, aggregation: SUM, rollup_keys: [k]}
    - {key: fallback, unit: f, scale: 0, aggregation: SUM, rollup_keys: [k], unpriced: default(0.01)}`;
const USD = `
        - {meter: tokens, unit_price: 0.002, per: 1000}
        - {meter: tokens, match: {model: big}, unit_price: 3, per: 1000, included: 100}
        - {meter: tokens, match: {model: big, region: eu}, unit_price: 4, per: 1000}
        - {meter: half, match: {k: a}, unit_price: 0.005}
        - {meter: half, match: {k: b}, unit_price: 0.005}
        - {meter: half, match: {k: c}, unit_price: 0.005}
        - {meter: calls, unit_price: 0.5, included: 2}
        - {meter: peak, unit_price: 1}
        - {meter: seats, unit_price: 10}
        - {meter: users, unit_price: 3}`;
const yaml = catalogueYaml({
  meters: METERS,
  price_lists: `
    - id: usd
      prices:${USD}
    - {id: jpy, currency: JPY, prices: [{meter: tokens, unit_price: 0.5}]}
    - {id: kwd, currency: KWD, prices: [{meter: tokens, unit_price: 0.0005}]}`,
  plans: `
    - {id: free}
    - {id: yen, currency: JPY}
    - {id: dinar, currency: KWD}
    - {id: euro, currency: EUR}
    - {id: own, prices: [{meter: tokens, unit_price: 7, per: 1000}]}`,
  organizations: `
    - {id: yen-1, plan: yen}
    - {id: dinar-1, plan: dinar}
    - {id: euro-1, plan: euro}
    - {id: own-1, plan: own}`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
// Nothing is closed by itself: past months stay previews.
const flags = ['--invoice-grace', '366d'];
const { now, org, lastSequence } = sharedService({ yaml, clock, flags });

const record = (given: GivenEvent, running: Running = now()) =>
  ask(running, 'record', { event: event(given) });
const invoiceOf = async (orgId: string, given: Partial<Request<'getInvoice'>> = {}) => {
  const { invoice } = await ask(now(), 'getInvoice', { orgId, ...given });
  if (invoice === undefined) throw new Error('no invoice');
  return invoice;
};
const shown = (line: InvoiceLine) => {
  const kind = nameIn(InvoiceLineKind, line.kind);
  const labels = [...line.dimensions].map((pair) => pair.join('=')).join(',');
  return `${kind} ${line.meter}${labels && `{${labels}}`} ${line.quantity} ${line.amount}`;
};
const linesOf = async (orgId: string, given: Partial<Request<'getInvoice'>> = {}) =>
  (await invoiceOf(orgId, given)).lines.map(shown);

type Row = readonly [what: string, orgId: string, events: readonly GivenEvent[], lines: string[]];
const BIG = { model: 'big' };
const ROWS: readonly Row[] = [
  ['a price per thousand', '', [{ quantity: '100000' }], ['USAGE tokens 100000 0.20']],
  [
    'the most specific match',
    '',
    [
      { quantity: '1000', dimensions: { model: 'small', region: 'eu' } },
      { quantity: '1000', dimensions: BIG },
      { quantity: '1000', dimensions: { ...BIG, region: 'us' } },
      { quantity: '1000', dimensions: { ...BIG, region: 'eu' } },
    ],
    [
      'INCLUDED tokens{model=big} 100 0.00',
      'USAGE tokens 1000 0.00',
      'USAGE tokens{model=big,region=eu} 1000 4.00',
      'USAGE tokens{model=big} 2000 5.70',
    ],
  ],
  [
    'what is included, not used up',
    '',
    [{ quantity: '60', dimensions: BIG }],
    ['INCLUDED tokens{model=big} 60 0.00', 'USAGE tokens{model=big} 60 0.00'],
  ],
  [
    'COUNT beyond what is included',
    '',
    Array(5).fill({ meter: 'calls' }),
    ['INCLUDED calls 2 0.00', 'USAGE calls 5 1.50'],
  ],
  [
    'three lines of half a cent, each rounded away from zero',
    '',
    ['a', 'b', 'c'].map((k) => ({ meter: 'half', quantity: '1', dimensions: { k } })),
    ['USAGE half{k=a} 1 0.01', 'USAGE half{k=b} 1 0.01', 'USAGE half{k=c} 1 0.01'],
  ],
  [
    'one rounding of a line, not of an event',
    '',
    Array(3).fill({ meter: 'half', quantity: '0.4', dimensions: { k: 'a' } }),
    ['USAGE half{k=a} 1.2 0.01'],
  ],
  [
    'MAX once',
    '',
    [
      { meter: 'peak', quantity: '2.5' },
      { meter: 'peak', quantity: '7.25' },
    ],
    ['USAGE peak 7.25 7.25'],
  ],
  [
    'LAST by its sources, also of a level from the month before',
    '',
    [
      { meter: 'seats', quantity: '3', dimensions: { team: 'a' }, at: '2026-10-25T00:00:00Z' },
      { meter: 'seats', quantity: '2', dimensions: { team: 'b' } },
    ],
    ['USAGE seats 5 50.00'],
  ],
  [
    'UNIQUE',
    '',
    ['u', 'v', 'u'].map((user) => ({ meter: 'users', dimensions: { user } })),
    ['USAGE users 2 6.00'],
  ],
  [
    'usage without a price is shown at zero',
    '',
    [{ meter: 'free', quantity: '9', dimensions: { k: 'x' } }],
    ['USAGE free 9 0.00'],
  ],
  [
    'usage with a default price is shown by its labels',
    '',
    ['x', 'y'].map((k) => ({ meter: 'fallback', quantity: '150', dimensions: { k } })),
    ['USAGE fallback{k=x} 150 1.50', 'USAGE fallback{k=y} 150 1.50'],
  ],
  ['usage of zero', '', [{ quantity: '0' }], ['USAGE tokens 0 0.00']],
  ['no usage', '', [], []],
  ['yen have no minor digits', 'yen-1', [{ quantity: '3' }], ['USAGE tokens 3 2']],
  ['dinars have three', 'dinar-1', [{ quantity: '3' }], ['USAGE tokens 3 0.002']],
  ['a plan without a list in its currency', 'euro-1', [{ quantity: '3' }], ['USAGE tokens 3 0.00']],
  [
    'the plan before the list',
    'own-1',
    [{ quantity: '1000', dimensions: BIG }],
    ['USAGE tokens 1000 7.00'],
  ],
];

describe('the lines', () => {
  test.each(ROWS)('%s', async (_what, known, events, lines) => {
    const orgId = known || org();
    for (const given of events) await record({ orgId, ...given });
    const invoice = await invoiceOf(orgId);
    expect(invoice.lines.map(shown).toSorted()).toEqual(lines.toSorted());
    const digits = (text: string) => BigInt(text.replace('.', ''));
    const sum = invoice.lines.reduce((total, { amount }) => total + digits(amount), 0n);
    expect(digits(invoice.subtotal)).toBe(sum);
    const { subtotal } = invoice;
    expect(invoice).toMatchObject({ total: subtotal, amountDue: subtotal, taxes: [] });
    const zero = subtotal.replace(/\d/g, '0').replace(/^0+(?=0)/, '');
    for (const text of [invoice.tax, invoice.creditApplied, invoice.amountPaid]) {
      expect(text).toBe(zero);
    }
  });

  test('name their price and the events behind them', async () => {
    const orgId = org();
    const first = await record({
      orgId,
      quantity: '10',
      dimensions: BIG,
      at: '2026-11-02T00:00:00Z',
    });
    await record({ orgId, quantity: '10' });
    const last = await record({ orgId, quantity: '990', dimensions: BIG });
    const line = (await invoiceOf(orgId)).lines.find(
      ({ dimensions, kind }) => dimensions.size > 0 && nameIn(InvoiceLineKind, kind) === 'USAGE',
    );
    expect(line).toMatchObject({
      meter: 'tokens',
      unit: 'token',
      quantity: '1000',
      unitPrice: '3',
      per: '1000',
      tiers: [],
      blockSize: '',
      amount: '2.70',
      firstSequence: first.sequence,
      lastSequence: last.sequence,
      eventCount: 2n,
      unpriced: false,
      reason: '',
      originalInvoiceId: '',
    });
    expect(nameIn(PriceKind, line?.priceKind ?? 0)).toBe('PER_UNIT');
    expect(line?.eventsHash).toMatch(/^[0-9a-f]{16}$/);
    expect(iso(line?.serviceStart)).toBe('2026-11-01T00:00:00.000Z');
    expect(iso(line?.serviceEnd)).toBe('2026-12-01T00:00:00.000Z');
    expect(iso(line?.priceVersionEffectiveFrom)).toBe('1970-01-01T00:00:00.000Z');
  });

  test('hash the same events to the same value, in any order, and others to another', async () => {
    const hash = async (ids: readonly string[]) => {
      const running = await start({ yaml, clock });
      for (const eventId of ids) {
        await record({ orgId: 'o', eventId, quantity: '1', at: '2026-11-10T00:00:00Z' }, running);
      }
      const { invoice } = await ask(running, 'getInvoice', { orgId: 'o' });
      await running.stop();
      return invoice?.lines[0]?.eventsHash;
    };
    const first = await hash(['a', 'b']);
    expect(await hash(['a', 'b'])).toBe(first);
    expect(await hash(['a', 'c'])).not.toBe(first);
  });

  test('without a price have none', async () => {
    const orgId = org();
    await record({ orgId, meter: 'free', quantity: '9' });
    const [line] = (await invoiceOf(orgId)).lines;
    expect(line).toMatchObject({
      unitPrice: '',
      unpriced: true,
      priceVersionEffectiveFrom: undefined,
    });
    expect(nameIn(PriceKind, line?.priceKind ?? 0)).toBe('UNSPECIFIED');
  });

  test('without a price are for no quantity', async () => {
    const orgId = org();
    await record({ orgId, meter: 'free', quantity: '9' });
    expect((await invoiceOf(orgId)).lines[0]?.per).toBe('');
  });

  const ONCE: readonly (readonly [meter: string, events: readonly GivenEvent[], line: string])[] = [
    [
      'peak',
      [
        { quantity: '5', dimensions: { region: 'a' } },
        { quantity: '7', dimensions: { region: 'b' } },
      ],
      'USAGE peak 7 7.00',
    ],
    [
      'users',
      [{ dimensions: { user: 'u', region: 'a' } }, { dimensions: { user: 'u', region: 'b' } }],
      'USAGE users 1 3.00',
    ],
  ];
  test.each(ONCE)(
    'of %s under one price are one value, whatever the labels',
    async (meter, events, line) => {
      const orgId = org();
      for (const given of events) await record({ orgId, meter, ...given });
      expect(await linesOf(orgId)).toEqual([line]);
    },
  );
});

describe('the invoice', () => {
  test('of the running month is a DRAFT', async () => {
    const orgId = org();
    await record({ orgId, quantity: '1000000' });
    const before = lastSequence();
    const invoice = await invoiceOf(orgId);
    expect(invoice).toMatchObject({
      number: '',
      orgId,
      plan: 'free',
      currency: 'USD',
      subtotal: '2.00',
      tax: '0.00',
      total: '2.00',
      amountDue: '2.00',
      subscriptionId: '',
      issueTime: undefined,
      dueTime: undefined,
      pdfUrl: '',
      etag: '',
    });
    expect(nameIn(InvoiceState, invoice.state)).toBe('DRAFT');
    expect(nameIn(InvoiceKind, invoice.kind)).toBe('RECURRING');
    expect(iso(invoice.periodStart)).toBe('2026-11-01T00:00:00.000Z');
    expect(iso(invoice.periodEnd)).toBe('2026-12-01T00:00:00.000Z');
    expect(lastSequence()).toBe(before);
  });

  test('has no id: it is a preview, also of a past month', async () => {
    const orgId = org();
    expect((await invoiceOf(orgId)).invoiceId).toBe('');
    expect((await invoiceOf(orgId, { period: '2026-10' })).invoiceId).toBe('');
  });

  test('of a past month holds that month, late usage included', async () => {
    const orgId = org();
    const at = '2026-10-31T23:59:59.999Z';
    await record({ orgId, quantity: '1000000', at });
    await record({ orgId, quantity: '3000000', at: '2026-11-01T00:00:00Z' });
    const choices = [{ period: '2026-10' }, { periodStart: time('2026-10-01T00:00:00Z') }];
    for (const given of choices) {
      expect(await linesOf(orgId, given)).toEqual(['USAGE tokens 1000000 2.00']);
    }
    await record({ orgId, quantity: '1000000', at });
    const invoice = await invoiceOf(orgId, { period: '2026-10' });
    expect(invoice.subtotal).toBe('4.00');
  });

  test('of a month before any usage is empty', async () => {
    expect(await invoiceOf(org(), { period: '2020-01' })).toMatchObject({
      lines: [],
      total: '0.00',
    });
  });

  test.each(['inv_1', 'INV-2026-000001', 'inv_other_1793491200'])(
    '%s is not found',
    async (invoiceId) => {
      const refusal = await refused(ask(now(), 'getInvoice', { orgId: org(), invoiceId }));
      expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'INVOICE_NOT_FOUND' });
    },
  );
});
