// journal ──▶ deliveries ──▶ endpoints: the pumps of the notifications, and how they end.

import type { DurationMs } from '../base/units.js';
import { SECOND_MS } from '../base/units.js';
import type { DeliveryRecord } from '../domain/notifications/document.js';
import type { Core } from '../operations/core.js';
import { openOutbox } from '../operations/notifications/outbox.js';
import { openResolving } from '../operations/notifications/resolve-thresholds.js';
import { openDeliverer } from './deliver.js';
import { keepDeliveriesTurn } from './keep-deliveries.js';
import { type Pump, startPump } from './pump.js';

export interface NotifyOptions {
  readonly core: Core;
  /** Of the journal. */
  readonly uuid: string;
  readonly version: string;
  readonly retentionMs: DurationMs;
  /** What follows from time alone waits until the clocks agree. */
  readonly isClockSound: () => boolean;
  readonly onError: (name: string, error: unknown) => void;
  readonly onDead: (delivery: DeliveryRecord) => void;
}

const OUTBOX = 'outbox';
const DELIVERIES = 'deliveries';
/** In turns of the outbox: a second. */
const RESOLVING_EVERY = 10;
/** Where much is open, looking at it takes no more than this part of the time. */
const RESTING_FACTOR = 50;
const TOLD_EVERY_MS = 10 * SECOND_MS;

export function startNotifying(options: NotifyOptions): readonly Pump[] {
  const { core, onDead, version, isClockSound, retentionMs } = options;
  const onError = quietly(core, options.onError);
  const resolving = openResolving(core);
  const outbox = openOutbox(core, { uuid: options.uuid, onAlert: resolving.note });
  const deliverer = openDeliverer(core, {
    version,
    onDead,
    onError: (error) => onError(DELIVERIES, error),
    onLanded: () => delivering.nudge(),
  });
  let turns = 0;
  let restUntilMs = 0;
  const outboxTurn = async () => {
    await outbox.turn();
    delivering.nudge();
    if (turns++ % RESOLVING_EVERY !== 0 || !isClockSound()) return;
    const startMs = core.clock.monotonicMs();
    if (startMs < restUntilMs) return;
    // One after the other: both write what is open.
    await resolving.turn();
    const tookMs = core.clock.monotonicMs() - startMs;
    restUntilMs = startMs + tookMs * RESTING_FACTOR;
  };
  const turning = startPump({ name: OUTBOX, everyMs: 100, turn: outboxTurn, onError });
  const delivering = startPump({
    name: DELIVERIES,
    everyMs: 100,
    turn: deliverer.turn,
    onError,
  });
  const keeping = startPump({
    name: 'kept_deliveries',
    everyMs: SECOND_MS,
    turn: keepDeliveriesTurn(core, { retentionMs, isClockSound }),
    onError,
  });
  // What waits since before this start is read now.
  keeping.nudge();
  return [
    {
      ...turning,
      async stop() {
        await turning.stop();
        await outbox.close();
      },
    },
    keeping,
    {
      ...delivering,
      async stop() {
        await delivering.stop();
        await deliverer.stop();
      },
    },
  ];
}

/** What fails ten times a second is told every ten seconds. */
function quietly(core: Core, onError: NotifyOptions['onError']): NotifyOptions['onError'] {
  const toldMs = new Map<string, number>();
  return (name, error) => {
    const nowMs = core.clock.monotonicMs();
    if (nowMs - (toldMs.get(name) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    toldMs.set(name, nowMs);
    onError(name, error);
  };
}
