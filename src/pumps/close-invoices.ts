// Closes what is due, a few organisations at a time: their transactions share batches on the disk,
// and the event loop turns after each slice.

import { limits } from '../limits.js';
import { readAccount } from '../operations/billing/account-state.js';
import { advanceSubscription } from '../operations/billing/advance-subscription.js';
import { closeAccount } from '../operations/billing/close-account.js';
import type { Core } from '../operations/core.js';
import { openPace } from '../state/index/pace.js';

/** Few: a call waits for no more than these between two turns of the event loop. */
const AT_ONCE = 8;
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
    const pace = openPace(core.clock, () => limits.sliceMs);
    const closing = new Set<Promise<void>>();
    for (const orgId of core.dues.due(core.clock.wallMs())) {
      const closed = closeOne(core, orgId, onTrouble).then(() => void closing.delete(closed));
      closing.add(closed);
      if (closing.size >= AT_ONCE) await Promise.race(closing);
      if (pace.due()) await pace.turn();
      if (core.draining()) break;
    }
    await Promise.all(closing);
  };
}

/** One that cannot be closed must not keep the others from it. */
async function closeOne(
  core: Core,
  orgId: string,
  onTrouble: (orgId: string, error: unknown) => void,
): Promise<void> {
  try {
    const account = await readAccount(core, orgId);
    const changesMs = await advanceSubscription(core, account);
    const isChanged = changesMs <= core.clock.wallMs();
    const closesMs = await closeAccount(core, orgId, isChanged ? undefined : account);
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
