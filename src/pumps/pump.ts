// A pump does one thing again and again, never twice at a time, until it is stopped. A failure is
// reported and the pump goes on: the next turn tries again.

export interface Pump {
  readonly name: string;
  /** Why the last turn failed; undefined where it went well. */
  readonly failure: () => unknown;
  /** Runs a turn now, or right after the one under way. */
  readonly nudge: () => void;
  /** Resolves when the turn under way is over; no other follows. */
  readonly stop: () => Promise<void>;
}

export interface PumpOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly turn: () => Promise<void> | void;
  readonly onError: (name: string, error: unknown) => void;
}

export function startPump({ name, everyMs, turn, onError }: PumpOptions): Pump {
  let stopped = false;
  let again = false;
  let running: Promise<void> | undefined;
  let failure: unknown;
  const timer = setInterval(start, everyMs);

  function start(): void {
    if (stopped) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    running = runOnce().finally(() => {
      running = undefined;
      if (!again) return;
      again = false;
      start();
    });
  }

  async function runOnce(): Promise<void> {
    try {
      await turn();
      failure = undefined;
    } catch (error) {
      failure = error;
      onError(name, error);
    }
  }

  return {
    name,
    failure: () => failure,
    nudge: start,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
