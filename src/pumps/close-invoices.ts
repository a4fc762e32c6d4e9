// Closes what is due, a few organisations at a time: their transactions share batches on the disk,
// and the event loop turns between them.

import { advanceSubscription } from '../operations/billing/advance-subscription.js';
import { closeAccount } from '../operations/billing/close-account.js';
import type { Core } from '../operations/core.js';

const AT_ONCE = 16;
const PAGE = 1000;

/** Fills the memory of what is due; then closes it, turn by turn. */
export function closeInvoicesTurn(
  core: Core,
  isClockSound: () => boolean,
  onTrouble: (orgId: string, error: unknown) => void,
): () => Promise<void> {
  let filled: string | undefined = '';
  return async () => {
    while (filled !== undefined) filled = await fill(core, filled);
    // A clock that jumped ahead must not close what has not ended.
    if (!isClockSound()) return;
    if (core.draining() || core.journal.refusal('ordinary') !== undefined) return;
    const due = [...core.dues.due(core.clock.wallMs())];
    const work = async () => {
      for (let orgId = due.pop(); orgId !== undefined; orgId = due.pop()) {
        await closeOne(core, orgId, onTrouble);
        if (core.draining()) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  };
}

/** One that cannot be closed must not keep the others from it. */
async function closeOne(
  core: Core,
  orgId: string,
  onTrouble: (orgId: string, error: unknown) => void,
): Promise<void> {
  try {
    const changesMs = await advanceSubscription(core, orgId);
    const closesMs = await closeAccount(core, orgId);
    core.dues.set(orgId, Math.min(changesMs, closesMs));
  } catch (error) {
    core.dues.putOff(orgId, core.clock.wallMs() + RETRY_MS);
    onTrouble(orgId, error);
  }
}

const RETRY_MS = 60_000;

async function fill(core: Core, after: string): Promise<string | undefined> {
  const at = after === '' ? {} : { after };
  const query = { kind: 'organization', order: 'oldest', limit: PAGE } as const;
  const page = await core.ledger.list({ ...query, ...at });
  for (const { id } of page.records) core.dues.touch(id);
  await new Promise((resolve) => setImmediate(resolve));
  return page.next;
}
