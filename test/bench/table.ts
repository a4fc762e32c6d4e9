// A row of the bench's tables: what was measured, what it must reach, and what it should.

import { median } from './sync-cost.js';

export interface Bound {
  readonly must: number;
  readonly aim: number;
  readonly better: 'higher' | 'lower';
}

export type Verdict = 'aim met' | 'must met' | 'MISSED' | 'FAILED' | 'info';

export interface MeasuredRow {
  readonly title: string;
  /** Absent: for information. */
  readonly bound?: Bound;
  /** One per round; the row's figure is their median. None: it could not be measured. */
  readonly measured: readonly number[];
}

/** A row of what much costs: `rough`, with little, it is for information. */
export function judged(
  { verdicts }: { readonly verdicts: 'judged' | 'rough' },
  title: string,
  bound: Bound,
  measured: readonly number[],
): MeasuredRow {
  return { title, measured, ...(verdicts === 'judged' ? { bound } : {}) };
}

export function verdictOf(bound: Bound | undefined, measured: number): Verdict {
  if (bound === undefined) return 'info';
  const { must, aim, better } = bound;
  const reaches = (goal: number) => (better === 'higher' ? measured >= goal : measured <= goal);
  if (reaches(aim)) return 'aim met';
  return reaches(must) ? 'must met' : 'MISSED';
}

/** `must` and `aim` as cells. */
export function boundCells(bound: Bound | undefined): [string, string] {
  if (bound === undefined) return ['', ''];
  const sign = bound.better === 'lower' ? '<=' : '>=';
  return [`${sign} ${bound.must}`, `${sign} ${bound.aim}`];
}

export function formatRows(rows: readonly MeasuredRow[]): string {
  return formatTable([
    ['row', 'must', 'aim', 'measured', 'min..max', 'verdict'],
    ...rows.map(({ title, bound, measured }) => {
      const bounds = boundCells(bound);
      if (measured.length === 0) return [title, ...bounds, '-', '', 'FAILED'];
      const figure = median(measured);
      const range = `${figureText(Math.min(...measured))}..${figureText(Math.max(...measured))}`;
      const cells = [title, ...bounds, figureText(figure)];
      return [...cells, measured.length > 1 ? range : '', verdictOf(bound, figure)];
    }),
  ]);
}

/** First column to the left, the others to the right. */
export function formatTable(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Two decimals where they say something. */
export function figureText(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toFixed(2);
}
