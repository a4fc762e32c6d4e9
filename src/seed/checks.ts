// What the parts of a catalogue say about each other. A part of the wrong shape is not among them,
// but its name is known, so that one bad meter does not make every rule on it refer to nothing.

import { type Match, matchText, toMatch } from '../domain/metering/dimensions.js';
import { countsEvents } from '../domain/metering/meter.js';
import { RUN_UNITS_SCALE } from '../domain/metering/run-units.js';
import { SPEND, SPEND_SCALE } from '../domain/metering/spend.js';
import type {
  MeterDocument,
  OverrideDocument,
  PriceDocument,
  QuotaDocument,
} from '../domain/plans/document.js';
import { ties } from '../domain/pricing/price.js';
import { combinationOf } from '../domain/quota/rule.js';
import { didYouMean, type Placed, pathText, type Report } from './problem.js';
import { placesOf } from './scalars.js';

export interface Meters {
  readonly names: ReadonlySet<string>;
  /** Without the ones of the wrong shape. */
  readonly read: ReadonlyMap<string, MeterDocument>;
}

export function checkMeter({ at, value: meter }: Placed<MeterDocument>, report: Report): void {
  const { aggregation, scale } = meter;
  if (meter.key === SPEND) report([...at, 'key'], 'is reserved for money spent');
  if (countsEvents(aggregation) && scale !== 0) {
    report([...at, 'scale'], `must be 0 for ${aggregation}: it counts whole things`);
  }
  if (aggregation === 'UNIQUE' && meter.dimension === '') {
    report([...at, 'dimension'], 'is required for UNIQUE: the dimension whose values it counts');
  }
  if (aggregation !== 'UNIQUE' && meter.dimension !== '') {
    report([...at, 'dimension'], `belongs to UNIQUE only, not to ${aggregation}`);
  }
  if (aggregation !== 'LAST' && meter.source_keys.length > 0) {
    report([...at, 'source_keys'], `belongs to LAST only, not to ${aggregation}`);
  }
  if (meter.formula !== 'run_units') return;
  if (scale !== RUN_UNITS_SCALE) {
    report([...at, 'scale'], `must be ${RUN_UNITS_SCALE} for the formula run_units`);
  }
  if (aggregation !== 'SUM') {
    report([...at, 'aggregation'], 'must be SUM for the formula run_units');
  }
}

/** `group` is what one plan, one organisation or the defaults hold. */
export function checkQuotas(
  group: readonly Placed<QuotaDocument>[],
  meters: Meters,
  report: Report,
): void {
  const byPlace = new Map<string, Placed<QuotaDocument>>();
  for (const placed of group) {
    const { at, value: quota } = placed;
    if (quota.meter !== SPEND) checkMeterName(placed, meters, report);
    if (quota.limit !== null) checkPlaces([...at, 'limit'], quota.limit, quota, meters, report);
    const place = `${quota.meter}\u0004${combination(quota)}`;
    const first = byPlace.get(place);
    if (first === undefined) byPlace.set(place, placed);
    else {
      report(
        at,
        `counts the same as ${pathText(first.at)}: meter, match, scope and window are equal`,
      );
    }
  }
}

/** `replaceable` are the keys of the rules that hold for the organisation without overrides. */
export function checkReplaces(
  { at, value: override }: Placed<OverrideDocument>,
  replaceable: ReadonlySet<string>,
  report: Report,
): void {
  const { replaces } = override;
  if (replaces === '' || replaceable.has(replaces)) return;
  const hint = didYouMean(replaces, replaceable);
  report([...at, 'replaces'], `no rule of this organisation's plan has this key${hint}`);
}

/** `group` is what one plan or one price list holds. */
export function checkPrices(
  group: readonly Placed<PriceDocument>[],
  meters: Meters,
  report: Report,
): void {
  const firsts = new Map<
    string,
    { readonly placed: Placed<PriceDocument>; readonly match: Match }
  >();
  const versions = new Map<string, Placed<PriceDocument>>();
  for (const placed of group) {
    const { at, value: price } = placed;
    if (price.meter === SPEND) report([...at, 'meter'], 'is money already: it has no price');
    else checkMeterName(placed, meters, report);
    checkPlaces([...at, 'included'], price.included, price, meters, report);
    for (const [i, tier] of (price.tiers ?? []).entries()) {
      const ends = [...at, 'tiers', i];
      if (tier.up_to !== null) {
        checkPlaces([...ends, 'up_to'], tier.up_to, price, meters, report);
      }
      checkPlaces([...ends, 'block_size'], tier.block_size, price, meters, report);
    }
    checkRollupKeys(placed, meters, report);

    const match = toMatch(price.match);
    const place = `${price.meter}\u0003${matchText(match)}`;
    const version = `${place}\u0003${price.effective_from}`;
    const twin = versions.get(version);
    if (twin !== undefined) {
      report(at, `is the same version of the same price as ${pathText(twin.at)}`);
    }
    versions.set(version, twin ?? placed);
    if (firsts.has(place)) continue;
    for (const { placed: other, match: otherMatch } of firsts.values()) {
      if (other.value.meter !== price.meter || !ties(match, otherMatch)) continue;
      const rule = `ties with ${pathText(other.at)}: one event could match both`;
      report([...at, 'match'], rule);
    }
    firsts.set(place, { placed, match });
  }
}

/** `names` are texts of which none may come twice; `what` they are. */
export function checkDistinct(
  names: readonly Placed<string>[],
  what: string,
  report: Report,
): void {
  const firsts = new Map<string, Placed<string>>();
  for (const placed of names) {
    const first = firsts.get(placed.value);
    if (first === undefined) firsts.set(placed.value, placed);
    else report(placed.at, `${what} is already that of ${pathText(first.at.slice(0, -1))}`);
  }
}

export function checkKnown(
  { at, value: name }: Placed<string>,
  what: string,
  known: ReadonlySet<string>,
  report: Report,
): void {
  if (!known.has(name)) report(at, `no such ${what}${didYouMean(name, known)}`);
}

function checkMeterName(
  { at, value }: Placed<{ readonly meter: string }>,
  { names }: Meters,
  report: Report,
): void {
  checkKnown({ at: [...at, 'meter'], value: value.meter }, 'meter', names, report);
}

function checkPlaces(
  at: Placed<string>['at'],
  text: string,
  { meter }: { readonly meter: string },
  { read }: Meters,
  report: Report,
): void {
  const scale = meter === SPEND ? SPEND_SCALE : read.get(meter)?.scale;
  if (scale === undefined || placesOf(text) <= scale) return;
  report(at, `has more decimals than the meter ${meter} keeps (${scale})`);
}

function checkRollupKeys(
  { at, value: price }: Placed<PriceDocument>,
  { read }: Meters,
  report: Report,
): void {
  const meter = read.get(price.meter);
  if (meter === undefined) return;
  for (const key of Object.keys(price.match)) {
    if (meter.rollup_keys.includes(key)) continue;
    report(
      [...at, 'match', key],
      `"${key}" must be one of the meter's rollup_keys, by which usage is priced`,
    );
  }
}

function combination(quota: QuotaDocument): string {
  return combinationOf({
    ...quota,
    match: toMatch(quota.match),
    limit: undefined,
    windowLengthMs: quota.window_length_ms,
  });
}
