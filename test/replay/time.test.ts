import { describe, expect, test } from 'vitest';
import { parseTime, type TimeFormat, toTimestamp } from '../../src/ops/replay/time.js';

const NOON_NS = 1_700_136_000_000_000_000n; // 2023-11-16T12:00:00Z

describe('a time in a trace', () => {
  test.each<[format: TimeFormat, text: string, ns: bigint]>([
    ['auto', '2023-11-16T12:00:00Z', NOON_NS],
    ['auto', '2023-11-16t12:00:00z', NOON_NS],
    ['auto', '2023-11-16T13:30:00+01:30', NOON_NS],
    ['auto', '2023-11-16T04:00:00-08:00', NOON_NS],
    ['auto', '2023-11-16T12:00:00.000000001Z', NOON_NS + 1n],
    ['auto', '2023-11-16 12:00:00.009930+00:00', NOON_NS + 9_930_000n],
    ['auto', '2023-11-16 12:00:00.9799600', NOON_NS + 979_960_000n],
    ['auto', '2023-11-16 12:00:00', NOON_NS],
    ['auto', '1700136000', NOON_NS],
    ['auto', '1700136000.0000000019', NOON_NS + 1n],
    ['auto', '1700136000000', NOON_NS],
    ['auto', '1700136000000.5', NOON_NS + 500_000n],
    ['auto', '0', 0n],
    ['unix', '1700136000.25', NOON_NS + 250_000_000n],
    ['unix-ms', '5', 5_000_000n],
    ['azure', '2024-02-29 00:00:00.0000000', 1_709_164_800_000_000_000n],
    ['rfc3339', '1969-12-31T23:59:59.999Z', -1_000_000n],
  ])('in format %s, %s, is read exactly', (format, text, ns) => {
    expect(parseTime(text, format)).toBe(ns);
  });

  test.each<[format: TimeFormat, text: string]>([
    ['auto', ''],
    ['auto', 'yesterday'],
    ['auto', '2023-11-16'],
    ['auto', '2023-11-16T12:00:00'],
    ['auto', '2023-02-29T12:00:00Z'],
    ['auto', '2023-13-01T12:00:00Z'],
    ['auto', '2023-11-16T24:00:00Z'],
    ['auto', '2023-11-16T12:00:60Z'],
    ['auto', '2023-11-16T12:00:00+24:00'],
    ['auto', '-5'],
    ['auto', '1e9'],
    ['rfc3339', '2023-11-16 12:00:00.9799600'],
    ['rfc3339', '1700136000'],
    ['azure', '2023-11-16T12:00:00Z'],
    ['unix', '2023-11-16T12:00:00Z'],
  ])('in format %s, "%s", is refused', (format, text) => {
    expect(parseTime(text, format)).toBeUndefined();
  });

  test.each([
    [NOON_NS + 979_960_000n, { seconds: 1_700_136_000n, nanos: 979_960_000 }],
    [-1n, { seconds: -1n, nanos: 999_999_999 }],
  ])('%s ns becomes a timestamp whose nanos count forward', (ns, timestamp) => {
    expect(toTimestamp(ns)).toEqual(timestamp);
  });
});
