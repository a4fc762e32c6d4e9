// Calls by method and status code. Methods times codes is the one product among the series, so it
// has a budget: a code shows up for a method when it first occurs, and beyond the budget a new pair
// is counted under OTHER. What an alert looks at is always there, from 0.

import { assert } from '../base/assert.js';
import type { Sample } from './exposition.js';
import { type Histogram, makeHistogram } from './instruments.js';

export interface RpcRecorder {
  /** `code`: the gRPC status, 0 to 16; anything else counts as UNKNOWN. */
  readonly done: (code: number, durationMs: number) => void;
}

export interface RpcMetrics {
  /** The same recorder for the same method; for methods of the contract, never a caller's text. */
  readonly recorder: (method: string) => RpcRecorder;
  readonly totals: () => Sample[];
  readonly durations: (name: string) => Sample[];
}

/** In the order of their numbers (google/rpc/code.proto). */
const CODES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];
const UNKNOWN = 2;
/** OK, and what the alert TollgateRpcFailures counts. */
const ALWAYS_SHOWN: readonly number[] = [0, UNKNOWN, 13, 14, 15];
const OTHER = 'OTHER';

interface Method {
  readonly name: string;
  readonly counts: Float64Array;
  readonly shown: Set<number>;
  readonly duration: Histogram;
  readonly recorder: RpcRecorder;
}

/** `seriesMax` bounds the samples of both families together. */
export function makeRpcMetrics(options: {
  readonly durationBoundsMs: readonly number[];
  readonly seriesMax: number;
}): RpcMetrics {
  const { durationBoundsMs, seriesMax } = options;
  const methods = new Map<string, Method>();
  // Buckets with +Inf, sum and count; then the codes, and OTHER in case it is needed.
  const seriesPerMethod = durationBoundsMs.length + 3 + ALWAYS_SHOWN.length + 1;
  let seriesLeft = seriesMax;

  return {
    recorder(name) {
      const known = methods.get(name);
      if (known !== undefined) return known.recorder;
      seriesLeft -= seriesPerMethod;
      assert(seriesLeft >= 0, 'the methods fit the budget of series');
      const method = makeMethod(name, durationBoundsMs);
      methods.set(name, method);
      return method.recorder;
    },
    totals: () => [...methods.values()].flatMap((method) => totalsOf(method, show)),
    durations: (name) =>
      [...methods.values()].flatMap((method) =>
        method.duration.samples(name, { method: method.name }),
      ),
  };

  /** Whether a pair has a series of its own. Once it has, it keeps it. */
  function show(method: Method, code: number): boolean {
    if (method.shown.has(code)) return true;
    if (seriesLeft === 0) return false;
    seriesLeft -= 1;
    method.shown.add(code);
    return true;
  }
}

function makeMethod(name: string, durationBoundsMs: readonly number[]): Method {
  const counts = new Float64Array(CODES.length);
  const duration = makeHistogram({ bounds: durationBoundsMs, perBaseUnit: 1000 });
  const done = (code: number, durationMs: number): void => {
    const at = code >= 0 && code < CODES.length ? code : UNKNOWN;
    counts[at] = (counts[at] ?? 0) + 1;
    duration.observe(durationMs);
  };
  return { name, counts, shown: new Set(ALWAYS_SHOWN), duration, recorder: { done } };
}

function totalsOf(method: Method, show: (method: Method, code: number) => boolean): Sample[] {
  const samples: Sample[] = [];
  let others = 0;
  CODES.forEach((name, code) => {
    const value = method.counts[code] ?? 0;
    if (value === 0 && !method.shown.has(code)) return;
    if (show(method, code)) samples.push({ labels: { method: method.name, code: name }, value });
    else others += value;
  });
  if (others > 0) samples.push({ labels: { method: method.name, code: OTHER }, value: others });
  return samples;
}
