// A feature flag as the ledger keeps it: a switch that callers read; nothing here acts on it.

import type { EpochMs } from '../../base/units.js';

export interface FeatureFlagRecord {
  readonly key: string;
  /** '' for all. */
  readonly org_id: string;
  readonly enabled: boolean;
  readonly description: string;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}
