// Whether something still names an object that is to go.

import type { EpochMs } from '../../base/units.js';
import { planKey } from '../../domain/plans/catalogue.js';
import type { PriceDocument } from '../../domain/plans/document.js';
import { LIVE_STATES } from '../../domain/subscriptions/document.js';
import type { Core } from '../core.js';
import { catalogueOf } from '../core.js';
import { Refusal } from '../refusal.js';
import { scan } from './lists.js';
import { type CatalogueObjects, inUse } from './objects.js';

const NAMED_MAX = 5;

/** Plans, price lists and default rules. */
export function refuseNamedMeter(objects: CatalogueObjects, meter: string): void {
  const names = (each: { readonly meter: string }) => each.meter === meter;
  const users = [
    ...inUse(objects.plans).flatMap(({ id, quotas, prices }) =>
      quotas.some(names) || prices.some(names) ? [`plan "${id}"`] : [],
    ),
    ...inUse(objects.priceLists).flatMap(({ id, prices }) =>
      prices.some(names) ? [`price list "${id}"`] : [],
    ),
    ...objects.settings.default_quotas.filter(names).map(({ key }) => `default quota "${key}"`),
  ];
  if (users.length > 0) throw meterInUse(meter, users);
}

/** Overrides that hold at `atMs`. */
export async function refuseOverriddenMeter(
  core: Core,
  meter: string,
  atMs: EpochMs,
): Promise<void> {
  const users: string[] = [];
  for await (const { orgId, value } of scan(core, { kind: 'override' })) {
    const { override, deleted } = value;
    if (deleted || override.meter !== meter) continue;
    if (override.expires !== null && Date.parse(override.expires) <= atMs) continue;
    users.push(`override "${override.key}" of "${orgId}"`);
    if (users.length === NAMED_MAX) break;
  }
  if (users.length > 0) throw meterInUse(meter, users);
}

/** Prices that name a label of the meter which its totals would no longer keep. */
export function refusePricedKeys(
  objects: CatalogueObjects,
  meter: string,
  keys: ReadonlySet<string>,
): void {
  const users = [
    ...inUse(objects.plans).map(({ id, prices }) => ({ user: `plan "${id}"`, prices })),
    ...inUse(objects.priceLists).map(({ id, prices }) => ({ user: `price list "${id}"`, prices })),
  ];
  refusePricing(meter, keys, users);
}

/** The same of the older versions of plans that live subscriptions are on. */
export async function refuseSoldKeys(
  core: Core,
  meter: string,
  keys: ReadonlySet<string>,
): Promise<void> {
  const versions = new Map<string, readonly PriceDocument[]>();
  const live = { kind: 'subscription', where: { state: LIVE_STATES } } as const;
  for await (const { value } of scan(core, live)) {
    const plan = catalogueOf(core).plan(value.plan, value.plan_version);
    if (plan === undefined) continue;
    versions.set(planKey(plan.id, plan.version), plan.document.prices);
  }
  const users = [...versions].map(([key, prices]) => ({ user: `plan "${key}"`, prices }));
  refusePricing(meter, keys, users);
}

function refusePricing(
  meter: string,
  keys: ReadonlySet<string>,
  all: readonly { readonly user: string; readonly prices: readonly PriceDocument[] }[],
): void {
  const users = all.flatMap(({ user, prices }) => {
    const own = prices.filter((price) => price.meter === meter);
    return own.some(({ match }) => Object.keys(match).some((key) => keys.has(key))) ? [user] : [];
  });
  if (users.length > 0) throw meterInUse(meter, users);
}

export function refuseDefaultPlan({ settings }: CatalogueObjects, plan: string): void {
  if (settings.default_plan === plan) throw planInUse(plan, 'it is the default plan');
}

export async function refuseAssignedPlan(core: Core, plan: string): Promise<void> {
  const where = { plan: [plan], subscription_id: [''] };
  for await (const { id } of scan(core, { kind: 'organization', where })) {
    throw planInUse(plan, `the organisation "${id}" is on it without a subscription`);
  }
}

function meterInUse(meter: string, users: readonly string[]): Refusal {
  const named = users.slice(0, NAMED_MAX).join(', ');
  const rest = users.length > NAMED_MAX ? ' and others' : '';
  const text = `meter "${meter}" is still named by ${named}${rest}`;
  return new Refusal('FAILED_PRECONDITION', 'METER_IN_USE', text);
}

function planInUse(plan: string, why: string): Refusal {
  const text = `plan "${plan}" is in use: ${why}`;
  return new Refusal('FAILED_PRECONDITION', 'PLAN_IN_USE', text);
}
