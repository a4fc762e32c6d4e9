// Keeps a stream of events open while there is work: opens one, waits for its end, and opens the
// next one with patience, at once, or not at all.

import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { RecordStreamResponse } from '../../generated/ts/tollgate/v1/metering_service.js';
import { systemClock } from '../base/clock.js';
import type { MonotonicMs } from '../base/units.js';
import { backoffMs } from './backoff.js';
import type { Connection, Credential } from './connection.js';
import { type CallTrouble, ownTrouble } from './errors.js';
import { type EventStream, openEventStream } from './event-stream.js';
import type { Settings } from './options.js';

export interface Link {
  /** Begins, where it does not run already. */
  readonly start: () => void;
  /** The open stream. */
  readonly stream: () => EventStream | undefined;
  /** Events were acknowledged: the next trouble is a first one again. */
  readonly progress: () => void;
  /** Why the last stream ended, while there has been no progress since. */
  readonly lastTrouble: () => CallTrouble | undefined;
  /** Waits for the stream to end. */
  readonly close: () => Promise<void>;
}

export interface LinkOptions {
  readonly connection: Connection;
  readonly settings: Settings;
  readonly enforceQuota: boolean;
  readonly waitingEvents: () => number;
  readonly onOpen: (stream: EventStream) => void;
  readonly onResponse: (response: RecordStreamResponse) => void;
  /** Sending the same again cannot help: takes out at least one event. */
  readonly onRefused: (trouble: CallTrouble) => void;
}

/** The server acknowledges all and ends a stream that was half-closed. */
const END_WAIT_MS = 1000;

export function openLink(options: LinkOptions): Link {
  const { connection, settings, enforceQuota, waitingEvents, onResponse } = options;
  const closing = new AbortController();
  let stream: EventStream | undefined;
  let running: Promise<void> | undefined;
  let retries = 0;
  let outage: { readonly sinceMs: MonotonicMs; trouble: CallTrouble } | undefined;
  let used: Credential | undefined;

  async function run(): Promise<void> {
    while (waitingEvents() > 0 && !closing.signal.aborted) {
      const trouble = await attempt();
      stream = undefined;
      if (waitingEvents() === 0 || closing.signal.aborted) break;
      const canHelp = trouble.retriable || (await isOldKey(trouble));
      if (canHelp) await endure(trouble);
      else options.onRefused(trouble);
    }
    running = undefined;
  }

  async function attempt(): Promise<CallTrouble> {
    const credential = await connection.credential();
    if ('trouble' in credential) return credential.trouble;
    if (closing.signal.aborted) return CLOSING;
    used = credential;
    stream = openEventStream({ connection, credential, enforceQuota, onResponse });
    options.onOpen(stream);
    return stream.ended;
  }

  async function endure(trouble: CallTrouble): Promise<void> {
    if (outage === undefined) {
      outage = { sinceMs: systemClock.monotonicMs(), trouble };
      const { code, message } = trouble;
      const waiting = waitingEvents();
      settings.onTrouble({ kind: 'disconnected', code, message, waitingEvents: waiting });
    }
    outage.trouble = trouble;
    const waitMs = backoffMs(settings.retry, retries++, trouble.retryDelayMs);
    await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => {});
  }

  async function isOldKey({ status: code }: CallTrouble): Promise<boolean> {
    if (code !== status.UNAUTHENTICATED || used === undefined) return false;
    return connection.hasOtherKey(used);
  }

  return {
    start() {
      if (!closing.signal.aborted) running ??= run();
    },
    stream: () => stream,
    progress() {
      retries = 0;
      if (outage === undefined) return;
      const afterMs = systemClock.monotonicMs() - outage.sinceMs;
      outage = undefined;
      settings.onTrouble({ kind: 'reconnected', afterMs });
    },
    lastTrouble: () => outage?.trouble,
    async close() {
      closing.abort();
      const open = stream;
      open?.end();
      const late = setTimeout(() => open?.cancel(CLOSING), END_WAIT_MS);
      await running;
      clearTimeout(late);
    },
  };
}

const CLOSING = ownTrouble('CLOSED', 'the client is closed');
