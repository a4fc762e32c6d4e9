// GetUsageTrend: usage of one meter by day, week or month, each window beside the one before. For
// one organisation, or over all of them: then it reads what each used in the range, in slices.

import type {
  GetUsageTrendRequest,
  GetUsageTrendResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { UsageTrendRow } from '../../../generated/ts/tollgate/v1/overview.js';
import { UsageWindow } from '../../../generated/ts/tollgate/v1/usage.js';
import { formatUnits } from '../../base/decimal.js';
import { DAY_MS } from '../../base/units.js';
import { type CalendarUnit, type Interval, intervalAt } from '../../domain/metering/calendar.js';
import type { Meter } from '../../domain/metering/meter.js';
import { limits } from '../../limits.js';
import { keys } from '../../state/tables.js';
import { checkZone } from '../checks.js';
import { type Answer, type Core, catalogueOf } from '../core.js';
import {
  checkMeter,
  checkOrgId,
  createFaults,
  type Faults,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { changePercent } from './percent.js';
import { intervalsOf, latest, parseRange } from './ranges.js';
import { scanRecords } from './scan-records.js';
import { openSteps, type Steps } from './steps.js';
import { type ByValue, isOnGrid, type Used, type Wanted, windowUsage } from './window-usage.js';

type Unit = Extract<CalendarUnit, 'DAY' | 'WEEK' | 'MONTH'>;
const WINDOWS_DEFAULT: Record<Unit, number> = { DAY: 30, WEEK: 12, MONTH: 12 };

const UNIT: Partial<Record<UsageWindow, Unit>> = {
  [UsageWindow.USAGE_WINDOW_UNSPECIFIED]: 'DAY',
  [UsageWindow.USAGE_WINDOW_DAY]: 'DAY',
  [UsageWindow.USAGE_WINDOW_WEEK]: 'WEEK',
  [UsageWindow.USAGE_WINDOW_MONTH]: 'MONTH',
};

export async function getUsageTrend(
  core: Core,
  request: GetUsageTrendRequest,
): Promise<Answer<GetUsageTrendResponse>> {
  const { orgId } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  checkMeter(request.meter, 'meter', faults);
  const zone = checkZone(request.timeZone, 'time_zone', faults);
  const unit = UNIT[request.window];
  if (unit === undefined) faults.add('window', 'must be DAY, WEEK or MONTH');
  const given = parseRange(request, faults);
  refuseFaults(faults);
  const meter = meterOf(core, request.meter, request.groupBy, faults);
  const steps = openSteps(core);
  const windows = await windowsOf(core, steps, unit ?? 'DAY', given, zone);
  const wanted = { meter, label: request.groupBy, windows };
  const usage =
    orgId === '' ? await ofAll(core, steps, wanted) : await ofOne(core, steps, orgId, wanted);
  const reply = { rows: rowsOf(wanted, usage), unit: meter.unit };
  return { reply, after: core.journal.lastSequence() };
}

function meterOf(core: Core, key: string, groupBy: string, faults: Faults): Meter {
  const meter = catalogueOf(core).everyMeter.get(key);
  if (meter === undefined) {
    throw new Refusal('NOT_FOUND', 'METER_NOT_FOUND', `meter "${key}" is not in the catalogue`);
  }
  if (groupBy !== '' && !meter.rollupKeys.includes(groupBy)) {
    const keys = meter.rollupKeys.length === 0 ? 'it has none' : meter.rollupKeys.join(', ');
    faults.add('group_by', `must be a rollup key of the meter: ${keys}`);
  }
  refuseFaults(faults);
  return meter;
}

/** With the one before the range in front. */
async function windowsOf(
  core: Core,
  steps: Steps,
  unit: Unit,
  given: Interval | undefined,
  zone: string,
): Promise<readonly Interval[]> {
  const range = given ?? latest(unit, WINDOWS_DEFAULT[unit], core.clock.wallMs(), zone);
  if (range.endMs - range.startMs > RANGE_MS_MAX[unit]) throw tooManyRows();
  const windows = await intervalsOf(steps, unit, range, zone, limits.usageRows);
  const [first] = windows ?? [];
  if (windows === undefined || first === undefined) throw tooManyRows();
  const before = intervalAt(unit, first.startMs - 1, zone);
  if (![before, ...windows].every(isOnGrid)) {
    throw invalidField('time_zone', 'its days do not begin on quarters of an hour at that time');
  }
  return [before, ...windows];
}

/** Calendars need not be asked whether a range has too many windows. */
const RANGE_MS_MAX: Record<Unit, number> = {
  DAY: (limits.usageRows + 1) * DAY_MS,
  WEEK: (limits.usageRows + 1) * 7 * DAY_MS,
  MONTH: (limits.usageRows + 1) * 31 * DAY_MS,
};

async function ofOne(
  core: Core,
  steps: Steps,
  orgId: string,
  wanted: Wanted,
): Promise<readonly ByValue[]> {
  const organisation = core.fold.tables.organisations.peek(keys.organisation(orgId));
  if (organisation === undefined) return [];
  return windowUsage(core, steps, organisation.number, wanted);
}

/** The sum of what each used. */
async function ofAll(core: Core, steps: Steps, wanted: Wanted): Promise<readonly ByValue[]> {
  const sums = wanted.windows.map(() => new Map<string, Used>());
  let size = 0;
  for await (const { id } of scanRecords(core, steps, 'organization')) {
    for (const [i, own] of (await ofOne(core, steps, id, wanted)).entries()) {
      const sum = sums[i] as Map<string, Used>;
      size -= sum.size;
      for (const [value, used] of own) add(sum, value, used);
      size += sum.size;
    }
    // Each is in a row of its own window or of the one after it.
    if (size > 2 * limits.usageRows) throw tooManyRows();
  }
  return sums;
}

function add(sum: Map<string, Used>, value: string, used: Used): void {
  const known = sum.get(value);
  if (known === undefined) {
    sum.set(value, { ...used });
    return;
  }
  known.quanta += used.quanta;
  known.events += used.events;
}

const NOTHING: Used = { quanta: 0n, events: 0 };
const NO_VALUES: ByValue = new Map();

/** What was used in the window before and is not now has a row too: it fell to nothing. */
function rowsOf({ meter, label, windows }: Wanted, usage: readonly ByValue[]): UsageTrendRow[] {
  const rows: UsageTrendRow[] = [];
  for (let i = 1; i < windows.length; i++) {
    const window = windows[i] as Interval;
    const now = usage[i] ?? NO_VALUES;
    const before = usage[i - 1] ?? NO_VALUES;
    const values = label === '' ? [''] : [...new Set([...before.keys(), ...now.keys()])].sort();
    if (rows.length + values.length > limits.usageRows) throw tooManyRows();
    for (const value of values) {
      const own = now.get(value) ?? NOTHING;
      rows.push(toRow(meter, window, value, own, before.get(value) ?? NOTHING));
    }
  }
  return rows;
}

function toRow(
  { scale }: Meter,
  { startMs, endMs }: Interval,
  dimensionValue: string,
  now: Used,
  before: Used,
): UsageTrendRow {
  return {
    windowStart: toTimestamp(startMs),
    windowEnd: toTimestamp(endMs),
    dimensionValue,
    quantity: formatUnits(now.quanta, scale),
    previousQuantity: formatUnits(before.quanta, scale),
    changePercent: changePercent(now.quanta, before.quanta),
    eventCount: BigInt(now.events),
  };
}

function tooManyRows(): Refusal {
  const text = `gives more than ${limits.usageRows} rows: use a shorter range or a wider window`;
  return invalidField('window', text);
}
