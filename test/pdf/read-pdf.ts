// Reads what pdfkit writes with plain streams: the texts of each page and where they stand. It knows
// just enough of the format for that, and throws on anything else.

export interface PdfText {
  readonly text: string;
  readonly x: number;
  /** From the top of the page down to the baseline. */
  readonly y: number;
  readonly right: number;
  readonly size: number;
}

export interface Pdf {
  readonly pages: readonly (readonly PdfText[])[];
  /** Of all pages, one text a line. */
  readonly text: string;
  readonly info: ReadonlyMap<string, string>;
  readonly id: string;
}

interface Font {
  readonly widths: readonly number[];
  readonly letters: readonly string[];
}

const PAGE_HEIGHT = 841.89;

export function readPdf(bytes: Buffer): Pdf {
  const file = bytes.toString('latin1');
  const objects = new Map<string, string>();
  for (const [, id = '', body = ''] of file.matchAll(/^(\d+) 0 obj\n([\s\S]*?)\nendobj$/gm)) {
    objects.set(id, body);
  }
  const object = (id: string | undefined) => must(objects.get(id ?? ''), `object ${id}`);
  const trailer = file.slice(file.lastIndexOf('trailer'));
  const catalog = object(reference(trailer, 'Root'));
  const kids = must(/\/Kids \[([^\]]*)\]/.exec(object(reference(catalog, 'Pages')))?.[1], 'Kids');
  const fonts = new Map<string, Font>();
  const fontAt = (id: string): Font => {
    const font = fonts.get(id) ?? readFont(object(id), object);
    fonts.set(id, font);
    return font;
  };
  const pages = [...kids.matchAll(/(\d+) 0 R/g)].map(([, id]) => {
    const page = object(id);
    const resources = object(reference(page, 'Resources'));
    const names = [...resources.matchAll(/\/(F\d+) (\d+) 0 R/g)];
    const byName = new Map(names.map(([, name = '', font = '']) => [name, fontAt(font)]));
    return readTexts(object(reference(page, 'Contents')), byName);
  });
  return {
    pages,
    text: pages.flatMap((texts) => texts.map(({ text }) => text)).join('\n'),
    info: readInfo(object(reference(trailer, 'Info')), object),
    id: must(/\/ID \[(<\w+> <\w+>)\]/.exec(trailer)?.[1], 'ID'),
  };
}

function readFont(font: string, object: (id: string | undefined) => string): Font {
  const cmap = object(reference(font, 'ToUnicode'));
  const letters = [...cmap.matchAll(/^<\w+> <\w+> \[(.*)\]$/gm)].flatMap(([, list = '']) =>
    [...list.matchAll(/<([^>]*)>/g)].map(([, hex = '']) => fromUtf16(hex)),
  );
  const descendant = object(/\/DescendantFonts \[(\d+) 0 R\]/.exec(font)?.[1]);
  const widths = must(/\/W \[0 \[([^\]]*)\]\]/.exec(descendant)?.[1], 'W');
  return { letters, widths: widths.split(' ').map(Number) };
}

/** Texts beside each other, drawn one after the other by different fonts, are one text. */
function readTexts(content: string, fonts: ReadonlyMap<string, Font>): PdfText[] {
  const texts: PdfText[] = [];
  for (const [, block = ''] of content.matchAll(/^BT\n([\s\S]*?)^ET$/gm)) {
    const [, x = '', y = ''] = must(/1 0 0 1 (\S+) (\S+) Tm/.exec(block), 'Tm');
    const [, name = '', size = ''] = must(/\/(F\d+) (\S+) Tf/.exec(block), 'Tf');
    const font = must(fonts.get(name), name);
    let text = '';
    let width = 0;
    for (const [, array = ''] of block.matchAll(/\[(.*)\] TJ/g)) {
      for (const [, hex, kern] of array.matchAll(/<(\w*)>|(-?[\d.]+)/g)) {
        width -= Number(kern ?? 0);
        for (const [glyph] of (hex ?? '').matchAll(/\w{4}/g)) {
          const id = Number.parseInt(glyph, 16);
          text += must(font.letters[id], `letter ${glyph}`);
          width += must(font.widths[id], `width ${glyph}`);
        }
      }
    }
    const right = Number(x) + (width * Number(size)) / 1000;
    const top = PAGE_HEIGHT - Number(y);
    const last = texts.at(-1);
    if (last?.y === top && Math.abs(last.right - Number(x)) < 0.01) {
      texts[texts.length - 1] = { ...last, text: last.text + text, right };
    } else texts.push({ text, x: Number(x), y: top, right, size: Number(size) });
  }
  return texts;
}

function readInfo(info: string, object: (id: string | undefined) => string): Map<string, string> {
  const entries = [...info.matchAll(/\/(\w+) (\d+) 0 R/g)];
  return new Map(entries.map(([, key = '', id]) => [key, readString(object(id))]));
}

/** Bytes in parentheses: UTF-16 after a byte order mark, else Latin. */
function readString(literal: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };
  const raw = literal
    .slice(1, -1)
    .replace(/\\([\s\S])/g, (_, char: string) => escapes[char] ?? char);
  return raw.startsWith('\xFE\xFF')
    ? fromUtf16(Buffer.from(raw.slice(2), 'latin1').toString('hex'))
    : raw;
}

/** Big-endian, in hexadecimal digits. */
function fromUtf16(hex: string): string {
  const units = hex.replaceAll(' ', '').match(/\w{4}/g) ?? [];
  return String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16)));
}

function reference(dictionary: string, key: string): string | undefined {
  return new RegExp(`/${key} (\\d+) 0 R`).exec(dictionary)?.[1];
}

function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`the PDF has no ${what}`);
  return value;
}
