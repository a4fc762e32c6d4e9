// Blocks: what is drawn, placed from a top of its own. Blocks are stacked and laid over one another
// until they make a page; nothing here knows the PDF.

import { leading } from './look.js';
import type { TextLine } from './typeset.js';

/** y runs downwards, from the top of the block, then of the page. */
export type Mark =
  | { readonly kind: 'TEXT'; readonly x: number; readonly y: number; readonly line: TextLine }
  | { readonly kind: 'RULE'; readonly x: number; readonly y: number; readonly width: number }
  | {
      readonly kind: 'BOX';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly colour: string;
      readonly radius: number;
    };

export interface Block {
  readonly height: number;
  readonly marks: readonly Mark[];
}

export interface Column {
  readonly x: number;
  readonly width: number;
  readonly align: 'LEFT' | 'RIGHT';
}

export const EMPTY: Block = { height: 0, marks: [] };

export function space(height: number): Block {
  return { height, marks: [] };
}

/** A hairline over the whole column, without height. */
export function rule({ x, width }: Pick<Column, 'x' | 'width'>): Block {
  return { height: 0, marks: [{ kind: 'RULE', x, y: 0, width }] };
}

/** One line of text; `height` where it stands beside larger text. */
export function textRow(line: TextLine, column: Column, height = leading(line.style)): Block {
  const { x, width, align } = column;
  const left = align === 'LEFT' ? x : x + width - line.width;
  return { height, marks: [{ kind: 'TEXT', x: left, y: baseline(line, height), line }] };
}

export function textRows(lines: readonly TextLine[], column: Column): Block {
  return stack(lines.map((line) => textRow(line, column)));
}

/** One under the other. */
export function stack(blocks: readonly Block[]): Block {
  const marks: Mark[] = [];
  let height = 0;
  for (const block of blocks) {
    marks.push(...lowered(block.marks, height));
    height += block.height;
  }
  return { height, marks };
}

/** With the same top. */
export function overlay(blocks: readonly Block[]): Block {
  return {
    height: Math.max(0, ...blocks.map(({ height }) => height)),
    marks: blocks.flatMap(({ marks }) => marks),
  };
}

export function lowered(marks: readonly Mark[], by: number): readonly Mark[] {
  return by === 0 ? marks : marks.map((mark) => ({ ...mark, y: mark.y + by }));
}

/** Centred: half of what the letters leave above, half below. */
function baseline({ style }: TextLine, height: number): number {
  return height / 2 + style.size * CAPITALS_HALF;
}

/** Half the height of a capital letter of Noto Sans, in ems. */
const CAPITALS_HALF = 0.357;
