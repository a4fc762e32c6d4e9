// What budgets had counted of a usage period, and how they are corrected once it is billed.

import type { Sequence } from '../../base/units.js';
import type { UsagePeriodRecord } from '../../domain/invoicing/billing.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import type { Ranges } from '../../domain/invoicing/ranges.js';
import {
  billedSpend,
  plusSpend,
  type SpendByMeter,
  type SpendCorrectionRecord,
  type SpendDocument,
  totalSpend,
} from '../../domain/invoicing/spend.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { SPEND, SPEND_METER } from '../../domain/metering/spend.js';
import type { Counted } from '../../domain/quota/counted.js';
import { windowOf } from '../../state/counter.js';
import type { Core } from '../core.js';
import { beginUsage } from '../read-usage.js';

export interface SpendBegun {
  readonly finish: (through: Sequence) => Promise<SpendByMeter>;
}

/** Undefined where no rule counts money of the organisation. */
export function beginSpend(core: Core, orgId: string, ranges: Ranges): SpendBegun | undefined {
  const account = core.fold.account(orgId);
  const { spend } = core.terms.of(orgId, core.clock.wallMs());
  if (account === undefined || spend === undefined) return undefined;
  const { rollupKeys } = SPEND_METER;
  const begun = ranges.map((range) => {
    return beginUsage(core, account, SPEND_METER, range, rollupKeys, Infinity);
  });
  return {
    async finish(through) {
      let sum: SpendByMeter = new Map();
      for (const each of begun) {
        const groups = await each.finish(through);
        const own = groups.map(({ labels, value }) => [labels[0]?.[1] ?? '', value] as const);
        sum = plusSpend(sum, new Map(own));
      }
      return sum;
    },
  };
}

export interface SpendClosed {
  readonly document: SpendDocument;
  /** To be added to what budgets have, by meter. */
  readonly difference: SpendByMeter;
  /** All that was added so far. */
  readonly corrected: Readonly<Record<string, string>>;
}

export function closeSpend(
  counted: SpendByMeter,
  rating: readonly LineDocument[],
  currency: string,
  before: UsagePeriodRecord | undefined,
): SpendClosed {
  const earlier = new Map(
    Object.entries(before?.spend_corrected ?? {}).map(([meter, text]) => [meter, BigInt(text)]),
  );
  const known = plusSpend(counted, earlier);
  const difference = plusSpend(billedSpend(rating, currency), known, -1n);
  const corrected = [...plusSpend(earlier, difference)].filter(([, quanta]) => quanta !== 0n);
  return {
    document: { counted: `${totalSpend(known)}`, difference: `${totalSpend(difference)}` },
    difference,
    corrected: Object.fromEntries(corrected.map(([meter, quanta]) => [meter, `${quanta}`])),
  };
}

/**
 * The counters of the whole organisation, or of one meter in it, whose window has all of the
 * period: of a difference nobody can say which user or run it is of.
 */
export function spendCorrection(
  core: Core,
  orgId: string,
  period: Interval,
  difference: SpendByMeter,
): SpendCorrectionRecord['counters'] {
  const account = core.fold.account(orgId);
  const { spend } = core.terms.of(orgId, core.clock.wallMs());
  if (account === undefined || spend === undefined) return [];
  return spend.counted.flatMap((counted) => {
    const delta = deltaFor(counted, difference);
    if (delta === 0n) return [];
    const { combination } = counted;
    const { startMs } = counted.windowAt(period.endMs - 1);
    const counter = core.fold.counter(account, SPEND, combination, '');
    const window = counter && windowOf(counter, startMs);
    if (window === undefined || (window.sinceMs ?? 0) > period.startMs) return [];
    return [{ combination, window_start_ms: startMs, delta: `${delta}` }];
  });
}

function deltaFor({ rule }: Counted, difference: SpendByMeter): bigint {
  if (rule.scope.length > 0 || rule.window === 'FIXED_FROM_FIRST_USE') return 0n;
  const [first, ...others] = rule.match;
  if (first === undefined) return totalSpend(difference);
  const [key, meter] = first;
  return key === 'meter' && others.length === 0 ? (difference.get(meter) ?? 0n) : 0n;
}
