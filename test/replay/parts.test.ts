import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { RetryInfo, Status } from '../../generated/ts/google/rpc/error_details.js';
import type { Clock } from '../../src/base/clock.js';
import { type CallStatus, callFailure } from '../../src/ops/remote/call-error.js';
import { openBackoff } from '../../src/ops/replay/backoff.js';
import { openLatencyHistogram } from '../../src/ops/replay/latency.js';
import { openPace } from '../../src/ops/replay/pace.js';
import { openProgress } from '../../src/ops/replay/progress.js';
import { failure } from './metering-server.js';
import { openSink } from './replay-run.js';

interface SimulatedClock extends Clock {
  readonly advance: (ms: number) => void;
}

function simulatedClock(): SimulatedClock {
  let nowMs = 1000;
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

describe('the pace', () => {
  const SECOND_NS = 1_000_000_000n;

  test('keeps the gaps of the trace, divided by the factor', () => {
    const clock = simulatedClock();
    const pace = openPace(10, clock);
    expect(pace.waitMs(100n * SECOND_NS)).toBe(0);
    expect(pace.waitMs(102n * SECOND_NS)).toBe(200);
    clock.advance(150);
    expect(pace.waitMs(102n * SECOND_NS)).toBe(50);
  });

  test.each([
    ['late', 101n],
    ['out of order', 1n],
  ])('lets a row that is %s go at once', (_what, second) => {
    const clock = simulatedClock();
    const pace = openPace(1, clock);
    pace.waitMs(100n * SECOND_NS);
    clock.advance(5000);
    expect(pace.waitMs(second * SECOND_NS)).toBe(0);
  });

  test('holds nothing back at full speed', () => {
    const pace = openPace('max', simulatedClock());
    pace.waitMs(0n);
    expect(pace.waitMs(1_000_000n * SECOND_NS)).toBe(0);
  });
});

describe('the text of a failed call', () => {
  test.each([
    ['Last error: connect ECONNREFUSED. Resolution note: ', ': Last error: connect ECONNREFUSED'],
    ['Last error: a. Resolution note: b', ': Last error: a. Resolution note: b'],
    ['', ''],
  ])('%j ends as %j', (details, end) => {
    const given = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    const { message } = callFailure(given, { reason: '', retryDelayMs: 0 }, ' twice');
    expect(message).toBe(`the call failed with UNAVAILABLE twice${end}`);
  });
});

describe('the back-off', () => {
  const unavailable = failure(status.UNAVAILABLE, 'OVERLOADED');

  test('doubles up to a bound, between half and all of it', () => {
    const longest = openBackoff(9, () => 1);
    const shortest = openBackoff(9, () => 0);
    const waits = Array.from({ length: 8 }, () => longest.nextMs(unavailable));
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect([shortest.nextMs(unavailable), shortest.nextMs(unavailable)]).toEqual([50, 100]);
  });

  test('starts anew after progress, and ends without', () => {
    const backoff = openBackoff(2, () => 1);
    backoff.nextMs(unavailable);
    backoff.nextMs(unavailable);
    backoff.reset();
    expect([backoff.nextMs(unavailable), backoff.nextMs(unavailable)]).toEqual([100, 200]);
    expect(() => backoff.nextMs(unavailable)).toThrow('after 2 retries without progress');
  });

  test('is no shorter than the server asks for', () => {
    expect(openBackoff(1).nextMs(asking(30n))).toBe(30_000);
    expect(openBackoff(1).nextMs(asking(86_400n))).toBe(60_000);
  });

  test.each([
    [status.UNAVAILABLE, 'DRAINING', 'retried'],
    [status.INTERNAL, '', 'retried'],
    [status.CANCELLED, '', 'retried'],
    [status.RESOURCE_EXHAUSTED, 'RATE_LIMITED', 'retried'],
    [status.RESOURCE_EXHAUSTED, 'JOURNAL_FULL', 'final'],
    [status.PERMISSION_DENIED, 'ORG_MISMATCH', 'final'],
    [status.INVALID_ARGUMENT, 'FIELD_INVALID', 'final'],
    [status.UNIMPLEMENTED, '', 'final'],
  ])('takes %s %s for %s', (code, reason, expected) => {
    const next = () => openBackoff(1).nextMs(failure(code, reason));
    if (expected === 'final') expect(next).toThrow(`the call failed with ${status[code]}`);
    else expect(next()).toBeGreaterThan(0);
  });

  test('goes by the code where the details cannot be read', () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff]));
    const error: CallStatus = { code: status.UNAVAILABLE, details: '', metadata };
    expect(openBackoff(1).nextMs(error)).toBeGreaterThan(0);
  });
});

function asking(seconds: bigint): CallStatus {
  const info = RetryInfo.encode({ retryDelay: { seconds, nanos: 0 } }).finish();
  const value = Buffer.from(info);
  const detail = { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value };
  const bytes = Status.encode({ code: 14, message: '', details: [detail] }).finish();
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return { code: status.UNAVAILABLE, details: '', metadata };
}

describe('the latencies', () => {
  test('are within two percent of the exact percentile, the greatest one exact', () => {
    const histogram = openLatencyHistogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.observe(ms);
    for (const [ratio, exact] of [
      [0.5, 500],
      [0.9, 900],
      [0.99, 990],
    ] as const) {
      const error = histogram.percentileMs(ratio) / exact - 1;
      expect(error).toBeGreaterThanOrEqual(-1e-9);
      expect(error).toBeLessThan(0.02);
    }
    expect(histogram.maxMs()).toBe(1000);
  });

  test('never pass the greatest one, and are 0 where there is none', () => {
    const histogram = openLatencyHistogram();
    expect(histogram.percentileMs(0.5)).toBe(0);
    histogram.observe(0);
    histogram.observe(7);
    expect(histogram.percentileMs(0.99)).toBe(7);
  });
});

describe('the progress', () => {
  test('is a plain line every few seconds where stderr is no terminal', () => {
    const clock = simulatedClock();
    const sink = openSink();
    const progress = openProgress(sink.stream, 4, clock);
    for (let event = 0; event < 4; event++) {
      clock.advance(2500);
      progress.onDecided();
    }
    progress.close();
    expect(sink.text()).toBe('replay: 50 %  2/4 events  0/s\nreplay: 100 %  4/4 events  0/s\n');
  });

  test('is a bar on a terminal, which makes way for other lines', () => {
    const clock = simulatedClock();
    const sink = openSink();
    const progress = openProgress(Object.assign(sink.stream, { isTTY: true }), 2, clock);
    clock.advance(500);
    progress.onDecided();
    progress.tell('row 1 is odd');
    progress.close();
    const erase = '\r\x1b[K';
    const bar = `${'█'.repeat(15)}${'░'.repeat(15)}`;
    expect(sink.text()).toBe(`${erase}${bar}  50 %  1/2 events  2/s${erase}replay: row 1 is odd\n`);
  });
});
