import { describe, expect, it } from 'vitest';
import { openEventLoopDelay } from '../../src/telemetry/event-loop-delay.js';
import { makeHistogram } from '../../src/telemetry/instruments.js';

describe('a histogram', () => {
  const bounds = [1, 5, 10];
  const cases: [string, number[], number[], number][] = [
    ['is empty at first', [], [0, 0, 0, 0], 0],
    ['counts a bound into its own bucket', [1, 5, 10], [1, 2, 3, 3], 16],
    [
      'counts what is beyond the last bound',
      [11, Number.POSITIVE_INFINITY],
      [0, 0, 0, 2],
      Infinity,
    ],
    ['takes what is no measurement as 0', [Number.NaN, -1, 0], [3, 3, 3, 3], 0],
    ['adds up buckets, each with those below', [0.5, 3, 3, 7], [1, 3, 4, 4], 13.5],
  ];
  it.each(cases)('%s', (_, values, buckets, sum) => {
    const histogram = makeHistogram({ bounds, perBaseUnit: 1 });
    for (const value of values) histogram.observe(value);
    const samples = histogram.samples('x', { a: 'b' });
    expect(samples.map(({ metricName, labels }) => [metricName, labels['le'] ?? ''])).toEqual([
      ['x_bucket', '1'],
      ['x_bucket', '5'],
      ['x_bucket', '10'],
      ['x_bucket', '+Inf'],
      ['x_sum', ''],
      ['x_count', ''],
    ]);
    expect(samples.map(({ value }) => value)).toEqual([...buckets, sum, values.length]);
    expect(samples.every(({ labels }) => labels['a'] === 'b')).toBe(true);
    expect(histogram.count()).toBe(values.length);
  });

  it('shows milliseconds as seconds without tails of binary fractions', () => {
    const ms = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 2500];
    const histogram = makeHistogram({ bounds: ms, perBaseUnit: 1000 });
    const edges = histogram.samples('x', {}).map(({ labels }) => labels['le'] ?? '');
    expect(edges.join(' ').trim()).toBe(
      '0.00005 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 1 2.5 +Inf',
    );
  });

  it('has bounds that rise', () => {
    expect(() => makeHistogram({ bounds: [1, 1], perBaseUnit: 1 })).toThrow('bounds rise');
  });
});

describe('the delay of the event loop', () => {
  function open() {
    let nowMs = 0;
    let valuesNs: number[] = [];
    const monitor = {
      percentile: (percent: number) =>
        valuesNs[Math.ceil((valuesNs.length * percent) / 100) - 1] ?? 0,
      get max() {
        return valuesNs.at(-1) ?? 0;
      },
      get count() {
        return valuesNs.length;
      },
      reset: () => {
        valuesNs = [];
      },
      disable: () => true,
    };
    const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs };
    return {
      delay: openEventLoopDelay(clock, monitor),
      /** The monitor's period of 20 ms is part of what it records. */
      record: (delayMs: number) => {
        valuesNs = [...valuesNs, (20 + delayMs) * 1e6].sort((a, b) => a - b);
      },
      passMs: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  it('is what comes on top of the monitor’s own period', () => {
    const { delay, record } = open();
    for (const delayMs of [0, 1, 400]) record(delayMs);
    expect(delay.read()).toEqual({ median: 0.001, p99: 0.4, longest: 0.4 });
  });

  it('is 0 before anything was measured', () => {
    expect(open().delay.read()).toEqual({ median: 0, p99: 0, longest: 0 });
  });

  it('shows a stall to two scrapers, and not for ever', () => {
    const { delay, record, passMs } = open();
    const longest: number[] = [];
    record(300);
    for (let i = 0; i < 4; i++) {
      passMs(8000);
      longest.push(delay.read().longest);
    }
    // At 8 s within the window, at 16 s it ends, at 24 s it is the one before, at 32 s it is gone.
    expect(longest).toEqual([0.3, 0.3, 0.3, 0]);
  });

  it('is measured by Node.js where no other monitor is given', () => {
    const clock = { wallMs: () => 0, monotonicMs: () => 0 };
    const delay = openEventLoopDelay(clock);
    expect(Object.values(delay.read()).every((seconds) => seconds >= 0)).toBe(true);
    delay.close();
  });
});
