// CheckQuota: would these items fit now? Advisory: it changes nothing and waits for nothing.

import type {
  CheckQuotaRequest,
  CheckQuotaResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { QuotaStatus } from '../../generated/ts/tollgate/v1/quota.js';
import { NO_DIMENSIONS } from '../domain/metering/dimensions.js';
import { type Asked, fits } from '../domain/quota/decide.js';
import { limits } from '../limits.js';
import { checkItems, type ItemsDecision } from './check-items.js';
import { type Answer, advisory, type Core, catalogueOf } from './core.js';
import { type MeasuredItem, measureItem, type ParsedItem, parseItem } from './item.js';
import { checkOrgId, createFaults, type Faults, refuseFaults } from './parse.js';
import { toReason, toStatus } from './quota-status.js';

export function checkQuota(core: Core, request: CheckQuotaRequest): Answer<CheckQuotaResponse> {
  const faults = createFaults();
  const { orgId } = request;
  checkOrgId(orgId, 'org_id', faults);
  const items = measureItems(core, request.items, faults);
  const nowMs = core.clock.wallMs();
  const asked = items.length > 0 ? items : everyRule(core, orgId, nowMs);
  const money = items.length > 0 ? 'with what they cost' : 'as asked';
  const checked = checkItems(core, orgId, asked, nowMs, money);
  countShadow(core, orgId, checked, nowMs);
  const { decision, terms } = checked;
  return advisory({
    allowed: decision.allowed,
    reason: toReason(decision.reason),
    plan: terms.terms.plan.id,
    quotas: statusesOf(checked),
    degraded: false,
    degradedAge: undefined,
  });
}

/** Parses and measures; refuses with all faults at once. */
export function measureItems(
  core: Core,
  items: CheckQuotaRequest['items'],
  faults: Faults,
): readonly MeasuredItem[] {
  return measureParsed(core, parseItems(items, faults), faults);
}

/** The part that needs no catalogue. */
export function parseItems(
  items: CheckQuotaRequest['items'],
  faults: Faults,
): readonly ParsedItem[] {
  if (items.length > limits.items) {
    faults.add('items', `must hold at most ${limits.items} items, holds ${items.length}`);
  }
  refuseFaults(faults);
  const parsed = items.flatMap((item, index) => parseItem(item, `items[${index}]`, faults) ?? []);
  refuseFaults(faults);
  return parsed;
}

export function measureParsed(
  core: Core,
  parsed: readonly ParsedItem[],
  faults: Faults,
): readonly MeasuredItem[] {
  const catalogue = catalogueOf(core);
  const measured = parsed.flatMap((item) => {
    const one = measureItem(item, catalogue, faults);
    return one === undefined ? [] : [one];
  });
  refuseFaults(faults);
  return measured;
}

export function statusesOf(
  { decision, states }: ItemsDecision,
  asked: Asked = 'requested',
): QuotaStatus[] {
  const items = new Map(states.map(({ item, state }) => [state, item]));
  return decision.states.map((state) => {
    const item = items.get(state);
    const dimensions = item?.item.dimensions ?? NO_DIMENSIONS;
    return toStatus(state, dimensions, asked);
  });
}

function countShadow(core: Core, orgId: string, checked: ItemsDecision, nowMs: number): void {
  for (const { state } of checked.states) {
    if (state.rule.mode !== 'SHADOW' || fits(state)) continue;
    core.metrics.shadowDenials.add();
    core.denials.note(orgId, state.rule.key, 'SHADOW', nowMs);
  }
}

/** No items: every rule of the organisation, one quantum each, with the labels that it matches. */
function everyRule(core: Core, orgId: string, nowMs: number): readonly MeasuredItem[] {
  const catalogue = catalogueOf(core);
  const terms = core.terms.of(orgId, nowMs);
  const items = new Map<string, MeasuredItem>();
  for (const key of terms.meters()) {
    const meter = catalogue.meters.get(key);
    for (const { rule } of terms.meter(key).effective) {
      if (meter === undefined) continue;
      const dimensions = new Map(rule.match);
      const item = {
        meter: key,
        amount: { kind: 'none' as const },
        isLevel: false,
        amountText: '',
        dimensions,
        field: 'items',
      };
      const place = `${key}\u0001${JSON.stringify(rule.match)}`;
      const quanta = meter.aggregation === 'MAX' ? 0n : 1n;
      const isDelta = meter.aggregation === 'LAST' || meter.aggregation === 'MAX';
      items.set(place, { item, meter, quanta, isDelta, subject: '' });
    }
  }
  return [...items.values()];
}
