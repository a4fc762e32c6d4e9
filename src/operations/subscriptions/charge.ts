// An invoice of base price at once: with a new subscription, and with a change within a period.

import type { EpochMs } from '../../base/units.js';
import type { InvoiceKind, LineDocument } from '../../domain/invoicing/document.js';
import type { Plan } from '../../domain/plans/catalogue.js';
import type { Change } from '../../ledger/ledger.js';
import type { AccountState } from '../billing/account-state.js';
import { NO_BASE } from '../billing/base-bill.js';
import { type Billed, closingOf, documentOf } from '../billing/bill.js';
import type { Planned } from '../change.js';
import type { Core } from '../core.js';

export interface Charge {
  readonly kind: InvoiceKind;
  readonly lines: readonly LineDocument[];
  /** What the subscription is on. */
  readonly plan: Plan;
  readonly atMs: EpochMs;
  /** What is committed besides. */
  readonly changes: readonly Change[];
}

/** No invoice where nothing is charged. */
export async function chargeNow(
  core: Core,
  account: AccountState,
  charge: Charge,
): Promise<Planned> {
  const { atMs, changes } = charge;
  if (charge.lines.every(({ amount }) => amount === '0')) return { changes: () => changes };
  const billed = billedOf(core, account, charge);
  const closing = await closingOf(core, billed, {
    invoiceId: `inv_${core.ids.uuid(atMs)}`,
    atMs,
    draft: undefined,
    closedToMs: undefined,
    dueMs: core.settings.invoiceDueMs,
  });
  return {
    ...(closing.series === undefined ? {} : { series: closing.series }),
    changes: (number) => [...changes, ...closing.changes(number)],
  };
}

/** The invoice as it would be, not stored; undefined where none would be made. */
export function previewCharge(core: Core, account: AccountState, charge: Charge) {
  if (charge.lines.every(({ amount }) => amount === '0')) return undefined;
  return documentOf(core, billedOf(core, account, charge), '', null);
}

/** Of no usage: it has its time and no length. */
function billedOf(core: Core, account: AccountState, charge: Charge): Billed {
  const { kind, lines, plan, atMs } = charge;
  const subscriptionId = account.subscription?.id ?? '';
  return {
    account,
    kind,
    range: { startMs: atMs, endMs: atMs },
    usage: {
      lines: [],
      through: core.journal.lastSequence(),
      isCurrent: () => true,
      plan,
      subscriptionId,
      spend: undefined,
      changes: () => [],
      isEmpty: true,
    },
    // The record of the subscription is among the other changes.
    base: NO_BASE,
    adjustments: lines,
  };
}
