// How many events of an organisation lie in a range, over all meters, and when the latest was.
// Events that were taken back do not count.

import { DAY_MS, type EpochMs } from '../../base/units.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { SPEND } from '../../domain/metering/spend.js';
import { CORRECTION } from '../../state/apply-correction.js';
import type { EventPlace } from '../../state/index/event-tail.js';
import { QUARTER_MS } from '../../state/label-text.js';
import { type Bucket, keys, LABEL_SETS_PER_PAGE } from '../../state/tables.js';
import type { Organisation, Series } from '../../state/values.js';
import { type Core, catalogueOf } from '../core.js';
import type { Steps } from './steps.js';

type Owner = Pick<Organisation, 'orgId' | 'number'>;

/** Places taken from the index at a time: nothing of it is held while the event loop turns. */
const CHUNK = 256;

/** From the totals; where the range cuts through a quarter of an hour, from the index. */
export async function countEvents(
  core: Core,
  steps: Steps,
  owner: Owner,
  range: Interval,
): Promise<number> {
  const all = seriesOf(core, owner).filter(({ firstMs, lastMs }) => {
    return firstMs < range.endMs && lastMs + QUARTER_MS > range.startMs;
  });
  if (all.length === 0) return 0;
  const inner = {
    startMs: Math.ceil(range.startMs / QUARTER_MS) * QUARTER_MS,
    endMs: Math.floor(range.endMs / QUARTER_MS) * QUARTER_MS,
  };
  if (inner.startMs > inner.endMs) return countPlaces(core, steps, owner, range);
  let count = 0;
  for (const series of all) count += await countCells(core, steps, series, inner);
  for (const edge of [
    { startMs: range.startMs, endMs: inner.startMs },
    { startMs: inner.endMs, endMs: range.endMs },
  ]) {
    if (edge.startMs >= edge.endMs || !(await isUsed(core, steps, all, edge))) continue;
    count += await countPlaces(core, steps, owner, edge);
  }
  return count;
}

function seriesOf(core: Core, { number }: Owner): readonly Series[] {
  const { series } = core.fold.tables;
  return [...catalogueOf(core).everyMeter.keys()].flatMap((meter) => {
    // Its events are those of other meters.
    if (meter === SPEND) return [];
    const found = series.peek(keys.series(number, meter));
    return found === undefined || found.lastMs === 0 ? [] : [found];
  });
}

/** Of a part of a day quarter hours are counted, where that day has anything at all. */
async function countCells(
  core: Core,
  steps: Steps,
  series: Series,
  { startMs, endMs }: Interval,
): Promise<number> {
  const count = async (bucket: Bucket, atMs: EpochMs) => {
    if (steps.due()) await steps.turn();
    return countBucket(core, series, bucket, atMs);
  };
  const end = Math.min(endMs, series.lastMs + QUARTER_MS);
  let events = 0;
  for (let atMs = Math.max(startMs, series.firstMs); atMs < end; ) {
    const dayMs = Math.floor(atMs / DAY_MS) * DAY_MS;
    const nextMs = Math.min(dayMs + DAY_MS, end);
    const ofDay = await count('day', dayMs);
    const isWhole = startMs <= dayMs && endMs >= dayMs + DAY_MS;
    if (isWhole) events += ofDay;
    else if (ofDay > 0) {
      for (; atMs < nextMs; atMs += QUARTER_MS) events += await count('quarter', atMs);
    }
    atMs = nextMs;
  }
  return events;
}

function countBucket(
  { fold }: Core,
  { organisation, meter, labelSets }: Series,
  bucket: Bucket,
  atMs: EpochMs,
): number {
  const pages = Math.ceil(labelSets / LABEL_SETS_PER_PAGE);
  let events = 0;
  for (let number = 0; number < pages; number++) {
    const page = fold.tables.pages.peek(keys.page(organisation, meter, bucket, atMs, number));
    for (const cell of page?.cells.values() ?? []) events += cell.count;
  }
  return events;
}

/** Whether the quarter of an hour that holds `edge` has anything: the index is slow to say no. */
async function isUsed(
  core: Core,
  steps: Steps,
  all: readonly Series[],
  { startMs }: Interval,
): Promise<boolean> {
  const quarterMs = Math.floor(startMs / QUARTER_MS) * QUARTER_MS;
  const quarter = { startMs: quarterMs, endMs: quarterMs + QUARTER_MS };
  for (const series of all) {
    if ((await countCells(core, steps, series, quarter)) > 0) return true;
  }
  return false;
}

async function countPlaces(
  core: Core,
  steps: Steps,
  owner: Owner,
  range: Interval,
): Promise<number> {
  let count = 0;
  await eachPlace(core, steps, owner, range, () => {
    count++;
    return 'more';
  });
  return count;
}

/** Undefined where there is none. */
export async function lastEventMs(
  core: Core,
  steps: Steps,
  owner: Owner,
  range: Interval,
): Promise<EpochMs | undefined> {
  let lastMs: EpochMs | undefined;
  await eachPlace(core, steps, owner, range, ({ timeMs }) => {
    lastMs = timeMs;
    return 'stop';
  });
  return lastMs;
}

/** Newest first. */
async function eachPlace(
  core: Core,
  steps: Steps,
  { orgId, number }: Owner,
  { startMs, endMs }: Interval,
  visit: (place: EventPlace) => 'more' | 'stop',
): Promise<void> {
  const { records } = core.fold;
  const hasCorrections = records.count(CORRECTION, orgId) > 0;
  const isVoid = ({ sequence }: EventPlace) =>
    hasCorrections && records.peek(CORRECTION, orgId, `${sequence}`) !== undefined;
  for (let before: EventPlace | undefined = { timeMs: endMs, sequence: 0 }; before; ) {
    const chunk: EventPlace[] = [];
    for (const place of core.indexes.eventsBefore(number, startMs, before)) {
      chunk.push(place);
      if (chunk.length === CHUNK) break;
    }
    for (const place of chunk) {
      if (!isVoid(place) && visit(place) === 'stop') return;
    }
    before = chunk.length === CHUNK ? chunk.at(-1) : undefined;
    if (steps.due()) await steps.turn();
  }
}
