// Trouble that no promise tells of.

import type { DurationMs } from '../base/units.js';

export type Trouble =
  /** The stream of events broke; a new one is tried until it stands. */
  | {
      readonly kind: 'disconnected';
      readonly code: string;
      readonly message: string;
      /** Events sent or waiting; all are sent again with the same ids. */
      readonly waitingEvents: number;
    }
  /** Events are acknowledged again. */
  | { readonly kind: 'reconnected'; readonly afterMs: DurationMs }
  /** A check or hold was answered without the sidecar (`fail_open`). */
  | {
      readonly kind: 'degraded';
      readonly call: string;
      readonly code: string;
      readonly message: string;
    }
  /**
   * Usage that is not counted, and of which the caller was told otherwise or not at all: an event
   * that was answered BUFFERED, or one that `withMetering` could not hand over.
   */
  | {
      readonly kind: 'dropped';
      readonly orgId: string;
      readonly eventId: string;
      /** An outcome such as `UNKNOWN_METER`, or the code of a TollgateError. */
      readonly code: string;
      readonly message: string;
    };

export type OnTrouble = (trouble: Trouble) => void;

/** In a turn of its own: what the callback throws is the caller's, not a stream's. */
export function later(onTrouble: OnTrouble | undefined): OnTrouble {
  if (onTrouble === undefined) return () => {};
  return (trouble) => queueMicrotask(() => onTrouble(trouble));
}
