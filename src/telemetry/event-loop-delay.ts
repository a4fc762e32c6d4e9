// How late the event loop runs its timers. A scrape must see every stall since the one before, and
// two scrapers must not take each other's, so a window ends by age: what a scrape reads is the last
// full window and the running one, whichever is worse.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../base/clock.js';

export interface EventLoopDelay {
  /** Delays in seconds: the median, 99 % and the longest. */
  readonly read: () => EventLoopDelays;
  readonly close: () => void;
}

export interface EventLoopDelays {
  readonly median: number;
  readonly p99: number;
  readonly longest: number;
}

/** What the monitor measured, nanoseconds; its default is that of Node.js. */
export interface DelayMonitor {
  readonly percentile: (percent: number) => number;
  readonly max: number;
  readonly count: number;
  readonly reset: () => void;
  readonly disable: () => unknown;
}

/** Shorter than the scrape interval of our example (15 s): each of its scrapes ends a window. */
const WINDOW_MS = 10_000;
/** The monitor's own timer: 50 native wake-ups a second. It records its period with the delay. */
const RESOLUTION_MS = 20;

export function openEventLoopDelay(
  clock: Clock,
  monitor: DelayMonitor = startMonitor(),
): EventLoopDelay {
  let last: EventLoopDelays = { median: 0, p99: 0, longest: 0 };
  let begunMs = clock.monotonicMs();
  return {
    read() {
      const running = delaysOf(monitor);
      const worst = {
        median: Math.max(last.median, running.median),
        p99: Math.max(last.p99, running.p99),
        longest: Math.max(last.longest, running.longest),
      };
      const nowMs = clock.monotonicMs();
      if (nowMs - begunMs < WINDOW_MS) return worst;
      last = running;
      begunMs = nowMs;
      monitor.reset();
      return running;
    },
    close: () => void monitor.disable(),
  };
}

function startMonitor(): DelayMonitor {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  return monitor;
}

function delaysOf(monitor: DelayMonitor): EventLoopDelays {
  // Without a value yet the monitor's figures mean nothing.
  if (monitor.count === 0) return { median: 0, p99: 0, longest: 0 };
  return {
    median: delaySeconds(monitor.percentile(50)),
    p99: delaySeconds(monitor.percentile(99)),
    longest: delaySeconds(monitor.max),
  };
}

function delaySeconds(measuredNs: number): number {
  return Math.max(0, measuredNs - RESOLUTION_MS * 1e6) / 1e9;
}
