// The rating of a usage period, or of what is covered of it: the lines of every meter, priced by
// one catalogue, from all usage up to one moment. The totals are read in one turn of the event
// loop; single events at ragged edges are read after it, up to the sequence of that moment.
//
// Cost: by label sets and days of the period, not by events.

import type { Sequence } from '../../base/units.js';
import { shareOf } from '../../domain/invoicing/base-lines.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import { proofOf } from '../../domain/invoicing/proof.js';
import { overlap, type Ranges } from '../../domain/invoicing/ranges.js';
import { usageLineDocument } from '../../domain/invoicing/usage-line-document.js';
import {
  changesWithin,
  type RatedPart,
  type Segment,
  usageLines,
} from '../../domain/invoicing/usage-lines.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { Meter } from '../../domain/metering/meter.js';
import { SPEND } from '../../domain/metering/spend.js';
import type { Catalogue, Plan } from '../../domain/plans/catalogue.js';
import type { Price } from '../../domain/pricing/price.js';
import type { Core } from '../core.js';
import { beginUsage, type UsageBegun } from '../read-usage.js';

export interface Rated {
  readonly orgId: string;
  readonly period: Interval;
  /** The interval that the period is, or is a part of. */
  readonly whole: Interval;
  /** What is covered of the period. */
  readonly ranges: Ranges;
  /** Whether that is all of it. */
  readonly isAll: boolean;
  readonly trial: boolean;
  readonly zone: string;
  readonly catalogue: Catalogue;
  readonly plan: Plan;
}

export interface RatingBegun {
  /** All usage up to here. */
  readonly through: Sequence;
  readonly finish: () => Promise<readonly LineDocument[]>;
}

interface Piece {
  readonly range: Interval;
  readonly usage: UsageBegun;
}

interface Begun {
  readonly meter: Meter;
  readonly prices: readonly Price[];
  readonly pieces: readonly Piece[];
}

const NO_PRICES: readonly Price[] = [];

/** Where the usage of one organisation is read: the totals, or the journal itself. */
export interface UsageSource {
  readonly isUsed: (meter: string) => boolean;
  readonly begin: (meter: Meter, range: Interval) => UsageBegun;
}

export function beginRating(core: Core, rated: Rated): RatingBegun {
  return beginRatingFrom(sourceOf(core, rated.orgId), rated, core.journal.lastSequence());
}

function sourceOf(core: Core, orgId: string): UsageSource {
  const account = core.fold.account(orgId);
  if (account === undefined) return NO_USAGE;
  return {
    isUsed: (meter) => core.fold.series(account, meter) !== undefined,
    // Whatever lies at an edge has to be billed.
    begin: (meter, range) => beginUsage(core, account, meter, range, meter.rollupKeys, Infinity),
  };
}

const NO_USAGE: UsageSource = {
  isUsed: () => false,
  begin: () => ({ finish: async () => [] }),
};

/** `source` has all usage up to `through`. */
export function beginRatingFrom(source: UsageSource, rated: Rated, through: Sequence): RatingBegun {
  const begun: Begun[] = [];
  for (const key of [...rated.catalogue.everyMeter.keys()].sort()) {
    if (key === SPEND) continue;
    const meter = rated.catalogue.everyMeter.get(key) as Meter;
    const prices = rated.plan.prices.get(key) ?? NO_PRICES;
    const isUsed = source.isUsed(key);
    if (!isUsed && !prices.some((price) => price.source === 'plan')) continue;
    const own = isUsed ? source : NO_USAGE;
    begun.push({ meter, prices, pieces: piecesOf(own, meter, prices, rated) });
  }
  return {
    through,
    async finish() {
      const lines: LineDocument[] = [];
      for (const each of begun) lines.push(...(await rateMeter(each, rated, through)));
      return rated.trial ? lines.flatMap(atNothing) : lines;
    },
  };
}

function piecesOf(
  source: UsageSource,
  meter: Meter,
  prices: readonly Price[],
  { period, ranges }: Rated,
): readonly Piece[] {
  const begin = (range: Interval): Piece => ({ range, usage: source.begin(meter, range) });
  // Levels are those at the end, and have been reported whenever.
  if (meter.aggregation === 'LAST') return ranges.slice(-1).map(begin);
  const { startMs, endMs } = period;
  const cuts = [startMs, ...changesWithin(prices, meter, startMs, endMs), endMs];
  const pieces: Piece[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const segment = { startMs: cuts[i] as number, endMs: cuts[i + 1] as number };
    for (const range of ranges) {
      const piece = overlap(segment, range);
      if (piece !== undefined) pieces.push(begin(piece));
    }
  }
  return pieces;
}

async function rateMeter(
  { meter, prices, pieces }: Begun,
  rated: Rated,
  through: Sequence,
): Promise<readonly LineDocument[]> {
  const segments: Segment[] = [];
  for (const { range, usage } of pieces) {
    const groups = await usage.finish(through);
    const parts = groups.map(({ labels, value, cell }) => ({
      dimensions: new Map(labels.filter(([, label]) => label !== '')),
      quanta: value,
      values: cell.values?.keys(),
      proof: proofOf(cell),
    }));
    segments.push({ ...range, parts });
  }
  const part: RatedPart = {
    isLast: rated.isAll,
    share: shareOf(rated.period, rated.whole),
    pricedMs: rated.period.endMs - 1,
  };
  const lines = usageLines(meter, prices, segments, rated.plan.currency, part);
  return lines.map((line) => usageLineDocument(line, rated.zone));
}

/** In a trial usage is shown and costs nothing. */
function atNothing(line: LineDocument): readonly LineDocument[] {
  if (line.kind !== 'USAGE') return [];
  return [{ ...line, amount: '0', description: `${line.description} (trial)` }];
}
