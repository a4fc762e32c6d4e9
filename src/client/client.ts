// The client of a sidecar. One per process is enough: everything that is recorded shares a stream.
//
//   const tollgate = openTollgate({ target: '127.0.0.1:50051', orgId: 'acme' });
//   await tollgate.record({ meter: 'executions', quantity: 1, dimensions: { tool: 'search' } });
//   await tollgate.close();

import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { systemClock } from '../base/clock.js';
import { openIdSource } from '../base/ids.js';
import type { DurationMs } from '../base/units.js';
import { openCalls } from './calls.js';
import { openConnection } from './connection.js';
import { closedError, TollgateError } from './errors.js';
import {
  type Checked,
  type CheckOptions,
  type Hold,
  openGate,
  type Refused,
  type ReserveOptions,
} from './gate.js';
import { readOptions, type TollgateOptions } from './options.js';
import { openRecorder } from './recorder.js';
import type { Room } from './unacknowledged.js';
import { type Item, type Recorded, toEvent, type Usage } from './usage.js';
import { type MeteringOptions, meteredBy } from './with-metering.js';

export type { BadField } from './errors.js';
export { TollgateError, TollgateUnavailable } from './errors.js';
export type { Checked, CheckOptions, Decision, Hold, Refused, ReserveOptions } from './gate.js';
export type { TlsOptions, TollgateOptions } from './options.js';
export type { Quantity } from './quantity.js';
export type { Trouble } from './trouble.js';
export type { Dimensions, Item, Recorded, Run, Usage } from './usage.js';
export type { MeteringOptions } from './with-metering.js';
export { TollgateDenied } from './with-metering.js';

export interface RecordOptions {
  /**
   * Check the quotas and record in one step: where a HARD rule has no room the outcome is DENIED.
   * Default false: usage is a fact, and counts whatever the quotas say.
   */
  readonly enforceQuota?: boolean;
}

export interface CloseOptions {
  /** How long what waits may take, in milliseconds. Default `usageDeadlineMs`. */
  readonly timeoutMs?: DurationMs;
}

export interface Tollgate {
  /**
   * Hands over an event; resolves when it is durable, or refused for itself (`outcome`). Rejects
   * with a TollgateError: BUFFER_FULL and CLOSED at once, TollgateUnavailable after
   * `usageDeadlineMs` (`fail_closed`), or what the server says of the credential. With a TypeError
   * for a bad quantity.
   */
  readonly record: (usage: Usage, options?: RecordOptions) => Promise<Recorded>;
  /** Whether all items would fit now. Advice: changes nothing, holds nothing. At most 16. */
  readonly check: (items: readonly Item[], options?: CheckOptions) => Promise<Checked>;
  /** Holds quota for work of unknown cost: all of 1-16 items or none. */
  readonly reserve: (items: readonly Item[], options?: ReserveOptions) => Promise<Hold | Refused>;
  /**
   * The function, metered: it holds quota or checks it (else TollgateDenied), runs, and reports the
   * measured run under the labels `tool` and `dimensions`. Where the function throws, the hold is
   * released and nothing is counted: work that failed is not billed.
   */
  readonly withMetering: <Args extends readonly unknown[], Result>(
    tool: string,
    run: (...args: Args) => Result | Promise<Result>,
    options?: MeteringOptions<Args>,
  ) => (...args: Args) => Promise<Result>;
  /** Resolves once everything handed over so far is acknowledged, refused or given up. */
  readonly flush: () => Promise<void>;
  /** Sends what waits, then rejects the rest with CLOSED. Until then the process stays up. */
  readonly close: (options?: CloseOptions) => Promise<void>;
}

export function openTollgate(options: TollgateOptions): Tollgate {
  const settings = readOptions(options);
  const connection = openConnection(settings);
  const calls = openCalls(connection, settings);
  const room: Room = { used: 0, max: settings.bufferEventsMax };
  const facts = openRecorder({ connection, settings, room, enforceQuota: false });
  const enforced = openRecorder({ connection, settings, room, enforceQuota: true });
  const ids = openIdSource();
  const newId = () => ids.uuid(systemClock.wallMs());
  let closed: Promise<void> | undefined;

  function admit(usage: Usage): UsageEvent {
    if (closed !== undefined) throw closedError();
    if (room.used >= room.max) throw bufferFull(room);
    return toEvent(usage, settings.orgId, usage.eventId ?? newId());
  }

  function record(usage: Usage, { enforceQuota = false }: RecordOptions = {}): Promise<Recorded> {
    return new Promise((resolve, reject) => {
      const event = admit(usage);
      const startMs = systemClock.monotonicMs();
      const recorder = enforceQuota ? enforced : facts;
      recorder.push({ event, startMs, resolve, reject, answered: false, result: undefined });
    });
  }

  function keep(usage: Usage): Recorded {
    const event = admit(usage);
    const startMs = systemClock.monotonicMs();
    const told = () => {};
    facts.push({ event, startMs, resolve: told, reject: told, answered: true, result: undefined });
    return { outcome: 'BUFFERED', eventId: event.eventId, degraded: true };
  }

  async function flush(): Promise<void> {
    await Promise.all([facts.flush(), enforced.flush()]);
  }

  async function end(timeoutMs: DurationMs): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([flush(), late]);
    clearTimeout(timer);
    calls.close();
    await Promise.all([facts.close(), enforced.close()]);
    connection.close();
  }

  const gate = openGate({ calls, settings, newId, record, keep });
  return {
    record,
    ...gate,
    withMetering: (tool, run, metering = {}) =>
      meteredBy({ gate, record, keep, newId, settings }, tool, run, metering),
    flush,
    close({ timeoutMs = settings.usageDeadlineMs } = {}) {
      closed ??= end(timeoutMs);
      return closed;
    },
  };
}

function bufferFull({ max }: Room): TollgateError {
  const text = `BUFFER_FULL: ${max} events wait for the sidecar; this one was not taken`;
  return new TollgateError('BUFFER_FULL', text, { retriable: true });
}
