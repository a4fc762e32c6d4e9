// A font as one document draws with it. fontkit remembers each glyph with the characters that it
// was first made for, and pdfkit writes these into the document as the text behind the glyph. So
// "ị", which Noto Sans takes apart, would turn every "i" into "ị" for whoever copies or searches,
// and what was used in one document would lose letters in the next. Here simple text is mapped
// letter by letter; what needs shaping has a font of its own in each document.

import { create, type Font, type GlyphRun } from 'fontkit';
import type { Face } from './fonts.js';

/** Scripts whose every character is one glyph, once it is composed; Zyyy: figures and signs. */
const SCRIPTS = ['Latn', 'Grek', 'Cyrl', 'Armn', 'Geor', 'Hani', 'Hira', 'Kana', 'Zyyy'];
const SIMPLE = new RegExp(`^[${SCRIPTS.map((script) => `\\p{sc=${script}}`).join('')}]*$`, 'u');
/** Nothing but kerning. */
const UNCHANGED = { ccmp: false, locl: false, rlig: false, liga: false, clig: false, calt: false };

/** The part of a run that pdfkit reads. It scales the positions, and reads the width after that. */
type Run = Pick<GlyphRun, 'positions' | 'advanceWidth'> & {
  readonly glyphs: readonly Letter[];
};

interface Letter {
  readonly id: number;
  readonly advanceWidth: number;
  readonly codePoints: readonly number[];
}

export function documentFont({ bytes, shared }: Face): Font {
  const font = create(bytes) as Font;
  const shape = font.layout.bind(font);
  const layout = (text: string): Run => simpleRun(shared, text) ?? shape(text);
  return Object.assign(font, { layout });
}

function simpleRun(font: Font, text: string): Run | undefined {
  if (!SIMPLE.test(text)) return undefined;
  const { glyphs, positions } = font.layout(text, UNCHANGED);
  const chars = [...text];
  if (glyphs.length !== chars.length) return undefined;
  return {
    glyphs: glyphs.map(({ id, advanceWidth }, i) => ({
      id,
      advanceWidth,
      codePoints: [chars[i]?.codePointAt(0) ?? 0],
    })),
    positions,
    get advanceWidth() {
      return positions.reduce((sum, { xAdvance }) => sum + xAdvance, 0);
    },
  };
}
