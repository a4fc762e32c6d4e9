// What the rules of quota-rules.ts say, the slow and plain way: every event is kept, every figure is
// added up anew. It says what each command must be answered; what happened is told to it.

import {
  applies,
  DAY_MS,
  type Labels,
  latest,
  METERS,
  type Recorded,
  type Rule,
  rulesWith,
  sameScope,
  sinceIdle,
  type Used,
  type UsersWindow,
  value,
  windowOf,
} from './quota-rules.js';

const EVENT_PAST_MS = 35 * DAY_MS;
const EVENT_FUTURE_MS = 5 * 60_000;

export interface Item {
  readonly meter: string;
  readonly quantity: number;
  readonly labels: Labels;
}

export interface HoldRequest {
  readonly orgId: string;
  readonly reservationId: string;
  readonly ttlMs: number;
  readonly items: readonly Item[];
}

export interface Hold extends HoldRequest {
  readonly expiresMs: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
}

export interface EndedHold extends HoldRequest {
  readonly how: 'settle' | 'release' | 'expire';
  /** Of a settlement, and whether its hold had ended before. */
  readonly events: readonly Used[];
  readonly late: boolean;
}

export interface Now {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export type QuotaModel = ReturnType<typeof openModel>;

export function openModel(usersWindow: UsersWindow) {
  const rules = rulesWith(usersWindow);
  let recorded: Recorded[] = [];
  let open: Hold[] = [];
  let ended: EndedHold[] = [];

  const find = (orgId: string, eventId: string) =>
    recorded.find((each) => each.orgId === orgId && each.eventId === eventId);
  const openHold = (orgId: string, id: string) =>
    open.find((each) => each.orgId === orgId && each.reservationId === id);
  const endedHold = (orgId: string, id: string) =>
    ended.find((each) => each.orgId === orgId && each.reservationId === id);
  const rulesOf = (meter: string, labels: Labels) =>
    rules.filter((rule) => applies(rule, meter, labels));

  /** Of a rule, what counts in the window that holds `atMs`. */
  function covered(rule: Rule, orgId: string, labels: Labels, atMs: number, nowMs: number) {
    const own = recorded.filter(
      (each) =>
        each.orgId === orgId &&
        applies(rule, each.meter, each.labels) &&
        sameScope(rule, each.labels, labels),
    );
    const counted = rule.scope === undefined ? own : sinceIdle(own, nowMs);
    return counted.filter(
      (each) =>
        each.replacedBy === undefined &&
        (rule.meter === 'seats' || windowOf(rule, each.atMs) === windowOf(rule, atMs)),
    );
  }

  function reservedOf(rule: Rule, orgId: string, labels: Labels): number {
    const items = open.filter((hold) => hold.orgId === orgId).flatMap((hold) => hold.items);
    const own = items.filter(
      (each) => applies(rule, each.meter, each.labels) && sameScope(rule, each.labels, labels),
    );
    return own.reduce((sum, { quantity }) => sum + quantity, 0);
  }

  /** Whether one more fits a rule in the window that holds `atMs`. */
  function hasRoom(rule: Rule, used: Used, atMs: number, nowMs: number): boolean {
    const { orgId, labels, meter } = used;
    const events = covered(rule, orgId, labels, atMs, nowMs);
    const amount = Number(used.amount);
    const reserved = reservedOf(rule, orgId, labels);
    switch (meter) {
      case 'peak':
        return amount <= rule.limit;
      case 'users': {
        const values = new Set(events.map((each) => each.labels['user']));
        const requested = values.has(labels['user']) ? 0 : 1;
        return values.size + reserved + requested <= rule.limit;
      }
      case 'seats': {
        const before = latest(events).get(labels['team'] ?? '');
        const late = before !== undefined && used.atMs < before.atMs;
        const change = late ? 0 : amount - Number(before?.amount ?? 0);
        return value(meter, events) + reserved + change <= rule.limit;
      }
      default:
        return value(meter, events) + reserved + Math.max(amount, 1) <= rule.limit;
    }
  }

  function fits({ orgId, items }: HoldRequest, nowMs: number): boolean {
    return items.every((item, index) =>
      rulesOf(item.meter, item.labels).every((rule) => {
        const before = items
          .slice(0, index)
          .filter(
            (each) =>
              applies(rule, each.meter, each.labels) && sameScope(rule, each.labels, item.labels),
          )
          .reduce((sum, { quantity }) => sum + quantity, 0);
        const used = value(item.meter, covered(rule, orgId, item.labels, nowMs, nowMs));
        const reserved = reservedOf(rule, orgId, item.labels);
        return used + before + reserved + Math.max(item.quantity, 1) <= rule.limit;
      }),
    );
  }

  function enforced(used: Used, nowMs: number): string {
    const { meter, labels, atMs } = used;
    const own = rulesOf(meter, labels);
    const gap = (rule: Rule) => windowOf(rule, nowMs) - windowOf(rule, atMs);
    if (own.some((rule) => rule.meter !== 'seats' && gap(rule) > 1)) return 'EVENT_TOO_OLD';
    const hasRoomThen = (rule: Rule) => gap(rule) === 0 || hasRoom(rule, used, atMs, nowMs);
    const allowed = own.every((rule) => hasRoom(rule, used, nowMs, nowMs) && hasRoomThen(rule));
    return allowed ? 'RECORDED' : 'DENIED';
  }

  return {
    events: (orgId: string): readonly Recorded[] => recorded.filter((each) => each.orgId === orgId),
    every: (): readonly Recorded[] => recorded,
    holds: (): readonly Hold[] => open,
    ended: (): readonly EndedHold[] => ended,
    isOpen: ({ orgId, reservationId }: HoldRequest) => openHold(orgId, reservationId) !== undefined,
    isSettled: ({ orgId, reservationId }: HoldRequest) =>
      endedHold(orgId, reservationId)?.how === 'settle',
    due: ({ monotonicMs }: Now) => open.filter(({ deadlineMs }) => deadlineMs <= monotonicMs),

    // What a command must be answered.
    record(used: Used, nowMs: number, isEnforced: boolean): string {
      if (Number(used.amount) < 0) return 'FIELD_INVALID';
      const before = find(used.orgId, used.eventId);
      if (before !== undefined) return sameBody(before, used) ? 'DUPLICATE' : 'EVENT_ID_REUSED';
      const fault = timeFault(used.atMs, nowMs);
      if (fault !== undefined) return fault;
      if (!METERS.includes(used.meter)) return 'METER_UNKNOWN';
      return isEnforced ? enforced(used, nowMs) : 'RECORDED';
    },
    reserve(hold: HoldRequest, nowMs: number): string {
      const { orgId, reservationId } = hold;
      if (openHold(orgId, reservationId) !== undefined) return 'GRANTED';
      if (endedHold(orgId, reservationId) !== undefined) return 'RESERVATION_ENDED';
      return fits(hold, nowMs) ? 'GRANTED' : 'DENIED';
    },
    extend({ orgId, reservationId }: HoldRequest): string {
      if (openHold(orgId, reservationId) !== undefined) return 'EXTENDED';
      return endedHold(orgId, reservationId) ? 'RESERVATION_ENDED' : 'RESERVATION_NOT_FOUND';
    },
    release({ orgId, reservationId }: HoldRequest): string {
      if (openHold(orgId, reservationId) !== undefined) return 'RELEASED';
      const past = endedHold(orgId, reservationId);
      if (past === undefined) return 'RESERVATION_NOT_FOUND';
      return past.how === 'settle' ? 'RESERVATION_ENDED' : 'RELEASED';
    },
    settle({ orgId, reservationId }: HoldRequest, events: readonly Used[], nowMs: number): string {
      const past = endedHold(orgId, reservationId);
      if (past?.how === 'settle') {
        const same = past.events.length === events.length;
        const all = same && past.events.every((each, i) => sameBody(each, events[i] as Used));
        if (!all) return 'RESERVATION_ENDED';
        return past.late ? 'SETTLED late' : 'SETTLED';
      }
      const hold = openHold(orgId, reservationId);
      if (hold === undefined && past === undefined) return 'RESERVATION_NOT_FOUND';
      const faults = events.map(({ atMs }) => timeFault(atMs, nowMs));
      return faults.find((fault) => fault !== undefined) ?? (hold ? 'SETTLED' : 'SETTLED late');
    },
    /** `by`: an event that takes its place. */
    correct(orgId: string, eventId: string, by: Used | undefined, nowMs: number): string {
      const before = find(orgId, eventId);
      if (before === undefined) return 'EVENT_NOT_FOUND';
      const { replacedBy } = before;
      const known = by && find(orgId, by.eventId);
      if (replacedBy !== undefined) {
        const isSame = replacedBy === (by?.eventId ?? '');
        if (isSame && (by === undefined || (known && sameBody(known, by)))) return 'CORRECTED';
        return replacedBy === '' ? 'EVENT_VOIDED' : 'EVENT_AMENDED';
      }
      if (by === undefined) return 'CORRECTED';
      if (known !== undefined) return 'EVENT_ID_REUSED';
      const isOlder = by.atMs < Math.min(nowMs - EVENT_PAST_MS, before.atMs);
      if (isOlder) return 'EVENT_TOO_OLD';
      return by.atMs > nowMs + EVENT_FUTURE_MS ? 'EVENT_IN_FUTURE' : 'CORRECTED';
    },

    // What happened.
    add(used: Used, recordedMs: number): void {
      recorded.push({ ...used, recordedMs });
    },
    takeBack(orgId: string, eventId: string, replacedBy: string): void {
      recorded = recorded.map((each) =>
        each.orgId === orgId && each.eventId === eventId ? { ...each, replacedBy } : each,
      );
    },
    hold(request: HoldRequest, now: Now): void {
      open.push({ ...request, ...endOf(now.wallMs + request.ttlMs, now) });
    },
    setEnd({ orgId, reservationId }: HoldRequest, ttlMs: number, now: Now): void {
      const expiresMs = now.wallMs + ttlMs;
      open = open.map((each) => {
        const own = each.orgId === orgId && each.reservationId === reservationId;
        return own && each.expiresMs !== expiresMs ? { ...each, ...endOf(expiresMs, now) } : each;
      });
    },
    end({ orgId, reservationId }: HoldRequest, how: EndedHold['how'], events: readonly Used[]) {
      const before = openHold(orgId, reservationId);
      const own = before ?? endedHold(orgId, reservationId);
      if (own === undefined) throw new Error(`${reservationId} is no hold`);
      open = open.filter((each) => each !== own);
      ended = [...ended.filter((each) => each !== own), { ...own, how, events, late: !before }];
    },
    /** Another process knows the ends of holds by the wall clock alone. */
    restart(now: Now): void {
      open = open.map((each) => ({ ...each, ...endOf(each.expiresMs, now) }));
    },

    // What can be read.
    /** Key, used and reserved of the rules that meet the labels, by key. */
    counters(orgId: string, meter: string, labels: Labels, nowMs: number) {
      const own = rulesOf(meter, labels).map((rule) => [
        rule.key,
        `${value(meter, covered(rule, orgId, labels, nowMs, nowMs))}`,
        `${reservedOf(rule, orgId, labels)}`,
      ]);
      return own.toSorted();
    },
    total(orgId: string, meter: string) {
      const events = recorded.filter(
        (each) => each.orgId === orgId && each.meter === meter && each.replacedBy === undefined,
      );
      return [meter, `${value(meter, events)}`, BigInt(events.length)];
    },
  };
}

function sameBody(a: Used, b: Used): boolean {
  const body = ({ meter, amount, labels }: Used) => [
    meter,
    amount,
    Object.entries(labels).toSorted().join(),
  ];
  return body(a).join('\n') === body(b).join('\n');
}

function timeFault(atMs: number, nowMs: number): string | undefined {
  if (atMs < nowMs - EVENT_PAST_MS) return 'EVENT_TOO_OLD';
  return atMs > nowMs + EVENT_FUTURE_MS ? 'EVENT_IN_FUTURE' : undefined;
}

function endOf(expiresMs: number, { wallMs, monotonicMs }: Now) {
  return { expiresMs, deadlineMs: monotonicMs + Math.max(0, expiresMs - wallMs) };
}
