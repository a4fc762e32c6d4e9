// What the rules of test/rpc/model.test.ts say, the slow and plain way: every event is kept, every
// figure is added up anew.

const DAY_MS = 86_400_000;

export interface Used {
  readonly orgId: string;
  readonly eventId: string;
  readonly meter: string;
  /** Decimal text of at most two decimals. */
  readonly amount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly atMs: number;
}

export interface Item {
  readonly meter: string;
  readonly quantity: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Hold {
  readonly orgId: string;
  readonly reservationId: string;
  readonly items: readonly Item[];
  readonly expiresMs: number;
}

interface Rule {
  readonly key: string;
  readonly meter: string;
  readonly limit: number;
  readonly window: 'DAY' | 'MONTH' | 'LIFETIME';
  readonly scope?: string;
  readonly match?: readonly [key: string, value: string];
}

const RULES: readonly Rule[] = [
  { key: 'month', meter: 'tokens', limit: 400, window: 'MONTH' },
  { key: 'day', meter: 'tokens', limit: 120, window: 'DAY' },
  { key: 'run', meter: 'tokens', limit: 90, window: 'LIFETIME', scope: 'run' },
  { key: 'x', meter: 'tokens', limit: 50, window: 'DAY', match: ['model', 'x'] },
  { key: 'calls', meter: 'calls', limit: 15, window: 'DAY' },
  { key: 'seats', meter: 'seats', limit: 20, window: 'LIFETIME' },
  { key: 'users', meter: 'users', limit: 3, window: 'DAY' },
  { key: 'peak', meter: 'peak', limit: 50, window: 'DAY' },
];

const PROBES: readonly Pick<Item, 'meter' | 'labels'>[] = [
  { meter: 'tokens', labels: { run: 'r1', model: 'x' } },
  { meter: 'tokens', labels: { run: 'r2', model: 'y' } },
  { meter: 'tokens', labels: {} },
  { meter: 'calls', labels: {} },
  { meter: 'seats', labels: { team: 's' } },
  { meter: 'users', labels: { user: 'nobody' } },
  { meter: 'peak', labels: {} },
];

type Labels = Readonly<Record<string, string>>;

export function openModel() {
  const recorded: Used[] = [];
  let open: Hold[] = [];

  const applies = (rule: Rule, meter: string, labels: Labels) =>
    rule.meter === meter && (rule.match === undefined || labels[rule.match[0]] === rule.match[1]);
  const sameScope = ({ scope }: Rule, a: Labels, b: Labels) =>
    scope === undefined || (a[scope] ?? '') === (b[scope] ?? '');
  const rulesOf = (meter: string, labels: Labels) =>
    RULES.filter((rule) => applies(rule, meter, labels));

  /** Number of the window that holds a time: the one before has the number before. */
  function windowOf({ window }: Rule, atMs: number): number {
    if (window === 'LIFETIME') return 0;
    if (window === 'DAY') return Math.floor(atMs / DAY_MS);
    const date = new Date(atMs);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  }

  function covered(rule: Rule, orgId: string, labels: Labels, atMs: number): readonly Used[] {
    return recorded.filter(
      (each) =>
        each.orgId === orgId &&
        applies(rule, each.meter, each.labels) &&
        sameScope(rule, each.labels, labels) &&
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
  function hasRoom(rule: Rule, used: Used, atMs: number): boolean {
    const { orgId, labels, meter } = used;
    const events = covered(rule, orgId, labels, atMs);
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

  return {
    PROBES,
    events: (orgId: string) => recorded.filter((each) => each.orgId === orgId),
    holds: () => open,
    add: (used: Used) => recorded.push(used),
    hold: (hold: Hold) => open.push(hold),
    end(hold: Hold) {
      open = open.filter((each) => each !== hold);
    },
    /** Ends what is due; how many stay open. */
    expire(nowMs: number): number {
      open = open.filter(({ expiresMs }) => expiresMs > nowMs);
      return open.length;
    },
    outcome(used: Used, nowMs: number, enforced: boolean): string {
      const { orgId, eventId, meter, labels, atMs } = used;
      if (recorded.some((each) => each.orgId === orgId && each.eventId === eventId)) {
        return 'DUPLICATE';
      }
      if (!enforced) return 'RECORDED';
      const rules = rulesOf(meter, labels);
      const gap = (rule: Rule) => windowOf(rule, nowMs) - windowOf(rule, atMs);
      if (rules.some((rule) => rule.meter !== 'seats' && gap(rule) > 1)) return 'EVENT_TOO_OLD';
      const fits = rules.every(
        (rule) => hasRoom(rule, used, nowMs) && (gap(rule) === 0 || hasRoom(rule, used, atMs)),
      );
      return fits ? 'RECORDED' : 'DENIED';
    },
    fits({ orgId, items }: Hold, nowMs: number): boolean {
      return items.every((item, index) =>
        rulesOf(item.meter, item.labels).every((rule) => {
          const before = items
            .slice(0, index)
            .filter(
              (each) =>
                applies(rule, each.meter, each.labels) && sameScope(rule, each.labels, item.labels),
            )
            .reduce((sum, { quantity }) => sum + quantity, 0);
          const used = value(item.meter, covered(rule, orgId, item.labels, nowMs));
          const reserved = reservedOf(rule, orgId, item.labels);
          return used + before + reserved + Math.max(item.quantity, 1) <= rule.limit;
        }),
      );
    },
    /** Key, used and reserved of the rules that meet the labels, by key. */
    counters(orgId: string, meter: string, labels: Labels, nowMs: number) {
      const rules = rulesOf(meter, labels).map((rule) => [
        rule.key,
        `${value(meter, covered(rule, orgId, labels, nowMs))}`,
        `${reservedOf(rule, orgId, labels)}`,
      ]);
      return rules.toSorted();
    },
    total(orgId: string, meter: string) {
      const events = recorded.filter((each) => each.orgId === orgId && each.meter === meter);
      return [meter, `${value(meter, events)}`, BigInt(events.length)];
    },
  };
}

/** The last level of each source: by time, then by arrival. */
function latest(events: readonly Used[]): ReadonlyMap<string, Used> {
  const sources = new Map<string, Used>();
  for (const each of events) {
    const source = each.labels['team'] ?? '';
    const before = sources.get(source);
    if (before === undefined || each.atMs >= before.atMs) sources.set(source, each);
  }
  return sources;
}

function value(meter: string, events: readonly Used[]): number {
  const amounts = events.map(({ amount }) => Number(amount));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  switch (meter) {
    case 'peak':
      return Math.max(0, ...amounts);
    case 'users':
      return new Set(events.map(({ labels }) => labels['user'])).size;
    case 'seats':
      return sum([...latest(events).values()].map(({ amount }) => Number(amount)));
    default:
      return sum(amounts);
  }
}
