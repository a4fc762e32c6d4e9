import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUnits } from '../../src/base/decimal.js';
import {
  isMeasurement,
  parseRunText,
  RUN_UNITS_SCALE,
  type Run,
  type RunUnitTable,
  runText,
  runUnits,
} from '../../src/domain/metering/run-units.js';
import { exampleCatalogue } from '../../src/seed/example.js';
import { plainText, roundText } from '../base/naive.js';
import { compiled } from '../support/compiled.js';
import { decimal, labels } from './given.js';

const table = compiled(exampleCatalogue()).runUnits;
const free: RunUnitTable = { ...table, overheads: new Map([['', decimal('0')]]) };

const NOTHING: Run = { cpuSeconds: undefined, gpuSeconds: undefined, latencyMs: undefined };
const seconds = fc.double({ min: 0, max: 1e6, noNaN: true });
const tiers = fc.constantFrom('', 'standard', 'heavy', 'ultra', 'galactic');
const tools = fc.constantFrom('', 'sandbox_execute', 'build_module', 'somebody_elses');
const figure = fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), {
  nil: undefined,
});

function units(run: Partial<Run>, tier = '', tool = '', by = table): string {
  const { quanta } = runUnits({ ...NOTHING, ...run }, labels({ tier, tool }), by);
  return formatUnits(quanta, RUN_UNITS_SCALE);
}

describe('the run units of a call', () => {
  test.each<[cpu: number, gpu: number, tier: string, tool: string, units: string]>([
    [0.5, 0, 'standard', '', '0.6'],
    [0.5, 0, 'heavy', '', '0.85'],
    [1, 0, 'heavy', '', '1.6'],
    [1, 0, 'ultra', '', '3.1'],
    [1, 0, 'standard', 'sandbox_execute', '1.2'],
    [0, 0, 'standard', 'build_module', '0.5'],
    [0.5, 2.0, 'standard', '', '2.1'],
    [0, 0, 'standard', '', '0.1'],
    [1, 0, 'galactic', '', '1.1'],
    [0.333333, 0, 'standard', '', '0.4333'],
    [1.5, 0, 'heavy', 'sandbox_execute', '2.45'],
    [0, 0, 'ultra', 'validate_module', '0.3'],
    [0.03125, 0, 'standard', 'build_module', '0.5312'],
    [0, 0, 'standard', 'install_module', '0.2'],
    [0, 0, 'standard', 'write_module_code', '0.3'],
    [0, 0, 'standard', 'somebody_elses', '0.1'],
    [0, 0, 'standard', 'default', '0.1'],
    [1, 0, '', '', '1.1'],
    [5e-324, 0, 'standard', '', '0.1'],
    [1e21, 0, 'ultra', '', '3000000000000000000000.1'],
  ])('cpu %d s, gpu %d s, tier "%s", tool "%s": %s', (cpu, gpu, tier, tool, expected) => {
    expect(units({ cpuSeconds: cpu, gpuSeconds: gpu }, tier, tool)).toBe(expected);
  });

  test.each<[run: Partial<Run>, units: string]>([
    [{ latencyMs: 250 }, '0.35'],
    [{ latencyMs: 250, cpuSeconds: 0 }, '0.1'],
    [{ latencyMs: 250, gpuSeconds: 2 }, '2.1'],
    [{ latencyMs: 3000, gpuSeconds: 2 }, '3.1'],
    [{ gpuSeconds: 2 }, '2.1'],
    [{ latencyMs: 0.05 }, '0.1'],
    [{ latencyMs: 0.15 }, '0.1002'],
  ])('latency stands in where cpu is absent: %o is %s', (run, expected) => {
    expect(units(run)).toBe(expected);
  });

  test('without labels they are those of the standard tier and no tool', () => {
    const { quanta, unknownTier } = runUnits({ ...NOTHING, cpuSeconds: 0.5 }, new Map(), table);
    expect([quanta, unknownTier]).toEqual([6000n, undefined]);
  });

  test('with no overhead and no time used, the floor of 0.01 shows', () => {
    expect(units({ cpuSeconds: 0 }, '', '', free)).toBe('0.01');
    expect(units({ cpuSeconds: 0.01 }, '', '', free)).toBe('0.01');
    expect(units({ cpuSeconds: 0.010001 }, '', '', free)).toBe('0.01');
    expect(units({ cpuSeconds: 0.0101 }, '', '', free)).toBe('0.0101');
  });

  test('the tables and the floor are configuration', () => {
    const own: RunUnitTable = {
      tiers: new Map([['standard', decimal('2')]]),
      overheads: new Map(),
      floor: decimal('5'),
    };
    expect(units({ cpuSeconds: 1 }, '', '', own)).toBe('5');
    expect(units({ cpuSeconds: 3 }, 'standard', '', own)).toBe('6');
  });

  test('an estimate is the sum of the rounded values of its calls', () => {
    const calls = [
      units({ latencyMs: 200 }),
      units({ latencyMs: 1500 }, '', 'sandbox_execute'),
      units({ latencyMs: 3000 }, '', 'build_module'),
    ];
    expect(calls).toEqual(['0.3', '1.7', '3.5']);
    expect(calls.reduce((sum, call) => sum + Number(call) * 10, 0)).toBe(55);
  });

  test('two calls of 0.00005 s are rounded one by one: 0.2, not 0.2001', () => {
    const { quanta } = runUnits({ ...NOTHING, cpuSeconds: 0.00005 }, new Map(), table);
    expect(formatUnits(quanta + quanta, RUN_UNITS_SCALE)).toBe('0.2');
  });
});

describe('a tier', () => {
  test.each<[tier: string, unknown: string | undefined]>([
    ['galactic', 'galactic'],
    ['Standard', 'Standard'],
    [' heavy', ' heavy'],
    ['standard', undefined],
    ['heavy', undefined],
    ['ultra', undefined],
    ['', undefined],
  ])('"%s" is reported as unknown: %s', (tier, unknown) => {
    expect(runUnits({ ...NOTHING, cpuSeconds: 1 }, labels({ tier }), table).unknownTier).toBe(
      unknown,
    );
  });

  test('that the table leaves out counts as 1.0, and standard is then no surprise', () => {
    const none = { ...table, tiers: new Map() };
    const run = { ...NOTHING, cpuSeconds: 1 };
    expect(runUnits(run, new Map(), none)).toEqual({ quanta: 11_000n, unknownTier: undefined });
    expect(runUnits(run, labels({ tier: 'heavy' }), none).unknownTier).toBe('heavy');
  });

  test('that is unknown costs the same as the standard one', () => {
    fc.assert(
      fc.property(seconds, tools, (cpuSeconds, tool) => {
        expect(units({ cpuSeconds }, 'galactic', tool)).toBe(units({ cpuSeconds }, '', tool));
      }),
    );
  });
});

describe('run units', () => {
  test('are never below the floor', () => {
    fc.assert(
      fc.property(seconds, tiers, tools, (cpuSeconds, tier, tool) => {
        const run = { ...NOTHING, cpuSeconds };
        for (const by of [table, free]) {
          expect(runUnits(run, labels({ tier, tool }), by).quanta).toBeGreaterThanOrEqual(100n);
        }
      }),
    );
  });

  test('never fall when cpu or gpu time grows', () => {
    fc.assert(
      fc.property(seconds, seconds, seconds, tiers, tools, (a, b, other, tier, tool) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const of = (run: Partial<Run>) =>
          runUnits({ ...NOTHING, ...run }, labels({ tier, tool }), table).quanta;
        const gpuSeconds = other;
        expect(of({ cpuSeconds: less, gpuSeconds })).toBeLessThanOrEqual(
          of({ cpuSeconds: more, gpuSeconds }),
        );
        expect(of({ gpuSeconds: less, cpuSeconds: other })).toBeLessThanOrEqual(
          of({ gpuSeconds: more, cpuSeconds: other }),
        );
      }),
    );
  });

  test('of the standard tier agree with rounding the digits of the text', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e9, noNaN: true }), (cpuSeconds) => {
        const rounded = roundText(plainText(cpuSeconds), RUN_UNITS_SCALE, 'even');
        expect(units({ cpuSeconds }, '', '', free)).toBe(
          rounded.replace(/0+$/, '').replace(/\.$/, ''),
        );
      }),
    );
  });
});

describe('a measurement', () => {
  test.each<[value: number, valid: boolean]>([
    [0, true],
    [-0, true],
    [5e-324, true],
    [Number.MAX_VALUE, true],
    [-5e-324, false],
    [-1, false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
    [Number.NEGATIVE_INFINITY, false],
  ])('of %d is valid: %s', (value, valid) => {
    expect(isMeasurement(value)).toBe(valid);
  });

  test.each<[run: Partial<Run>, text: string]>([
    [{ cpuSeconds: 0.5 }, 'cpu=0.5;gpu=;ms='],
    [{ cpuSeconds: 0, gpuSeconds: 2 }, 'cpu=0;gpu=2;ms='],
    [{ latencyMs: 1e-7 }, 'cpu=;gpu=;ms=1e-7'],
  ])('%o has one text: %s', (run, text) => {
    expect(runText({ ...NOTHING, ...run })).toBe(text);
  });

  test('reads back from its text as it was sent', () => {
    fc.assert(
      fc.property(figure, figure, figure, (cpuSeconds, gpuSeconds, latencyMs) => {
        const run = { cpuSeconds, gpuSeconds, latencyMs };
        expect(parseRunText(runText(run))).toEqual(run);
      }),
    );
  });

  test.each(['', '5', '0.5', 'cpu=1'])(
    'no run is read from "%s", the text of a quantity',
    (text) => {
      expect(parseRunText(text)).toBeUndefined();
    },
  );
});
