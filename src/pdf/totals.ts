// The sums at the end, one under the other at the right, and the notes under them.

import {
  type Block,
  type Column,
  overlay,
  rule,
  space,
  stack,
  textRow,
  textRows,
} from './block.js';
import type { Content, Total } from './content.js';
import { AREA, STYLES, type Style } from './look.js';
import type { Typesetter } from './typeset.js';

const LABEL: Column = { x: AREA.right - 270, width: 150, align: 'LEFT' };
const AMOUNT: Column = { x: AREA.right - 112, width: 112, align: 'RIGHT' };
const BOTH: Column = { x: LABEL.x, width: AREA.right - LABEL.x, align: 'LEFT' };
const WHOLE: Column = { x: AREA.left, width: AREA.width, align: 'LEFT' };

const KINDS: Readonly<Record<Total['kind'], Style>> = {
  PART: STYLES.soft,
  SUM: STYLES.strong,
  LAST: STYLES.due,
};

/** Parts that belong on one page. */
export function totalsBlocks(type: Typesetter, { totals }: Content): Block[] {
  const rows = totals.map(({ label, amount, kind }) => {
    const style = KINDS[kind];
    const row = overlay([
      textRows(type.wrap(label, style, LABEL.width), LABEL),
      textRows(type.fit(amount, style, AMOUNT.width), AMOUNT),
    ]);
    return stack([...(kind === 'PART' ? [] : [space(1), rule(BOTH), space(5)]), row, space(3)]);
  });
  return [space(10), ...rows];
}

export function noteBlocks(type: Typesetter, { notes }: Content): Block[] {
  const parts = notes.flatMap(({ text, size }) => {
    const style = size === 'BODY' ? STYLES.soft : STYLES.small;
    return [space(4), ...type.wrap(text, style, WHOLE.width).map((line) => textRow(line, WHOLE))];
  });
  return parts.length === 0 ? [] : [space(14), ...parts];
}
