// Reserve: hold part of the quotas for work that is about to start, all items or nothing. Decided
// and held in one step, so the last units are granted exactly once (I5).

import type {
  ReserveRequest,
  ReserveResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { present } from '../base/assert.js';
import { hash32 } from '../base/hash.js';
import type { Quanta, Sequence } from '../base/units.js';
import { dimensionsText } from '../domain/metering/dimensions.js';
import { countsEvents } from '../domain/metering/meter.js';
import { fits, type RuleState, remaining, standing } from '../domain/quota/decide.js';
import type { HoldItem } from '../journal/entry.js';
import { limits } from '../limits.js';
import { commit } from '../state/commit.js';
import type { Hold } from '../state/values.js';
import { LOCAL } from './caller.js';
import { checkItems, type ItemStanding, type ItemsDecision } from './check-items.js';
import { measureParsed, parseItems, statusesOf } from './check-quota.js';
import {
  type Answer,
  type Core,
  catalogueOf,
  refuseIfFull,
  refuseIfUnable,
  refuseUnknownOrganisation,
} from './core.js';
import type { MeasuredItem, ParsedItem } from './item.js';
import {
  checkOrgId,
  checkReservationId,
  createFaults,
  parseDuration,
  toTimestamp,
} from './parse.js';
import { toReason } from './quota-status.js';
import { ensureOrganisation } from './record-event.js';
import { Refusal } from './refusal.js';
import { ended, findEnded, toItem } from './reservation.js';

const PRICED = 'with what they cost';
const TTL = { fallbackMs: limits.reservationTtlDefaultMs, maxMs: limits.reservationTtlMs };

export function reserve(core: Core, request: ReserveRequest): Answer<ReserveResponse> {
  refuseIfUnable(core);
  const { orgId, reservationId } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  checkReservationId(reservationId, faults);
  const ttlMs = parseDuration(request.ttl, 'ttl', TTL, faults);
  if (request.items.length === 0) faults.add('items', 'must hold at least one item');
  const parsed = parseItems(request.items, faults);
  const open = core.fold.holds.find(orgId, reservationId);
  const fingerprint = fingerprintOf(core, parsed, open, ttlMs, request.allowPartial);
  if (open !== undefined) {
    refuseOtherBody(open, fingerprint);
    return granted(core, open, core.journal.lastSequence());
  }
  const past = findEnded(core, orgId, reservationId);
  if (past !== undefined) throw ended(past.entry);
  const items = measureParsed(core, parsed, faults);

  refuseUnknownOrganisation(core, orgId);
  const nowMs = core.clock.wallMs();
  const decided = grant(core, orgId, items, nowMs, request.allowPartial);
  if (!decided.checked.decision.allowed) return denied(core, orgId, decided.checked, nowMs);
  refuseIfHoldsExhausted(core, orgId);
  refuseIfFull(core, 'ordinary');
  ensureOrganisation(core, orgId, nowMs);
  const held = decided.items.map((item, index) =>
    holdItem(core, item, (items[index] ?? item).quanta - item.quanta, decided.checked),
  );
  const spent = new Set(decided.checked.standings.map(({ item }) => item));
  for (const item of spent) {
    if (item.spentBy !== undefined) held.push(holdItem(core, item, 0n, decided.checked));
  }
  const { sequence } = commit(core, {
    kind: 'reserve',
    atMs: nowMs,
    orgId,
    reservationId,
    fingerprint,
    ttlMs,
    items: held,
  });
  core.holders.note(core.caller.principal.name, orgId, reservationId);
  core.metrics.reservations.granted.add();
  return granted(core, present(core.fold.holds.find(orgId, reservationId), 'the hold'), sequence);
}

/** On meters that count events an absent amount is 1; what is held knows a meter that is gone. */
function fingerprintOf(
  core: Core,
  items: readonly ParsedItem[],
  open: Hold | undefined,
  ttlMs: number,
  partial: boolean,
): number {
  const { meters } = catalogueOf(core);
  const parts = items.map((item) => {
    const known = meters.get(item.meter) ?? open?.items.find(({ meter }) => meter === item.meter);
    const absent = known !== undefined && countsEvents(known.aggregation) ? '1' : '';
    const amount = item.amountText || absent;
    return `${item.meter}\u0000${amount}\u0000${dimensionsText(item.dimensions)}`;
  });
  return hash32([...parts, ttlMs, partial].join('\u0003'));
}

interface Grant {
  readonly items: readonly MeasuredItem[];
  readonly checked: ItemsDecision;
}

/**
 * With `allow_partial` an item that does not fit whole is cut to what remains, to nothing where
 * nothing does; something must be left of one of them.
 */
function grant(
  core: Core,
  orgId: string,
  items: readonly MeasuredItem[],
  nowMs: number,
  partial: boolean,
): Grant {
  const whole = { items, checked: checkItems(core, orgId, items, nowMs, PRICED) };
  if (!partial || whole.checked.decision.allowed || whole.checked.suspended) return whole;
  const cut: MeasuredItem[] = [];
  for (const item of items) {
    const before = cut.filter(({ quanta }) => quanta > 0n);
    const { states } = checkItems(core, orgId, [...before, item], nowMs, PRICED);
    const own = states.filter((each) => each.item === item).map(({ state }) => state);
    cut.push({ ...item, quanta: quantaThatFit(item, own) });
  }
  const left = cut.filter(({ quanta }) => quanta > 0n);
  if (left.length === 0) return whole;
  const checked = checkItems(core, orgId, left, nowMs, PRICED);
  return checked.decision.allowed ? { items: cut, checked } : whole;
}

/** As much of an item as every HARD rule has room for. MAX cannot be cut: its level fits or not. */
function quantaThatFit(item: MeasuredItem, states: readonly RuleState[]): Quanta {
  let quanta = item.quanta;
  for (const state of states) {
    const left = remaining(state);
    if (state.rule.mode !== 'HARD' || left === undefined || fits(state)) continue;
    if (state.aggregation === 'MAX') return 0n;
    // A level is cut by what its change is too much; of a quantity, what remains is left.
    const fitting = item.quanta - (state.requested - left);
    if (fitting < quanta) quanta = fitting;
  }
  return quanta > 0n ? quanta : 0n;
}

/** `cut`: what was asked for beyond what is granted. */
function holdItem(core: Core, item: MeasuredItem, cut: Quanta, checked: ItemsDecision): HoldItem {
  const { meter } = item;
  const own = checked.standings.filter((each) => each.item === item);
  const quanta = heldQuanta(core, checked.orgId, item, own);
  const counters = own.map(({ standing }) => ({
    combination: standing.counted.combination,
    scopeValues: standing.scopeValues,
    reserved: standing.requested > 0n ? standing.requested : 0n,
  }));
  return {
    meter: meter.key,
    aggregation: meter.aggregation,
    scale: meter.scale,
    quanta,
    requested: quanta + cut,
    labels: [...item.item.dimensions],
    counters: meter.aggregation === 'MAX' ? [] : counters,
  };
}

/** Of a level, what is held is the difference to the present one. */
function heldQuanta(
  core: Core,
  orgId: string,
  item: MeasuredItem,
  own: readonly ItemStanding[],
): Quanta {
  if (item.meter.aggregation !== 'LAST' || item.isDelta) return item.quanta;
  const [first] = own;
  const change = first?.standing.requested ?? item.quanta - levelOf(core, orgId, item);
  return change > 0n ? change : 0n;
}

/** Of the item's source, where no rule has looked. */
function levelOf(core: Core, orgId: string, { meter, subject }: MeasuredItem): Quanta {
  const account = core.fold.account(orgId);
  const levels = account && core.fold.levels(account, meter.key);
  return levels?.sources.get(subject)?.quanta ?? 0n;
}

function refuseIfHoldsExhausted(core: Core, orgId: string): void {
  const { holds } = core.fold;
  const { name } = core.caller.principal;
  const most = limits.openHoldsPerCredential;
  if (name !== LOCAL.name && core.holders.count(name, most) >= most) {
    const text = `the credential has ${most} open reservations; settle or release some`;
    throw new Refusal('RESOURCE_EXHAUSTED', 'HOLDS_EXHAUSTED', text);
  }
  const own = holds.openOf(orgId) >= limits.openHoldsPerOrg;
  if (!own && holds.open() < limits.openHolds) return;
  const text = own
    ? `the organisation has ${limits.openHoldsPerOrg} open reservations`
    : `there are ${limits.openHolds} open reservations`;
  throw new Refusal('RESOURCE_EXHAUSTED', 'HOLDS_EXHAUSTED', `${text}; settle or release some`);
}

/** What is held, with the rules as they are now: the first answer and each later one. */
function granted(core: Core, hold: Hold, after: Sequence): Answer<ReserveResponse> {
  const held = heldAsItems(core, hold);
  const checked = checkItems(core, hold.orgId, [...held.keys()], core.clock.wallMs(), 'as asked');
  for (const { item, state } of checked.states) state.requested = heldIn(held.get(item), state);
  const states = checked.states.map(({ state }) => state);
  const reply = {
    granted: true,
    items: hold.items.map(toItem),
    expireTime: toTimestamp(hold.expiresMs),
    reason: toReason(standing(states, 'recorded').reason),
    plan: checked.terms.terms.plan.id,
    quotas: statusesOf(checked, 'recorded'),
  };
  return { reply, after };
}

/** Nothing more is asked for. A meter may have left the catalogue: it has no rules then. */
function heldAsItems(core: Core, hold: Hold): ReadonlyMap<MeasuredItem, HoldItem> {
  const { meters } = catalogueOf(core);
  const items = new Map<MeasuredItem, HoldItem>();
  for (const [index, held] of hold.items.entries()) {
    const meter = meters.get(held.meter);
    if (meter === undefined) continue;
    const item: ParsedItem = {
      meter: held.meter,
      amount: { kind: 'none' },
      isLevel: false,
      amountText: '',
      dimensions: new Map(held.labels),
      field: `items[${index}]`,
    };
    items.set({ item, meter, quanta: 0n, isDelta: true, subject: '' }, held);
  }
  return items;
}

/** What an item adds to `reserved` of a rule; of a level that is not added up, the level. */
function heldIn(held: HoldItem | undefined, { rule, scopeValues, aggregation }: RuleState): Quanta {
  if (held === undefined) return 0n;
  if (aggregation === 'MAX') return held.quanta;
  const counter = held.counters.find(
    (each) => each.combination === rule.combination && each.scopeValues === scopeValues,
  );
  return counter?.reserved ?? 0n;
}

function refuseOtherBody(hold: Hold, fingerprint: number): void {
  if (hold.fingerprint === fingerprint) return;
  const text = `reservation ${JSON.stringify(hold.reservationId)} is held with another body`;
  throw new Refusal('ALREADY_EXISTS', 'RESERVATION_ID_REUSED', text);
}

function denied(
  core: Core,
  orgId: string,
  checked: ItemsDecision,
  nowMs: number,
): Answer<ReserveResponse> {
  const { decision, suspended, terms } = checked;
  core.metrics.reservations.denied.add();
  core.metrics.denials[suspended ? 'suspended' : 'hard'].add();
  const rule = suspended ? 'suspended' : (decision.states[0]?.rule.key ?? '');
  core.denials.note(orgId, rule, 'HARD', nowMs);
  const reply = {
    granted: false,
    items: [],
    expireTime: undefined,
    reason: toReason(decision.reason),
    plan: terms.terms.plan.id,
    quotas: statusesOf(checked),
  };
  return { reply, after: core.journal.lastSequence() };
}
