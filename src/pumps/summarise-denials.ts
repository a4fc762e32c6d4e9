// Denials counted in memory ──▶ one journal entry per organisation, rule and minute.

import type { Core } from '../operations/core.js';
import { commit } from '../state/commit.js';

export function summariseDenials(core: Core): void {
  if (core.journal.refusal('ending') !== undefined) return;
  for (const entry of core.denials.take(core.clock.wallMs())) commit(core, entry);
}
