// Text becomes lines: cleaned, broken at a width, cut into pieces of one font each, put in the
// order in which they stand on paper.

import { cleanLine, cleanLines, PLAIN } from './clean-text.js';
import { type Chains, type Face, REPLACEMENT } from './fonts.js';
import type { Style, Weight } from './look.js';
import { type Run, visualOrder } from './visual-order.js';

/** Text that one font draws. */
export interface Piece extends Run {
  readonly width: number;
}

export interface TextLine {
  readonly pieces: readonly Piece[];
  readonly width: number;
  readonly style: Style;
}

export interface Typesetter {
  readonly line: (text: string, style: Style) => TextLine;
  /** "\n" ends a line; a word wider than `width` is cut where it must. Never empty. */
  readonly wrap: (text: string, style: Style, width: number) => TextLine[];
  /** For figures: smaller where it is too wide, and only then in several lines. */
  readonly fit: (text: string, style: Style, width: number) => TextLine[];
  /** One line, whose end is left out where it is too long. */
  readonly clip: (text: string, style: Style, width: number) => TextLine;
}

/** Width of text in one face. */
export type Measure = (text: string, face: string, size: number) => number;

const SIZE_MIN = 6;
/** Scripts without spaces: a line may end after any character. */
const UNSPACED = String.raw`\p{sc=Hani}\p{sc=Hira}\p{sc=Kana}`;
/** A word with the space behind it, or such a character with its full stop; a stretch of spaces. */
const WORDS = new RegExp(
  String.raw`[${UNSPACED}][\p{Pe}\p{Pf}\p{Po}\p{M}ー]*|[^\s${UNSPACED}]+ ?|\s+`,
  'gu',
);
/** Where a word that is too wide is parted rather than anywhere: behind these signs. */
const SYLLABLES = /[^-/._@:,;&=?]*[-/._@:,;&=?]+|[^-/._@:,;&=?]+/g;
/** A character with its marks. */
const LETTERS = /\P{M}[\p{M}\u200C\u200D]*|\p{M}/gu;
const JOINING = /[\p{M} ]|\u200C|\u200D/u;

export function createTypesetter(chains: Chains, measure: Measure): Typesetter {
  const runsOf = createRuns(chains);

  const widthOf = (text: string, { weight, size }: Style): number =>
    runsOf(text, weight).reduce((sum, run) => sum + measure(run.text, run.face, size), 0);

  const setLine = (text: string, style: Style): TextLine => {
    const pieces = visualOrder(runsOf(text.trimEnd(), style.weight)).map((run) => ({
      ...run,
      width: measure(run.text, run.face, style.size),
    }));
    return { pieces, width: pieces.reduce((sum, { width }) => sum + width, 0), style };
  };

  const wrap = (text: string, style: Style, width: number): TextLine[] => {
    const measured = (part: string) => widthOf(part, style);
    const lines = cleanLines(text).flatMap((line) => breakLine(line, width, measured));
    return lines.map((line) => setLine(line, style));
  };

  return {
    line: (text, style) => setLine(cleanLine(text), style),
    wrap,
    fit(text, style, width) {
      const line = setLine(cleanLine(text), style);
      if (line.width <= width) return [line];
      const size = Math.floor(10 * style.size * (width / line.width)) / 10;
      return wrap(text, { ...style, size: Math.max(SIZE_MIN, size) }, width);
    },
    clip(text, style, width) {
      const line = setLine(cleanLine(text), style);
      if (line.width <= width) return line;
      const measured = (part: string) => widthOf(part, style);
      const [first = ''] = breakLine(cleanLine(text), width - measured('…'), measured);
      return setLine(`${first.trimEnd()}…`, style);
    },
  };
}

function createRuns(chains: Chains): (text: string, weight: Weight) => Run[] {
  const known = { REGULAR: new Map<string, Face>(), SEMIBOLD: new Map<string, Face>() };
  const has = ({ shared }: Face, char: string) =>
    shared.hasGlyphForCodePoint(char.codePointAt(0) ?? 0);

  const faceOf = (char: string, weight: Weight): Face | undefined => {
    const face = known[weight].get(char) ?? chains[weight].find((each) => has(each, char));
    if (face !== undefined) known[weight].set(char, face);
    return face;
  };

  return (text, weight) => {
    const first = chains[weight][0] as Face;
    if (PLAIN.test(text)) return [{ text, face: first.name }];
    const runs: { text: string; face: string }[] = [];
    let last = first;
    for (const char of text) {
      // A mark stays in the font of its letter, or the two would not meet.
      const found = JOINING.test(char) && has(last, char) ? last : faceOf(char, weight);
      last = found ?? first;
      const shown = found === undefined ? REPLACEMENT : char;
      const run = runs.at(-1);
      if (run !== undefined && run.face === last.name) run.text += shown;
      else runs.push({ text: shown, face: last.name });
    }
    return runs;
  };
}

/** Greedy. The space behind a word may stand out over the edge. */
function breakLine(text: string, widthMax: number, widthOf: (text: string) => number): string[] {
  if (widthOf(text) <= widthMax) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  const add = (part: string) => {
    const visible = widthOf(part.trimEnd());
    if (line !== '' && used + visible > widthMax) {
      lines.push(line);
      line = '';
      used = 0;
    }
    if (line === '' && part.trim() === '') return;
    const smaller = visible > widthMax ? smallerParts(part) : [];
    if (smaller.length > 1) {
      for (const each of smaller) add(each);
      return;
    }
    line += part;
    used += widthOf(part);
  };
  for (const word of text.match(WORDS) ?? []) add(word);
  if (line !== '') lines.push(line);
  return lines;
}

function smallerParts(word: string): readonly string[] {
  const syllables = word.match(SYLLABLES) ?? [];
  return syllables.length > 1 ? syllables : (word.match(LETTERS) ?? []);
}
