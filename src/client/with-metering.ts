// A function that is metered: quota before it, what it took after it.

import { systemClock } from '../base/clock.js';
import { messageOf } from '../base/failure.js';
import type { DurationMs } from '../base/units.js';
import { TollgateError, TollgateUnavailable } from './errors.js';
import type { Decision, Gate, Hold } from './gate.js';
import type { Settings } from './options.js';
import type { Quantity } from './quantity.js';
import { type Dimensions, isCounted, type Recorded, type Usage } from './usage.js';

export interface MeteringOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /**
   * `reserve` (default) holds `expected` while the function runs: no two calls get the same rest of
   * a quota. `check` only asks, with one round trip less, and two calls may both fit.
   */
  readonly gate?: 'reserve' | 'check';
  /** A run-unit meter. Default `run_units`. */
  readonly meter?: string;
  /** Quantity to hold or ask for: more than is likely to be used. Default: the least there is. */
  readonly expected?: Quantity;
  /** Default: `orgId` of the options of the client. */
  readonly orgId?: string;
  /** Beside `tool`, such as `tier`. */
  readonly dimensions?: Dimensions;
  /** Life of the hold: longer than a call takes. Default 60,000; at most 24 h. */
  readonly ttlMs?: DurationMs;
  /**
   * What is measured. `latency` (default): wall time of the call. `cpu`: CPU time of this process
   * meanwhile, that of other calls under way included: for one call at a time.
   */
  readonly measure?: 'latency' | 'cpu';
  /**
   * Id of the usage, by the work that these arguments are. Default: a new one for each call, so a
   * step that is run again is usage again.
   */
  readonly eventId?: (...args: Args) => string;
}

/** Quota refused the work; nothing was run. */
export class TollgateDenied extends TollgateError {
  override readonly name = 'TollgateDenied';
  readonly decision: Decision;

  constructor(tool: string, decision: Decision) {
    const code = decision.reason === 'SUSPENDED' ? 'ORG_SUSPENDED' : 'QUOTA_EXCEEDED';
    super(code, `${code}: ${tool}: ${decision.reason}`);
    this.decision = decision;
  }
}

export interface Meterer {
  readonly gate: Gate;
  readonly record: (usage: Usage) => Promise<Recorded>;
  /** Takes it into the buffer; what becomes of it is told as trouble. */
  readonly keep: (usage: Usage) => Recorded;
  readonly newId: () => string;
  readonly settings: Settings;
}

export function meteredBy<Args extends readonly unknown[], Result>(
  meterer: Meterer,
  tool: string,
  run: (...args: Args) => Result | Promise<Result>,
  options: MeteringOptions<Args>,
): (...args: Args) => Promise<Result> {
  const { meter = 'run_units', measure = 'latency', eventId = meterer.newId } = options;
  const orgId = options.orgId ?? meterer.settings.orgId;
  const dimensions = { tool, ...options.dimensions };

  return async (...args) => {
    const id = eventId(...args);
    const hold = await admit(meterer, tool, { ...options, meter, orgId, dimensions });
    const startedMs = systemClock.monotonicMs();
    const cpu = process.cpuUsage();
    let result: Result;
    try {
      result = await run(...args);
    } catch (error) {
      // A hold that cannot be given back ends by itself.
      await hold?.release().catch(() => {});
      throw error;
    }
    const latencyMs = systemClock.monotonicMs() - startedMs;
    const { user, system } = process.cpuUsage(cpu);
    const cpuSeconds = (user + system) / 1e6;
    const measured = measure === 'cpu' ? { latencyMs, cpuSeconds } : { latencyMs };
    await report(meterer, hold, {
      orgId,
      eventId: id,
      meter,
      run: measured,
      dimensions,
      eventTime: new Date(),
    });
    return result;
  };
}

type Asked = Omit<MeteringOptions, 'eventId'> & { readonly meter: string; readonly orgId: string };

/** Throws TollgateDenied. Undefined where nothing is held. */
async function admit({ gate }: Meterer, tool: string, asked: Asked): Promise<Hold | undefined> {
  const { meter, expected, orgId, dimensions, ttlMs } = asked;
  const item = {
    meter,
    ...(expected === undefined ? {} : { quantity: expected }),
    ...(dimensions === undefined ? {} : { dimensions }),
  };
  if (asked.gate === 'check') {
    const checked = await gate.check([item], { orgId });
    if (!checked.allowed) throw new TollgateDenied(tool, checked);
    return undefined;
  }
  const held = await gate.reserve([item], { orgId, ...(ttlMs === undefined ? {} : { ttlMs }) });
  if (!held.granted) throw new TollgateDenied(tool, held);
  return held;
}

/**
 * The work is done and its result is the caller's, whatever becomes of the report: after
 * `deadlineMs` the usage waits in the buffer, under both policies, and what is lost is told as
 * trouble.
 */
async function report(meterer: Meterer, hold: Hold | undefined, usage: Usage): Promise<void> {
  const { deadlineMs, onTrouble } = meterer.settings;
  const { orgId = '', eventId = '' } = usage;
  const drop = (code: string, message: string) =>
    onTrouble({ kind: 'dropped', orgId, eventId, code, message });
  const look = (recorded: Recorded | undefined) => {
    if (recorded === undefined || recorded.outcome === 'BUFFERED' || isCounted(recorded)) return;
    drop(recorded.outcome, recorded.message ?? '');
  };
  const lose = (error: unknown) =>
    drop(error instanceof TollgateError ? error.code : 'UNKNOWN', messageOf(error));

  if (hold === undefined) {
    // It is in the buffer already: only the waiting has an end.
    const recorded = meterer.record(usage).then(look, lose);
    await within(recorded, deadlineMs);
    return;
  }
  try {
    look((await hold.settle([usage], { deadlineMs }))[0]);
  } catch (error) {
    if (error instanceof TollgateUnavailable) keepOr(lose, meterer, usage);
    else lose(error);
  }
}

function keepOr(lose: (error: unknown) => void, { keep }: Meterer, usage: Usage): void {
  try {
    keep(usage);
  } catch (error) {
    lose(error);
  }
}

async function within(done: Promise<void>, deadlineMs: DurationMs): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
