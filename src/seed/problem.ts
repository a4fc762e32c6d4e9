// What is wrong with a configuration. Problems are collected, never thrown, so that one run names
// all of them.

export interface Problem {
  /** `grpc_listen`, `catalogue.plans[1].quotas[0].meter`, or `config` for the file as such. */
  readonly setting: string;
  /** As it was given; undefined where nothing was, or where it might be a secret. */
  readonly value: string | undefined;
  /** What must hold. */
  readonly rule: string;
  /** `--grpc-listen`, `TOLLGATE_GRPC_LISTEN`, `tollgate.yaml:12`, or '' for none of them. */
  readonly source: string;
}

/** From the root of the file: `['catalogue', 'plans', 1, 'id']`. */
export type Path = readonly (string | number)[];

export interface Placed<T> {
  readonly at: Path;
  readonly value: T;
}

/** Notes a problem of what stands at `at`. */
export type Report = (at: Path, rule: string) => void;

const VALUE_CHARS_MAX = 120;
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One line: `grpc_listen (TOLLGATE_GRPC_LISTEN) = "0.0.0.0:1": listens on loopback only…` */
export function problemText({ setting, value, rule, source }: Problem): string {
  const from = source === '' ? '' : ` (${source})`;
  const given = value === undefined ? '' : ` = ${JSON.stringify(shortened(value))}`;
  return `${setting}${from}${given}: ${rule}`;
}

export function problemsText(problems: readonly Problem[]): string {
  return problems.map((problem) => `${problemText(problem)}\n`).join('');
}

export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!PLAIN_KEY.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** `; did you mean "x"?`, or '' where no name is near enough to be a slip of the hand. */
export function didYouMean(name: string, known: Iterable<string>): string {
  let best = '';
  let bestEdits = Math.min(3, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editsBetween(name, candidate);
    if (edits >= bestEdits) continue;
    best = candidate;
    bestEdits = edits;
  }
  return best === '' ? '' : `; did you mean "${best}"?`;
}

/** Levenshtein distance: insertions, deletions and replacements of one character. */
function editsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function shortened(value: string): string {
  return value.length <= VALUE_CHARS_MAX ? value : `${value.slice(0, VALUE_CHARS_MAX)}…`;
}
