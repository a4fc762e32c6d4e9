// Prices that change, and whole traces: one rounding per line, the version in force at event time.

import { describe, expect, test } from 'vitest';
import { InvoiceLineKind } from '../../generated/ts/tollgate/v1/invoice.js';
import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, iso, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedFile } from '../support/shared-files.js';

const METERS = `
    - {key: input_tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}
    - {key: output_tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}
    - {key: peak, unit: MB, scale: 0, aggregation: MAX}`;

async function withPrices(
  prices: readonly string[],
  wall: string,
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const list = prices.map((price) => `\n        - ${price}`).join('');
  const yaml = catalogueYaml({
    meters: METERS,
    price_lists: `\n    - id: usd\n      prices:${list}`,
  });
  const running = await start({ yaml, clock: createTestClock(wall) });
  await body(running);
  expect(running.fatal).toEqual([]);
  await running.stop();
}

async function invoiceOf(running: Running, period: string) {
  const { invoice } = await ask(running, 'getInvoice', { orgId: 'o', period });
  const lines = invoice?.lines.map(
    ({ kind, quantity, unitPrice, amount, serviceStart, serviceEnd }) =>
      [
        nameIn(InvoiceLineKind, kind),
        quantity,
        `@${unitPrice}`,
        amount,
        iso(serviceStart)?.slice(5, 16),
        iso(serviceEnd)?.slice(5, 16),
      ].join(' '),
  );
  return { lines, subtotal: invoice?.subtotal };
}

describe('a price that changes within the month', () => {
  const V1 = '{meter: input_tokens, unit_price: 1, per: 1000}';
  const V2 =
    '{meter: input_tokens, unit_price: 2, per: 1000, effective_from: "2026-11-10T06:07:08.009Z"}';
  type Row = readonly [
    what: string,
    prices: readonly string[],
    events: readonly (readonly [at: string, quantity: string])[],
    lines: readonly string[],
  ];
  const CHANGE = '11-10T06:07';
  const ROWS: readonly Row[] = [
    [
      'rates each event by the version at its time, however late it comes',
      [V1, V2],
      [
        ['2026-11-12T00:00:00Z', '1000'],
        ['2026-11-10T06:07:08.008Z', '1000'],
        ['2026-11-10T06:07:08.009Z', '1000'],
        ['2026-11-01T00:00:00Z', '1000'],
      ],
      [`USAGE 2000 @1 2.00 11-01T00:00 ${CHANGE}`, `USAGE 2000 @2 4.00 ${CHANGE} 12-01T00:00`],
    ],
    [
      'bills the second part as the rounded whole less what is billed',
      [V1, V2],
      [
        ['2026-11-02T00:00:00Z', '4'],
        ['2026-11-12T00:00:00Z', '3'],
      ],
      [`USAGE 4 @1 0.00 11-01T00:00 ${CHANGE}`, `USAGE 3 @2 0.01 ${CHANGE} 12-01T00:00`],
    ],
    [
      'gives what is included once',
      [V1.replace('}', ', included: 500}'), V2.replace('}', ', included: 500}')],
      [
        ['2026-11-02T00:00:00Z', '400'],
        ['2026-11-12T00:00:00Z', '400'],
      ],
      [
        `INCLUDED 100 @2 0.00 ${CHANGE} 12-01T00:00`,
        `INCLUDED 400 @1 0.00 11-01T00:00 ${CHANGE}`,
        `USAGE 400 @1 0.00 11-01T00:00 ${CHANGE}`,
        `USAGE 400 @2 0.60 ${CHANGE} 12-01T00:00`,
      ],
    ],
    [
      'leaves what came before the first version unpriced',
      [V2],
      [
        ['2026-11-02T00:00:00Z', '400'],
        ['2026-11-12T00:00:00Z', '400'],
      ],
      [`USAGE 400 @ 0.00 11-01T00:00 ${CHANGE}`, `USAGE 400 @2 0.80 ${CHANGE} 12-01T00:00`],
    ],
    [
      'changes nothing where it changes after the month',
      [V1, V2.replace('2026-11-10', '2026-12-10')],
      [['2026-11-12T00:00:00Z', '1000']],
      ['USAGE 1000 @1 1.00 11-01T00:00 12-01T00:00'],
    ],
  ];
  test.each(ROWS)('%s', async (_what, prices, events, lines) => {
    await withPrices(prices, '2026-11-20T12:00:00Z', async (running) => {
      for (const [at, quantity] of events) {
        const given = { orgId: 'o', meter: 'input_tokens', at, quantity };
        await ask(running, 'record', { event: event(given) });
      }
      const invoice = await invoiceOf(running, '2026-11');
      expect(invoice.lines?.toSorted()).toEqual(lines.toSorted());
    });
  });

  test('leaves the line of another price whole', async () => {
    const other = '{meter: input_tokens, match: {model: a}, unit_price: 5, per: 1000}';
    await withPrices([V1, V2, other], '2026-11-20T12:00:00Z', async (running) => {
      for (const at of ['2026-11-02T00:00:00Z', '2026-11-12T00:00:00Z']) {
        const given = { orgId: 'o', meter: 'input_tokens', at, quantity: '1000' };
        await ask(running, 'record', { event: event({ ...given, dimensions: { model: 'a' } }) });
      }
      const { lines } = await invoiceOf(running, '2026-11');
      expect(lines).toEqual(['USAGE 2000 @5 10.00 11-01T00:00 12-01T00:00']);
    });
  });

  test('prices MAX once, by the last version', async () => {
    const prices = [
      '{meter: peak, unit_price: 1}',
      '{meter: peak, unit_price: 2, effective_from: "2026-11-10T00:00:00Z"}',
    ];
    await withPrices(prices, '2026-11-20T12:00:00Z', async (running) => {
      for (const [at, quantity] of [
        ['2026-11-02T00:00:00Z', '9'],
        ['2026-11-12T00:00:00Z', '4'],
      ]) {
        const given = { orgId: 'o', meter: 'peak', at, quantity } as GivenEvent;
        await ask(running, 'record', { event: event(given) });
      }
      const { lines } = await invoiceOf(running, '2026-11');
      expect(lines).toEqual(['USAGE 9 @2 18.00 11-01T00:00 12-01T00:00']);
    });
  });
});

const code = sharedFile('llm-traces/AzureLLMInferenceTrace_code.csv');
const talk = sharedFile('llm-traces/AzureLLMInferenceTrace_conv.csv');
const totals = sharedFile('pricing-vectors/trace_totals.json');
const absent = code.absent || talk.absent || totals.absent;
const note = totals.note || code.note || talk.note;

interface Totals {
  readonly traces: {
    readonly 'AzureLLMInferenceTrace_code.csv': {
      readonly cost: Readonly<
        Record<string, { input: string; output: string; invoice_usd: string }>
      >;
      readonly price_change_case: { split_index: number; invoice_usd: string };
    };
  };
}

interface Row {
  /** RFC 3339, to the millisecond. */
  readonly at: string;
  readonly input: string;
  readonly output: string;
}

function rowsOf(csv: string): readonly Row[] {
  const [, ...lines] = csv.trim().split('\r\n');
  return lines.map((line) => {
    const [stamp = '', input = '', output = ''] = line.split(',');
    return { at: `${stamp.replace(' ', 'T').slice(0, 23)}Z`, input, output };
  });
}

async function feed(running: Running, rows: readonly Row[], model: string): Promise<void> {
  const events = rows.flatMap(({ at, input, output }, i): UsageEvent[] => {
    const given = { at, dimensions: { model } };
    return [
      event({ ...given, eventId: `${model}-${i}-in`, meter: 'input_tokens', quantity: input }),
      event({ ...given, eventId: `${model}-${i}-out`, meter: 'output_tokens', quantity: output }),
    ];
  });
  for (let from = 0; from < events.length; from += 1000) {
    const given = { orgId: model.replace('/', '-'), events: events.slice(from, from + 1000) };
    const { results } = await ask(running, 'recordBatch', given);
    expect(results.every(({ outcome }) => outcome === 1)).toBe(true);
  }
}

/** A line of the list for input, one for output. */
const pricesOf = (model: string, input: string, output: string, from = '1970-01-01T00:00:00Z') =>
  [
    ['input_tokens', input],
    ['output_tokens', output],
  ].map(
    ([meter, price]) =>
      `{meter: ${meter}, match: {model: "${model}"}, unit_price: ${price}, effective_from: "${from}"}`,
  );

describe.skipIf(absent)(`whole traces of requests${note}`, () => {
  const subtotal = async (running: Running, orgId: string) => {
    const { invoice } = await ask(running, 'getInvoice', { orgId, period: '2023-11' });
    return invoice?.subtotal;
  };
  const known = () =>
    (JSON.parse(totals.text()) as Totals).traces['AzureLLMInferenceTrace_code.csv'];

  test('cost what an exact calculation says, for each model', async () => {
    const { cost } = known();
    const prices = Object.entries(cost).flatMap(([model, { input, output }]) =>
      pricesOf(model, input, output),
    );
    const rows = rowsOf(code.text());
    expect(rows).toHaveLength(8819);
    await withPrices(prices, '2023-11-20T00:00:00Z', async (running) => {
      for (const [model, { invoice_usd }] of Object.entries(cost)) {
        await feed(running, rows, model);
        const found = await subtotal(running, model.replace('/', '-'));
        expect([model, found]).toEqual([model, invoice_usd]);
      }
    });
  });

  test('cost what an exact calculation says where the price changes half way', async () => {
    const { price_change_case } = known();
    const rows = rowsOf(code.text());
    const { split_index } = price_change_case;
    const change = rows[split_index]?.at ?? '';
    expect(change > (rows[split_index - 1]?.at ?? '')).toBe(true);
    const prices = [
      ...pricesOf('o3', '0.00001', '0.00004'),
      ...pricesOf('o3', '0.000002', '0.000008', change),
    ];
    await withPrices(prices, '2023-11-20T00:00:00Z', async (running) => {
      await feed(running, rows, 'o3');
      expect(await subtotal(running, 'o3')).toBe(price_change_case.invoice_usd);
    });
  });

  test('cost 5.80 of small prices, not 0.00', async () => {
    const prices = pricesOf('gpt-4o-mini', '0.00000015', '0.0000006');
    await withPrices(prices, '2023-11-20T00:00:00Z', async (running) => {
      await feed(running, rowsOf(talk.text()), 'gpt-4o-mini');
      const { invoice } = await ask(running, 'getInvoice', {
        orgId: 'gpt-4o-mini',
        period: '2023-11',
      });
      expect(invoice?.lines.map(({ amount }) => amount)).toEqual(['3.35', '2.45']);
      expect(invoice?.subtotal).toBe('5.80');
    });
  });
});
