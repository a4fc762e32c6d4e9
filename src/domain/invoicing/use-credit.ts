// Which credit grants an invoice uses: lowest priority first, then the earliest to expire, then the
// oldest. Source of the order: OpenMeter, openmeter/credit/README.md.

import type { EpochMs } from '../../base/units.js';
import type { CreditGrantRecord } from './credit.js';

export interface Use {
  readonly grant: CreditGrantRecord;
  readonly used: bigint;
}

export function isUsable(grant: CreditGrantRecord, currency: string, atMs: EpochMs): boolean {
  const { void_ms, effective_ms, expire_ms, balance } = grant;
  if (grant.currency !== currency || void_ms !== null || BigInt(balance) <= 0n) return false;
  return effective_ms <= atMs && (expire_ms === null || atMs < expire_ms);
}

/** At most `due` is used. `grants` in order of creation. */
export function useCredit(
  grants: readonly CreditGrantRecord[],
  currency: string,
  due: bigint,
  atMs: EpochMs,
): readonly Use[] {
  const usable = grants.filter((grant) => isUsable(grant, currency, atMs));
  const inOrder = usable.sort(
    (a, b) =>
      a.priority - b.priority ||
      (a.expire_ms ?? Number.POSITIVE_INFINITY) - (b.expire_ms ?? Number.POSITIVE_INFINITY) ||
      a.effective_ms - b.effective_ms,
  );
  const uses: Use[] = [];
  let left = due;
  for (const grant of inOrder) {
    if (left <= 0n) break;
    const balance = BigInt(grant.balance);
    const used = balance < left ? balance : left;
    left -= used;
    uses.push({ grant: { ...grant, balance: `${balance - used}` }, used });
  }
  return uses;
}
