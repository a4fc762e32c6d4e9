// The table of lines: columns as wide as their widest figure, a head on every page, rows whole.

import { type Block, type Column, overlay, rule, space, stack, textRow } from './block.js';
import type { Content, Row } from './content.js';
import { AREA, STYLES } from './look.js';
import type { TextLine, Typesetter } from './typeset.js';

export interface TableColumns {
  readonly description: Column;
  readonly period: Column;
  readonly quantity: Column;
  readonly price: Column;
  readonly amount: Column;
  /** The small print under a line, as far as the figures. */
  readonly details: Column;
}

const GAP = 12;
const ROW = { padding: 6, lineHeight: 11.6 } as const;
const WHOLE: Column = { x: AREA.left, width: AREA.width, align: 'LEFT' };
const PERIOD_WIDTH = 84;
/** Figures may take this much; wider ones are set smaller: the description needs its room. */
const WIDTHS = {
  quantity: { min: 48, max: 92 },
  price: { min: 70, max: 92 },
  amount: { min: 66, max: 104 },
} as const;

/** From the right: what the figures leave is the description's. */
export function columnsFor(type: Typesetter, { rows }: Content): TableColumns {
  const has = (part: 'period' | 'unit' | 'basis', figure: 'quantity' | 'price' | 'period') =>
    rows.some((row) => row[part] !== '' || row[figure] !== '');
  const widest = (figure: 'quantity' | 'price' | 'amount') => {
    const { min, max } = WIDTHS[figure];
    const texts = longestOf(rows.map((row) => row[figure]));
    const widths = texts.map((text) => type.line(text, STYLES.body).width);
    return Math.min(max, Math.max(min, ...widths));
  };
  let right: number = AREA.right;
  const take = (width: number, align: Column['align']): Column => {
    const column = { x: right - width, width, align };
    if (width > 0) right -= width + GAP;
    return column;
  };
  const amount = take(widest('amount'), 'RIGHT');
  const price = take(has('basis', 'price') ? widest('price') : 0, 'RIGHT');
  const quantity = take(has('unit', 'quantity') ? widest('quantity') : 0, 'RIGHT');
  const details: Column = { x: AREA.left, width: right - AREA.left, align: 'LEFT' };
  const period = take(has('period', 'period') ? PERIOD_WIDTH : 0, 'LEFT');
  const description: Column = { x: AREA.left, width: right - AREA.left, align: 'LEFT' };
  return { description, period, quantity, price, amount, details };
}

/** Figures are of equal width, so the widest text is among the longest. */
function longestOf(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort((a, b) => b.length - a.length).slice(0, 100);
}

export function tableHead(type: Typesetter, columns: TableColumns, currency: string): Block {
  const code = currency === '' ? '' : ` (${currency})`;
  const cells = [
    [columns.description, 'Description'],
    [columns.period, 'Service period'],
    [columns.quantity, 'Quantity'],
    [columns.price, `Unit price${code}`],
    [columns.amount, `Amount${code}`],
  ] as const;
  const shown = cells.filter(([{ width }]) => width > 0);
  return stack([
    overlay(shown.map(([column, text]) => textRow(type.line(text, STYLES.heading), column, 12))),
    space(4),
    rule(WHOLE),
  ]);
}

/**
 * The bands of a row from top to bottom, none of which can be parted: the figures stand beside the
 * first one, the description and its small print go on below.
 */
export function rowBands(type: Typesetter, columns: TableColumns, row: Row): Block[] {
  const { main, small } = textBands(type, columns, row);
  const bands = [...main, ...small];
  const figures = figuresBlock(type, columns, row);
  let count = 0;
  let height = 0;
  while (count < bands.length && height < figures.height) {
    height += bands[count]?.height ?? 0;
    count += 1;
  }
  const text = stack(main.slice(0, count));
  const print = stack(small.slice(0, Math.max(0, count - main.length)));
  // In the order of reading: what, how much, then the small print.
  const beside = overlay([text, figures, stack([space(text.height), print])]);
  return [
    stack([space(ROW.padding), beside]),
    ...bands.slice(count),
    stack([space(ROW.padding), rule(WHOLE)]),
  ];
}

export function emptyRow(type: Typesetter, text: string): Block {
  const line = type.line(text, STYLES.soft);
  return stack([space(10), textRow(line, WHOLE), space(10), rule(WHOLE)]);
}

function textBands(
  type: Typesetter,
  { description, period, details }: TableColumns,
  row: Row,
): { readonly main: readonly Block[]; readonly small: readonly Block[] } {
  const what = type.wrap(row.description, STYLES.body, description.width);
  const when = row.period === '' ? [] : periodLines(type, row.period, period.width);
  const main = Array.from({ length: Math.max(what.length, when.length) }, (_, i) =>
    overlay([...cell(what[i], description), ...cell(when[i], period)]),
  );
  const small = row.details.flatMap(({ text, indent }) => {
    const column = { ...details, x: details.x + indent, width: details.width - indent };
    return type.wrap(text, STYLES.small, column.width).map((part) => textRow(part, column));
  });
  return { main, small: small.length === 0 ? [] : [space(1), ...small] };
}

function figuresBlock(type: Typesetter, columns: TableColumns, row: Row): Block {
  const figures = [
    [columns.quantity, row.quantity, row.unit],
    [columns.price, row.price, row.basis],
    [columns.amount, row.amount, ''],
  ] as const;
  return overlay(
    figures.map(([column, figure, basis]) => {
      const numbers = figure === '' ? [] : type.fit(figure, STYLES.body, column.width);
      const words = basis === '' ? [] : type.wrap(basis, STYLES.small, column.width);
      // Words alone stand on the line of the figures.
      const [onLine, below] =
        figure === '' ? [words.slice(0, 1), words.slice(1)] : [numbers, words];
      return stack([
        ...onLine.flatMap((part) => cell(part, column)),
        ...below.map((part) => textRow(part, column)),
      ]);
    }),
  );
}

function cell(line: TextLine | undefined, column: Column): Block[] {
  return line === undefined ? [] : [textRow(line, column, ROW.lineHeight)];
}

/** Two ends on two lines where one is too short. */
function periodLines(type: Typesetter, text: string, width: number): readonly TextLine[] {
  const whole = type.line(text, STYLES.soft);
  if (whole.width <= width) return [whole];
  return type.wrap(text.replace(' – ', ' –\n'), STYLES.soft, width);
}
