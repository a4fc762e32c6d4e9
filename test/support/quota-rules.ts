// The rules that quota-model.ts knows, and the value of events under them, the slow and plain way.

import { catalogueYaml, freePlan } from './catalogue.js';

export const DAY_MS = 86_400_000;
/** What nothing touched for so long begins at 0 again: of scopes only. */
const SCOPE_IDLE_MS = 7 * DAY_MS;

export type Labels = Readonly<Record<string, string>>;

export interface Used {
  readonly orgId: string;
  readonly eventId: string;
  readonly meter: string;
  /** Decimal text of at most two decimals. */
  readonly amount: string;
  readonly labels: Labels;
  readonly atMs: number;
}

export interface Recorded extends Used {
  readonly recordedMs: number;
  /** Taken back: by the event of this id, or '' by none. */
  readonly replacedBy?: string;
}

export interface Rule {
  readonly key: string;
  readonly meter: string;
  readonly limit: number;
  readonly window: 'DAY' | 'MONTH' | 'LIFETIME';
  readonly scope?: string;
  readonly match?: readonly [key: string, value: string];
}

/**
 * Values that are seen once are counted in windows only while their counter keeps the window. Where
 * the clock is set to and fro over weeks, as nobody's is, they are counted for ever.
 */
export type UsersWindow = 'DAY' | 'LIFETIME';

export const rulesWith = (usersWindow: UsersWindow): readonly Rule[] => [
  { key: 'month', meter: 'tokens', limit: 400, window: 'MONTH' },
  { key: 'day', meter: 'tokens', limit: 120, window: 'DAY' },
  { key: 'run', meter: 'tokens', limit: 90, window: 'LIFETIME', scope: 'run' },
  { key: 'x', meter: 'tokens', limit: 50, window: 'DAY', match: ['model', 'x'] },
  { key: 'calls', meter: 'calls', limit: 15, window: 'DAY' },
  { key: 'seats', meter: 'seats', limit: 20, window: 'LIFETIME' },
  { key: 'users', meter: 'users', limit: 3, window: usersWindow },
  { key: 'peak', meter: 'peak', limit: 50, window: 'DAY' },
];

export const yamlWith = (usersWindow: UsersWindow): string =>
  catalogueYaml({ plans: freePlan(...rulesWith(usersWindow).map(toYaml)) });

function toYaml({ key, meter, limit, window, scope, match }: Rule): string {
  const parts = [`key: ${key}`, `meter: ${meter}`, `limit: ${limit}`];
  parts.push(`window: ${window === 'LIFETIME' ? window : `CALENDAR_${window}`}`);
  if (scope !== undefined) parts.push(`scope: [${scope}]`);
  if (match !== undefined) parts.push(`match: {${match.join(': ')}}`);
  return `{${parts.join(', ')}}`;
}

export const METERS = ['calls', 'peak', 'seats', 'tokens', 'users'];

export const PROBES: readonly { readonly meter: string; readonly labels: Labels }[] = [
  { meter: 'tokens', labels: { run: 'r1', model: 'x' } },
  { meter: 'tokens', labels: { run: 'r2', model: 'y' } },
  { meter: 'tokens', labels: {} },
  { meter: 'calls', labels: {} },
  { meter: 'seats', labels: { team: 's' } },
  { meter: 'users', labels: { user: 'nobody' } },
  { meter: 'peak', labels: {} },
];

export function applies(rule: Rule, meter: string, labels: Labels): boolean {
  const { match } = rule;
  return rule.meter === meter && (match === undefined || labels[match[0]] === match[1]);
}

export function sameScope({ scope }: Rule, a: Labels, b: Labels): boolean {
  return scope === undefined || (a[scope] ?? '') === (b[scope] ?? '');
}

/** Number of the window that holds a time: the one before has the number before. */
export function windowOf({ window }: Rule, atMs: number): number {
  if (window === 'LIFETIME') return 0;
  if (window === 'DAY') return Math.floor(atMs / DAY_MS);
  const date = new Date(atMs);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** Of events in the order of recording: those since their scope was last idle. */
export function sinceIdle(events: readonly Recorded[], nowMs: number): readonly Recorded[] {
  let start = 0;
  let touchedMs = 0;
  for (const [i, { recordedMs }] of events.entries()) {
    if (recordedMs - touchedMs > SCOPE_IDLE_MS) start = i;
    touchedMs = Math.max(touchedMs, recordedMs);
  }
  return nowMs - touchedMs > SCOPE_IDLE_MS ? [] : events.slice(start);
}

/** The last level of each source: by time, then by arrival. */
export function latest(events: readonly Used[]): ReadonlyMap<string, Used> {
  const sources = new Map<string, Used>();
  for (const each of events) {
    const source = each.labels['team'] ?? '';
    const before = sources.get(source);
    if (before === undefined || each.atMs >= before.atMs) sources.set(source, each);
  }
  return sources;
}

export function value(meter: string, events: readonly Used[]): number {
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
