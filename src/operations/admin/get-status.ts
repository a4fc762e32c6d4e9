// GetStatus: every part of the server, how far it is, and how old what it has yet to do is.

import type {
  GetStatusRequest,
  GetStatusResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { PartStatus } from '../../../generated/ts/tollgate/v1/overview.js';
import { type EpochMs, MINUTE_MS, type Sequence } from '../../base/units.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import { limits } from '../../limits.js';
import { openPace } from '../../state/index/pace.js';
import { type Answer, advisory, type Core, catalogueOf } from '../core.js';
import { toDuration, toTimestamp } from '../parse.js';
import type { PartReading } from './system-status.js';

/** The part that closes what is due. */
const INVOICES = 'invoices';
/** What is due longer than this is late. */
const CLOSING_MS_MAX = 5 * MINUTE_MS;

export async function getStatus(
  core: Core,
  _request: GetStatusRequest,
): Promise<Answer<GetStatusResponse>> {
  const { status, journal } = core;
  const nowMs = core.clock.wallMs();
  const closing = await closingOf(core, nowMs);
  const parts = status.parts().map((reading) => {
    const part = toPart(core, reading, nowMs);
    return reading.name === INVOICES ? withClosing(part, closing) : part;
  });
  parts.sort((a, b) => (a.name < b.name ? -1 : 1));
  return advisory({
    ok: parts.every(({ ok }) => ok),
    parts,
    version: status.version,
    instance: status.instance,
    startTime: toTimestamp(status.startMs),
    sequence: BigInt(journal.syncedSequence()),
    catalogueVersion: BigInt(catalogueOf(core).version),
    paymentsSimulated: true,
  });
}

function toPart(core: Core, reading: PartReading, nowMs: EpochMs): PartStatus {
  const { name, ok, message, sequence } = reading;
  const none = { name, ok, message, sequence: 0n, lagEntries: 0n, lag: undefined };
  if (sequence === undefined) return none;
  const lag = core.journal.lastSequence() - sequence;
  return {
    ...none,
    sequence: BigInt(sequence),
    lagEntries: BigInt(lag),
    lag: lag === 0 ? undefined : toDuration(Math.max(0, nowMs - madeMs(core, sequence + 1))),
  };
}

function madeMs({ journal }: Core, sequence: Sequence): EpochMs {
  return decodeEntry(journal.read(sequence).body).atMs;
}

interface Closing {
  /** Organisations that have something to close now. */
  readonly waiting: number;
  readonly failing: number;
  /** Since when the first of them waits; undefined where none does. */
  readonly sinceMs: number | undefined;
}

async function closingOf(core: Core, nowMs: EpochMs): Promise<Closing> {
  // Also while the process stops.
  const pace = openPace(core.clock, () => limits.sliceMs);
  let waiting = 0;
  let oldestMs = nowMs;
  for (const [, dueMs] of core.dues.all()) {
    if (dueMs <= nowMs) waiting++;
    // 0: it is not known yet whether anything is due.
    if (dueMs > 0 && dueMs < oldestMs) oldestMs = dueMs;
    if (pace.due()) await pace.turn();
  }
  const sinceMs = oldestMs < nowMs ? nowMs - oldestMs : undefined;
  return { waiting, failing: core.dues.failing(), sinceMs };
}

function withClosing(part: PartStatus, { waiting, failing, sinceMs }: Closing): PartStatus {
  const texts = [
    part.message,
    failing === 0
      ? ''
      : `organisations that cannot be closed: ${failing}; the log says why (closing_failed)`,
    waiting === 0 ? '' : `organisations that wait: ${waiting}`,
  ];
  return {
    ...part,
    ok: part.ok && failing === 0 && (sinceMs ?? 0) <= CLOSING_MS_MAX,
    message: texts.filter((text) => text !== '').join('; '),
    lag: sinceMs === undefined ? undefined : toDuration(sinceMs),
  };
}
