// Fonts and which of them draws what. Each weight has a chain of fonts; a character takes the first
// one that has a glyph for it, and is replaced visibly where none has.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { create, type Font } from 'fontkit';
import { Failure, messageOf } from '../base/failure.js';
import { cleanLine } from './clean-text.js';
import type { Weight } from './look.js';

/** U+FFFD, which the first font of each chain has: here was a character that no font has. */
export const REPLACEMENT = '\uFFFD';

/** Latin, Greek, Cyrillic, Vietnamese, Devanagari. Its figures are all of one width. */
const NOTO: Readonly<Record<Weight, string>> = {
  REGULAR: '@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf',
  SEMIBOLD: '@expo-google-fonts/noto-sans/600SemiBold/NotoSans_600SemiBold.ttf',
};
/** Armenian, Georgian, Hebrew, Arabic, arrows, symbols. */
const DEJAVU: Readonly<Record<Weight, string>> = {
  REGULAR: 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf',
  SEMIBOLD: 'dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf',
};
/** Kana and 4,469 kanji, JIS level 1 among them, in one weight. */
const SAWARABI = '@expo-google-fonts/sawarabi-gothic/400Regular/SawarabiGothic_400Regular.ttf';

/**
 * Fonts are read when the first text needs them, and stay in memory: the first text laid out with
 * one takes 30 ms. A document made with fonts that were used before is the same to the byte.
 */
export interface PdfFonts {
  /** Fails with PDF_FONT_UNREADABLE on a file that is no font or cannot be embedded. */
  readonly chainsFor: (texts: Iterable<string>) => Promise<Chains>;
}

/** In order of preference; none is empty. */
export type Chains = Readonly<Record<Weight, readonly Face[]>>;

export interface Face {
  /** Its name within a document. */
  readonly name: string;
  readonly bytes: Buffer;
  /** For many documents: only to ask what it has, and to lay out simple text. */
  readonly shared: Font;
}

export interface PdfFontsOptions {
  /**
   * Paths of fonts (TTF, OTF, WOFF; neither variable nor collections) for characters that Noto Sans
   * lacks, in order of preference, before the built-in ones.
   */
  readonly extraFonts?: readonly string[];
}

export function openPdfFonts({ extraFonts = [] }: PdfFontsOptions = {}): PdfFonts {
  const { resolve } = createRequire(import.meta.url);
  const faces = new Map<string, Promise<Face>>();

  const faceAt = (path: string): Promise<Face> => {
    const known = faces.get(path);
    if (known !== undefined) return known;
    const face = openFace(path);
    faces.set(path, face);
    // What could not be read may be read the next time.
    face.catch(() => faces.delete(path));
    return face;
  };

  const chainFor = async (weight: Weight, needed: readonly number[]): Promise<Face[]> => {
    const others = [...extraFonts, resolve(DEJAVU[weight]), resolve(SAWARABI)];
    const first = await faceAt(resolve(NOTO[weight]));
    const chain = [first];
    let missing = lackedBy(first, needed);
    for (const path of others) {
      if (missing.length === 0) break;
      const face = await faceAt(path);
      chain.push(face);
      missing = lackedBy(face, missing);
    }
    return chain;
  };

  return {
    async chainsFor(texts) {
      const needed = codePointsOf(texts);
      return {
        REGULAR: await chainFor('REGULAR', needed),
        SEMIBOLD: await chainFor('SEMIBOLD', needed),
      };
    },
  };
}

/** Those beyond ASCII, which the first font has. */
function codePointsOf(texts: Iterable<string>): readonly number[] {
  const chars = new Set<string>();
  for (const text of texts) {
    for (const char of cleanLine(text).match(/[^\x20-\x7E]/gu) ?? []) chars.add(char);
  }
  return [...chars].map((char) => char.codePointAt(0) ?? 0);
}

function lackedBy({ shared }: Face, codePoints: readonly number[]): readonly number[] {
  return codePoints.filter((codePoint) => !shared.hasGlyphForCodePoint(codePoint));
}

async function openFace(path: string): Promise<Face> {
  try {
    const bytes = await readFile(path);
    const font = create(bytes);
    if (!('hasGlyphForCodePoint' in font)) throw new Error('a collection, not one font');
    // pdfkit would embed the default instance, whatever its weight.
    if (Object.keys(font.variationAxes).length > 0) throw new Error('a variable font');
    return { name: path, bytes, shared: font };
  } catch (error) {
    const message = `${path} cannot be embedded: ${messageOf(error)}`;
    throw new Failure('PDF_FONT_UNREADABLE', message, { cause: error });
  }
}
