import { describe, expect, test } from 'vitest';
import {
  changesWithin,
  type Segment,
  type UsageLine,
  type UsagePart,
  usageLines,
} from '../../src/domain/invoicing/usage-lines.js';
import { AGGREGATIONS, type Aggregation } from '../../src/domain/metering/meter.js';
import { formatMinor } from '../../src/domain/pricing/money.js';
import { inPrecedence } from '../../src/domain/pricing/price.js';
import { sharedFile } from '../support/shared-files.js';
import { decimal, givenMeter, givenPart, givenPrice, givenValues, utc } from './given.js';

const START = utc('2026-11-01');
const CHANGE = utc('2026-11-16');
const END = utc('2026-12-01');

const meter = givenMeter();

function whole(...parts: readonly UsagePart[]): readonly Segment[] {
  return [{ startMs: START, endMs: END, parts }];
}

function halves(first: readonly UsagePart[], second: readonly UsagePart[]): readonly Segment[] {
  return [
    { startMs: START, endMs: CHANGE, parts: first },
    { startMs: CHANGE, endMs: END, parts: second },
  ];
}

function shown(lines: readonly UsageLine[], currency = 'USD'): string[] {
  return lines.map(({ kind, quanta, amountMinor }) => {
    return `${kind} ${quanta} ${formatMinor(amountMinor, currency)}`;
  });
}

function subtotal(lines: readonly UsageLine[]): string {
  return formatMinor(
    lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n),
    'USD',
  );
}

describe('the lines of one price', () => {
  test('per 1000: 100,000 at 0.002 are 0.20', () => {
    const price = givenPrice([], [{ unit: '0.002', per: '1000' }]);
    const [line] = usageLines(meter, [price], whole(givenPart(100_000n)), 'USD');
    expect(shown(line === undefined ? [] : [line])).toEqual(['USAGE 100000 0.20']);
    expect(line).toMatchObject({ version: price.versions[0], startMs: START, endMs: END });
  });

  test('add the label sets up before the one rounding', () => {
    const price = givenPrice([], [{ unit: '0.001' }]);
    const parts = ['a', 'b', 'c', 'd'].map((model, i) => givenPart(1n, { model }, i + 1));
    const lines = usageLines(meter, [price], whole(...parts), 'USD');
    expect(shown(lines)).toEqual(['USAGE 4 0.00']);
    const more = usageLines(meter, [price], whole(...parts, givenPart(1n, {}, 5)), 'USD');
    expect(shown(more)).toEqual(['USAGE 5 0.01']);
  });

  test('join the proofs of their label sets', () => {
    const price = givenPrice([], [{ unit: '1' }]);
    const parts = [givenPart(1n, {}, 9), givenPart(1n, { model: 'a' }, 4)];
    const [line] = usageLines(meter, [price], whole(...parts), 'USD');
    expect(line?.proof).toEqual({
      events: 2,
      firstSequence: 4,
      lastSequence: 9,
      hashLow: 13,
      hashHigh: 0,
    });
  });

  test.each<[currency: string, shown: string]>([
    ['JPY', 'USAGE 5 3'],
    ['USD', 'USAGE 5 2.50'],
    ['KWD', 'USAGE 5 2.500'],
  ])('round to the minor unit of %s: %s', (currency, expected) => {
    const price = givenPrice([], [{ unit: '0.5' }]);
    expect(shown(usageLines(meter, [price], whole(givenPart(5n)), currency), currency)).toEqual([
      expected,
    ]);
  });

  test('show usage of 0, for that is an event', () => {
    const price = givenPrice([], [{ unit: '1' }]);
    expect(shown(usageLines(meter, [price], whole(givenPart(0n)), 'USD'))).toEqual([
      'USAGE 0 0.00',
    ]);
  });

  test('are none where nothing was used', () => {
    expect(usageLines(meter, [givenPrice([], [{ unit: '1' }])], whole(), 'USD')).toEqual([]);
  });
});

test('three lines of 0.005 are 0.01 each, and the subtotal is their sum: 0.03', () => {
  const prices = ['a', 'b', 'c'].map((model) =>
    givenPrice([['model', model]], [{ unit: '0.005' }]),
  );
  const parts = ['a', 'b', 'c'].map((model, i) => givenPart(1n, { model }, i + 1));
  const lines = usageLines(meter, prices, whole(...parts), 'USD');
  expect(shown(lines)).toEqual(['USAGE 1 0.01', 'USAGE 1 0.01', 'USAGE 1 0.01']);
  expect(subtotal(lines)).toBe('0.03');
});

test('usage goes to the price of the plan before that of the list, and to the most special', () => {
  const prices = inPrecedence([
    givenPrice([], [{ unit: '1' }], 'price_list'),
    givenPrice([['model', 'large']], [{ unit: '10' }], 'price_list'),
    givenPrice([['model', 'small']], [{ unit: '2' }]),
  ]);
  const parts = [
    givenPart(1n, { model: 'large' }, 1),
    givenPart(1n, { model: 'small' }, 2),
    givenPart(1n, { model: 'other' }, 3),
    givenPart(1n, {}, 4),
  ];
  const lines = usageLines(meter, prices, whole(...parts), 'USD');
  expect(lines.map(({ match, amountMinor }) => [match[0]?.[1], amountMinor])).toEqual([
    ['large', 1000n],
    ['small', 200n],
    [undefined, 200n],
  ]);
});

describe('a price that changes within the period', () => {
  const price = givenPrice([], [{ unit: '1' }, { unit: '2', from: '2026-11-16' }]);

  test('rates each part by the version in force: 80 × 1 + 80 × 2', () => {
    const segments = halves([givenPart(80n)], [givenPart(80n, {}, 2)]);
    const lines = usageLines(meter, [price], segments, 'USD');
    expect(shown(lines)).toEqual(['USAGE 80 80.00', 'USAGE 80 160.00']);
    expect(lines.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [START, CHANGE],
      [CHANGE, END],
    ]);
  });

  test('rounds the sum of the parts, so that a later part may be less than it is alone', () => {
    const small = givenPrice([], [{ unit: '0.005' }, { unit: '0.005', from: '2026-11-16' }]);
    const lines = usageLines(meter, [small], halves([givenPart(1n)], [givenPart(1n)]), 'USD');
    expect(shown(lines)).toEqual(['USAGE 1 0.01', 'USAGE 1 0.00']);
  });

  test('counts what is included over the whole period', () => {
    const included = givenPrice(
      [],
      [
        { unit: '1', included: 100n },
        { unit: '2', included: 100n, from: '2026-11-16' },
      ],
    );
    const segments = halves([givenPart(80n)], [givenPart(80n, {}, 2)]);
    const lines = usageLines(meter, [included], segments, 'USD');
    expect(shown(lines)).toEqual([
      'USAGE 80 0.00',
      'INCLUDED 80 0.00',
      'USAGE 80 120.00',
      'INCLUDED 20 0.00',
    ]);
  });

  test('begins anew where another price takes over', () => {
    const prices = inPrecedence([
      givenPrice([], [{ unit: '1', included: 10n }], 'price_list'),
      givenPrice([], [{ unit: '2', included: 10n, from: '2026-11-16' }]),
    ]);
    const lines = usageLines(meter, prices, halves([givenPart(15n)], [givenPart(15n)]), 'USD');
    expect(shown(lines)).toEqual([
      'USAGE 15 5.00',
      'INCLUDED 10 0.00',
      'USAGE 15 10.00',
      'INCLUDED 10 0.00',
    ]);
  });

  test('was none before its first version, and that usage is unpriced', () => {
    const late = givenPrice([], [{ unit: '1', from: '2026-11-16' }]);
    const lines = usageLines(meter, [late], halves([givenPart(5n)], [givenPart(7n)]), 'USD');
    expect(shown(lines)).toEqual(['USAGE 5 0.00', 'USAGE 7 7.00']);
    expect(lines.map(({ version }) => version)).toEqual([undefined, late.versions[0]]);
  });

  test.each<[aggregation: Aggregation, changes: readonly number[]]>([
    ['SUM', [CHANGE]],
    ['COUNT', [CHANGE]],
    ['MAX', []],
    ['LAST', []],
    ['UNIQUE', []],
  ])('cuts the period of %s at %j', (aggregation, changes) => {
    const own = givenMeter({ aggregation });
    expect(changesWithin([price, price], own, START, END)).toEqual(changes);
  });

  test('cuts nothing at the start or the end of the period', () => {
    const edges = givenPrice(
      [],
      [
        { unit: '1', from: '2026-11-01' },
        { unit: '2', from: '2026-12-01' },
      ],
    );
    expect(changesWithin([edges], meter, START, END)).toEqual([]);
  });

  test('cuts in order of time, each change once', () => {
    const earlier = givenPrice([], [{ unit: '1', from: '2026-11-03' }]);
    const cuts = [utc('2026-11-03'), CHANGE];
    expect(changesWithin([price, earlier, earlier], meter, START, END)).toEqual(cuts);
  });

  test.each<Aggregation>(['MAX', 'LAST', 'UNIQUE'])(
    'prices %s once, by the last version',
    (aggregation) => {
      const own = givenMeter({ aggregation });
      const lines = usageLines(own, [price], whole(givenPart(7n)), 'USD');
      expect(shown(lines)).toEqual(['USAGE 7 14.00']);
      expect(lines[0]?.version).toBe(price.versions[1]);
    },
  );

  test('leaves a price of the same meter that does not change in one line', () => {
    const steady = givenPrice([['model', 'small']], [{ unit: '1' }]);
    const changing = givenPrice(
      [['model', 'large']],
      [{ unit: '1' }, { unit: '2', from: '2026-11-16' }],
    );
    const used = (sequence: number) => [givenPart(1n, { model: 'small' }, sequence)];
    const lines = usageLines(meter, [steady, changing], halves(used(1), used(2)), 'USD');
    expect(shown(lines)).toEqual(['USAGE 2 2.00']);
    expect(lines[0]).toMatchObject({ startMs: START, endMs: END, proof: { events: 2 } });
  });

  test('keeps a tie that two versions reach together', () => {
    const thirds = givenPrice(
      [],
      [
        { unit: '0.001', per: '3' },
        { unit: '0.014', per: '3', from: '2026-11-16' },
      ],
    );
    const lines = usageLines(meter, [thirds], halves([givenPart(1n)], [givenPart(1n)]), 'USD');
    expect(subtotal(lines)).toBe('0.01');
  });
});

interface Traces {
  readonly traces: Readonly<Record<string, Trace>>;
}
interface Trace {
  readonly stats: { readonly input_tokens: number; readonly output_tokens: number };
  readonly price_change_case: {
    readonly tokens_before: readonly [input: number, output: number];
    readonly invoice_usd: string;
  };
}
const totals = sharedFile('pricing-vectors/trace_totals.json');

test.skipIf(totals.absent)(
  `a real trace over a real change of price is billed alike${totals.note}`,
  () => {
    const traces = Object.values(totals.read<Traces>().traces);
    const bills = traces.map(({ stats, price_change_case: { tokens_before } }) => {
      const [input, output] = tokens_before;
      const lines = [
        ...linesOver(['0.00001', '0.000002'], input, stats.input_tokens),
        ...linesOver(['0.00004', '0.000008'], output, stats.output_tokens),
      ];
      return subtotal(lines);
    });
    expect(bills).toEqual(traces.map((trace) => trace.price_change_case.invoice_usd));
  },
);

function linesOver(units: readonly [string, string], before: number, all: number) {
  const price = givenPrice([], [{ unit: units[0] }, { unit: units[1], from: '2026-11-16' }]);
  const parts = [givenPart(BigInt(before)), givenPart(BigInt(all - before), {}, 2)] as const;
  return usageLines(meter, [price], halves([parts[0]], [parts[1]]), 'USD');
}

describe('several label sets under one price', () => {
  const price = givenPrice([], [{ unit: '1' }]);
  const eu = { region: 'eu' };
  const us = { region: 'us' };

  test.each<[aggregation: Aggregation, line: string, what: string]>([
    ['SUM', 'USAGE 8 8.00', 'the sum'],
    ['COUNT', 'USAGE 8 8.00', 'the number of events'],
    ['MAX', 'USAGE 5 5.00', 'the greatest quantity'],
    ['LAST', 'USAGE 8 8.00', 'the sum of the levels'],
  ])('of %s cost %s: %s', (aggregation, line) => {
    const own = givenMeter({ aggregation });
    const parts = [givenPart(5n, eu, 1), givenPart(3n, us, 2)];
    for (const order of [parts, [...parts].reverse()]) {
      expect(shown(usageLines(own, [price], whole(...order), 'USD'))).toEqual([line]);
    }
  });

  test('of UNIQUE cost the distinct values, though label sets share some', () => {
    const own = givenMeter({ aggregation: 'UNIQUE' });
    const parts = [givenValues(['ann', 'bob'], eu, 1), givenValues(['bob', 'eve'], us, 2)];
    expect(shown(usageLines(own, [price], whole(...parts), 'USD'))).toEqual(['USAGE 3 3.00']);
  });

  test.each<Aggregation>(['MAX', 'UNIQUE'])(
    'of %s that are unpriced show one value',
    (aggregation) => {
      const own = givenMeter({ aggregation });
      const parts = [givenValues(['ann'], eu, 1), givenValues(['ann'], us, 2)];
      expect(shown(usageLines(own, [], whole(...parts), 'USD'))).toEqual(['USAGE 1 0.00']);
    },
  );

  test('of UNIQUE with prices of their own are counted by price', () => {
    const own = givenMeter({ aggregation: 'UNIQUE' });
    const prices = [givenPrice([['region', 'eu']], [{ unit: '2' }]), price];
    const parts = [givenValues(['ann', 'bob'], eu, 1), givenValues(['bob'], us, 2)];
    const lines = usageLines(own, prices, whole(...parts), 'USD');
    expect(shown(lines)).toEqual(['USAGE 2 4.00', 'USAGE 1 1.00']);
  });
});

test.each(AGGREGATIONS)('a label set alone costs its own value with %s', (aggregation) => {
  const price = givenPrice([], [{ unit: '3' }]);
  const lines = usageLines(givenMeter({ aggregation }), [price], whole(givenPart(4n)), 'USD');
  expect(shown(lines)).toEqual(['USAGE 4 12.00']);
});

describe('an included quantity', () => {
  test.each<[used: bigint, lines: readonly string[]]>([
    [0n, ['USAGE 0 0.00']],
    [99n, ['USAGE 99 0.00', 'INCLUDED 99 0.00']],
    [100n, ['USAGE 100 0.00', 'INCLUDED 100 0.00']],
    [101n, ['USAGE 101 0.50', 'INCLUDED 100 0.00']],
  ])('of 100, with %s used, has a line of amount 0 for information', (used, expected) => {
    const price = givenPrice([], [{ unit: '0.5', included: 100n }]);
    expect(shown(usageLines(meter, [price], whole(givenPart(used)), 'USD'))).toEqual(expected);
  });
});

describe('usage without a price', () => {
  const parts = [givenPart(3n, { service: 'a' }, 1), givenPart(5n, { service: 'b' }, 2)];

  test.each(['zero', 'reject'] as const)('under the policy %s is one line of amount 0', (kind) => {
    const own = givenMeter({ unpriced: { kind } });
    const lines = usageLines(own, [], halves(parts, parts), 'USD');
    expect(shown(lines)).toEqual(['USAGE 16 0.00']);
    expect(lines[0]).toMatchObject({
      match: [],
      version: undefined,
      defaultPrice: undefined,
      startMs: START,
      endMs: END,
    });
  });

  test('under a default amount is one line per label set, at that price', () => {
    const amount = decimal('0.01');
    const own = givenMeter({ scale: 1, unpriced: { kind: 'default', amount } });
    const lines = usageLines(own, [], halves(parts, parts), 'USD');
    expect(shown(lines)).toEqual(['USAGE 6 0.01', 'USAGE 10 0.01']);
    expect(lines.map(({ match, defaultPrice }) => [match, defaultPrice])).toEqual([
      [[['service', 'a']], amount],
      [[['service', 'b']], amount],
    ]);
  });
});
