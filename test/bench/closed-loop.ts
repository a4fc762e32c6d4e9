// So many calls under way at any time, each begun when another one was answered; in this process.

import { createHistogram } from 'node:perf_hooks';
import { createIdSource, ORG_DIGITS, ORG_PLACEHOLDER, UUID_PLACEHOLDER } from './event-ids.js';

type RecordEvent = (
  org: string,
  eventId: string,
  meter: string,
  quantity: string,
) => Promise<boolean>;

export interface ClosedLoop {
  /** One call under way on each. */
  readonly lanes: readonly RecordEvent[];
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface ClosedLoopResult {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export async function runClosedLoop(options: ClosedLoop): Promise<ClosedLoopResult> {
  const latencyNs = createHistogram();
  const draw = openDraws();
  const fromMs = performance.now() + options.warmupSeconds * 1000;
  const endMs = fromMs + options.seconds * 1000;

  async function runLane(record: RecordEvent): Promise<void> {
    let sentMs = performance.now();
    while (sentMs < endMs) {
      const { org, id } = draw();
      if (!(await record(org, id, 'executions', '1'))) throw new Error('a fresh id was there');
      const nowMs = performance.now();
      if (nowMs >= fromMs && nowMs < endMs) {
        latencyNs.record(Math.max(1, Math.round((nowMs - sentMs) * 1e6)));
      }
      sentMs = nowMs;
    }
  }

  await Promise.all(options.lanes.map(runLane));
  return {
    perSecond: latencyNs.count / options.seconds,
    p50Us: latencyNs.percentile(50) / 1000,
    p99Us: latencyNs.percentile(99) / 1000,
  };
}

/** Organisations and ids as the load process draws them. */
function openDraws(): () => { readonly org: string; readonly id: string } {
  const ids = createIdSource();
  const org = Buffer.from(ORG_PLACEHOLDER, 'latin1');
  const uuid = Buffer.from(UUID_PLACEHOLDER, 'latin1');
  return () => {
    ids.writeUuid(uuid, 0);
    ids.writeOrgDigits(org, org.length - ORG_DIGITS);
    return { org: org.toString('latin1'), id: uuid.toString('latin1') };
  };
}
