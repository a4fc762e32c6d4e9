// The rules of a zone change, and with them, at a start with newer zone data, the boundaries of
// periods that were invoiced by the older. What is invoiced stays as it was: such a period becomes
// a tenure of its own, which no zone moves. From the last one on the new rules hold.

import { withKept } from '../../domain/subscriptions/tenures.js';
import { tenureAt, usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { Core } from '../core.js';
import { listAll } from '../paging.js';
import type { AccountState } from './account-state.js';
import { termsChange } from './terms-change.js';

/** Whether the terms were changed: then the account is to be read anew. */
export async function keepBoundaries(core: Core, account: AccountState): Promise<boolean> {
  const closedMs = account.billing?.value.closed_to_ms ?? 0;
  if (closedMs === 0 || usagePeriodAt(account.terms, closedMs).startMs === closedMs) return false;
  const { orgId, stored, terms } = account;
  let { tenures } = terms;
  for (const { value } of await listAll(core.ledger, { kind: 'usage_period', orgId })) {
    const { start_ms: startMs, whole_start_ms, whole_end_ms } = value;
    // A change of plan may have cut it short after it was billed in part.
    const endMs = Math.min(value.end_ms, tenureAt({ tenures }, startMs).endMs);
    const today = usagePeriodAt({ tenures }, startMs);
    if (endMs > closedMs || (today.startMs === startMs && today.endMs === endMs)) continue;
    const whole = { startMs: whole_start_ms, endMs: whole_end_ms };
    tenures = withKept(tenures, { startMs, endMs }, whole);
  }
  if (tenures === terms.tenures) return false;
  const changes = termsChange(orgId, stored, { ...terms, tenures });
  await core.ledger.commit({
    atMs: core.clock.wallMs(),
    actor: 'billing',
    action: 'periods.keep',
    orgId,
    reason: 'the zone data of this server has other boundaries than those that were invoiced by',
    changes: () => changes,
  });
  return true;
}
