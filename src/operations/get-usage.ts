// GetUsage: what an organisation used, by meter, window and labels. Exact, also across restarts and
// time zones.

import type {
  GetUsageRequest,
  GetUsageResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { type UsageRow, UsageWindow } from '../../generated/ts/tollgate/v1/usage.js';
import { formatUnits } from '../base/decimal.js';
import {
  type CalendarUnit,
  intervalAt,
  isZone,
  monthInterval,
  UTC,
} from '../domain/metering/calendar.js';
import type { Meter } from '../domain/metering/meter.js';
import { limits } from '../limits.js';
import type { Account } from '../state/account.js';
import { QUARTER_MS } from '../state/label-text.js';
import { type Answer, type Core, catalogueOf } from './core.js';
import {
  checkMeter,
  checkOrgId,
  createFaults,
  type Faults,
  hasControl,
  parseTime,
  refuseFaults,
  toTimestamp,
} from './parse.js';
import { type Group, type Range, readUsage } from './read-usage.js';
import { invalidField, Refusal } from './refusal.js';

const METERS_MAX = 100;

export async function getUsage(
  core: Core,
  request: GetUsageRequest,
): Promise<Answer<GetUsageResponse>> {
  const faults = createFaults();
  checkOrgId(request.orgId, 'org_id', faults);
  if (request.meters.length > METERS_MAX) faults.add('meters', `must be at most ${METERS_MAX}`);
  for (const [i, meter] of request.meters.entries()) checkMeter(meter, `meters[${i}]`, faults);
  checkGroupBy(request.groupBy, faults);
  const zone = request.timeZone === '' ? UTC : request.timeZone;
  if (!isZone(zone))
    faults.add('time_zone', `${JSON.stringify(zone.slice(0, 64))} is not an IANA time zone`);
  refuseFaults(faults);
  const range = rangeOf(core, request, zone, faults);
  refuseFaults(faults);
  const unit = unitOf(request.window);
  const account = core.fold.account(request.orgId);
  const meters = metersOf(core, request.meters);
  const reply: GetUsageResponse = { rows: [], totals: [] };
  for (const meter of meters) {
    const asked = request.meters.length > 0;
    await addMeter(core, account, meter, request.groupBy, { range, unit, zone }, reply, asked);
  }
  return { reply, after: core.journal.lastSequence() };
}

async function addMeter(
  core: Core,
  account: Account | undefined,
  meter: Meter,
  groupBy: readonly string[],
  cut: Cut,
  reply: GetUsageResponse,
  asked: boolean,
): Promise<void> {
  const { range } = cut;
  const series = account && core.fold.series(account, meter.key);
  if (account === undefined || series === undefined) {
    if (asked) reply.totals.push(rowOf(meter, NO_USAGE, range));
    return;
  }
  const [total] = await readUsage(core, account, meter, range, []);
  if (total !== undefined || asked) reply.totals.push(rowOf(meter, total ?? NO_USAGE, range));
  if (total === undefined) return;
  // Windows without usage are passed over; a level carries on to the end of the range.
  const endMs = meter.aggregation === 'LAST' ? range.endMs : series.lastMs + QUARTER_MS;
  for (const window of windowsOf(cut, { startMs: series.firstMs, endMs })) {
    for (const group of await readUsage(core, account, meter, window, groupBy)) {
      if (reply.rows.length >= limits.usageRows) throw tooManyRows();
      reply.rows.push(rowOf(meter, group, window));
    }
  }
}

type Shown = Pick<Group, 'labels' | 'value'> & { readonly cell: { readonly count: number } };
const NO_USAGE: Shown = { labels: [], value: 0n, cell: { count: 0 } };

function rowOf(meter: Meter, group: Shown, range: Range): UsageRow {
  return {
    meter: meter.key,
    unit: meter.unit,
    quantity: formatUnits(group.value, meter.scale),
    eventCount: BigInt(group.cell.count),
    windowStart: toTimestamp(range.startMs),
    windowEnd: toTimestamp(range.endMs),
    dimensions: new Map(group.labels),
  };
}

function checkGroupBy(groupBy: readonly string[], faults: Faults): void {
  if (groupBy.length > limits.dimensions) {
    faults.add('group_by', `must hold at most ${limits.dimensions} keys`);
  }
  if (new Set(groupBy).size < groupBy.length) faults.add('group_by', 'holds a key twice');
  const wrong = (key: string) =>
    key.length === 0 || key.length > limits.dimensionKeyChars || hasControl(key);
  if (groupBy.some(wrong)) {
    faults.add('group_by', 'keys must be 1 to 64 characters without control characters');
  }
}

export function rangeOf(
  core: Core,
  request: Pick<GetUsageRequest, 'period' | 'startTime' | 'endTime'>,
  zone: string,
  faults: Faults,
): Range {
  const startMs = parseTime(request.startTime, 'start_time', faults);
  const endMs = parseTime(request.endTime, 'end_time', faults);
  const current = intervalAt('MONTH', core.clock.wallMs(), zone);
  if (request.period !== '') {
    if (request.startTime !== undefined || request.endTime !== undefined) {
      faults.add('period', 'cannot stand together with start_time and end_time');
    }
    const month = monthInterval(request.period, zone);
    if (month === undefined) faults.add('period', 'must be a calendar month like "2026-11"');
    return month ?? current;
  }
  if (startMs === undefined && endMs === undefined) return current;
  if (startMs === undefined || endMs === undefined) {
    const both = request.startTime !== undefined && request.endTime !== undefined;
    const missing = request.startTime === undefined ? 'start_time' : 'end_time';
    if (!both) faults.add(missing, 'is required where the other time is given');
    return current;
  }
  if (endMs < startMs) faults.add('end_time', 'must not be before start_time');
  return { startMs, endMs };
}

const UNIT: Partial<Record<UsageWindow, CalendarUnit>> = {
  [UsageWindow.USAGE_WINDOW_HOUR]: 'HOUR',
  [UsageWindow.USAGE_WINDOW_DAY]: 'DAY',
  [UsageWindow.USAGE_WINDOW_WEEK]: 'WEEK',
  [UsageWindow.USAGE_WINDOW_MONTH]: 'MONTH',
};

interface Cut {
  readonly range: Range;
  /** Undefined: not cut. */
  readonly unit: CalendarUnit | undefined;
  readonly zone: string;
}

function unitOf(window: UsageWindow): CalendarUnit | undefined {
  const unit = UNIT[window];
  if (unit !== undefined) return unit;
  const { USAGE_WINDOW_UNSPECIFIED, USAGE_WINDOW_NONE } = UsageWindow;
  if (window === USAGE_WINDOW_UNSPECIFIED || window === USAGE_WINDOW_NONE) return undefined;
  throw invalidField('window', 'is not a known window');
}

/** The range cut at calendar boundaries, as far as it meets `used`; the ends may be parts. */
function* windowsOf({ range, unit, zone }: Cut, used: Range): Generator<Range> {
  if (unit === undefined) {
    yield range;
    return;
  }
  const from = Math.max(range.startMs, intervalAt(unit, used.startMs, zone).startMs);
  const to = Math.min(range.endMs, used.endMs);
  for (let startMs = from; startMs < to; ) {
    const endMs = Math.min(intervalAt(unit, startMs, zone).endMs, range.endMs);
    yield { startMs, endMs };
    startMs = endMs;
  }
}

/** What was recorded of an archived meter stays readable. */
function metersOf(core: Core, keys: readonly string[]): readonly Meter[] {
  const { everyMeter: meters } = catalogueOf(core);
  const asked = keys.length === 0 ? [...meters.keys()] : [...new Set(keys)];
  return asked.sort().map((key) => {
    const meter = meters.get(key);
    if (meter !== undefined) return meter;
    throw new Refusal('NOT_FOUND', 'METER_UNKNOWN', `meter "${key}" is not in the catalogue`);
  });
}

function tooManyRows(): Refusal {
  const text = `gives more than ${limits.usageRows} rows: use a shorter range or fewer keys`;
  return invalidField('window', text);
}
