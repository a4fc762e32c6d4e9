// The final table, for people and as JSON. `failed` is every event that is neither counted nor
// denied, those without an answer included; its parts stand below it.

import { OUTCOMES, type OutcomeName } from './outcome.js';
import type { Tally } from './tally.js';

export interface Report {
  readonly file: string;
  readonly target: string;
  readonly mode: string;
  readonly rows: number;
  readonly sent: number;
  /** Sends of the same event after the first. */
  readonly resent: number;
  readonly recorded: number;
  readonly duplicates: number;
  readonly denied: number;
  readonly failed: number;
  /** Of `failed`: sent, and never answered. */
  readonly unanswered: number;
  /** Of `failed`: refused, by outcome. Only those that occurred. */
  readonly refused: Readonly<Partial<Record<OutcomeName, number>>>;
  readonly seconds: number;
  readonly events_per_second: number;
  readonly latency_ms: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
}

const SHOWN_BY_NAME: ReadonlySet<OutcomeName> = new Set(['recorded', 'duplicate', 'denied']);

export function makeReport(
  subject: Pick<Report, 'file' | 'target' | 'mode' | 'rows'>,
  tally: Tally,
): Report {
  const refused: Partial<Record<OutcomeName, number>> = {};
  for (const outcome of OUTCOMES) {
    const count = tally.count(outcome);
    if (count > 0 && !SHOWN_BY_NAME.has(outcome)) refused[outcome] = count;
  }
  const recorded = tally.count('recorded');
  const duplicates = tally.count('duplicate');
  const denied = tally.count('denied');
  const seconds = tally.seconds();
  const { latency } = tally;
  return {
    ...subject,
    sent: tally.sent(),
    resent: tally.resent(),
    recorded,
    duplicates,
    denied,
    failed: tally.sent() - recorded - duplicates - denied,
    unanswered: tally.sent() - tally.decided(),
    refused,
    seconds: rounded(seconds),
    events_per_second: seconds > 0 ? rounded(tally.decided() / seconds) : 0,
    latency_ms: {
      p50: rounded(latency.percentileMs(0.5)),
      p90: rounded(latency.percentileMs(0.9)),
      p99: rounded(latency.percentileMs(0.99)),
      max: rounded(latency.maxMs()),
    },
  };
}

export function formatReport(report: Report): string {
  const { latency_ms: latency } = report;
  const lines: [string, string][] = [
    ['rows', whole(report.rows)],
    ['sent', whole(report.sent)],
    ['recorded', whole(report.recorded)],
    ['duplicates', whole(report.duplicates)],
    ['denied', whole(report.denied)],
    ['failed', whole(report.failed)],
  ];
  for (const [outcome, count] of Object.entries(report.refused)) {
    lines.push([`  ${outcome}`, whole(count)]);
  }
  if (report.unanswered > 0) lines.push(['  unanswered', whole(report.unanswered)]);
  if (report.resent > 0) lines.push(['resent', whole(report.resent)]);
  lines.push(['seconds', report.seconds.toFixed(3)]);
  lines.push(['events/s', whole(Math.round(report.events_per_second))]);
  lines.push(['latency p50 ms', latency.p50.toFixed(3)]);
  lines.push(['latency p90 ms', latency.p90.toFixed(3)]);
  lines.push(['latency p99 ms', latency.p99.toFixed(3)]);
  lines.push(['latency max ms', latency.max.toFixed(3)]);
  const labelChars = Math.max(...lines.map(([label]) => label.length));
  const valueChars = Math.max(...lines.map(([, value]) => value.length));
  return lines
    .map(([label, value]) => `${label.padEnd(labelChars)}  ${value.padStart(valueChars)}\n`)
    .join('');
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
