// What the process knows of its parts, for GetStatus. A port: operations know no pump and no
// machine.

import type { EpochMs, Sequence } from '../../base/units.js';

export interface SystemStatus {
  readonly version: string;
  /** Tells this process from others. */
  readonly instance: string;
  readonly startMs: EpochMs;
  /** The parts as they stand, each name once. */
  readonly parts: () => readonly PartReading[];
}

export interface PartReading {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, or worth knowing; ''. */
  readonly message: string;
  /** The last entry that it has worked on; undefined where it follows no journal. */
  readonly sequence: Sequence | undefined;
}
