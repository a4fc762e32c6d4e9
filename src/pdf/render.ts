// From content to bytes: fonts, layout, drawing.

import PDFDocument from 'pdfkit';
import { UTC } from '../domain/metering/calendar.js';
import { type Content, fullTitle } from './content.js';
import { createDates, type Dates } from './dates.js';
import { documentFont } from './document-font.js';
import { drawPage } from './draw.js';
import { type Chains, openPdfFonts, type PdfFonts } from './fonts.js';
import { layOut } from './layout.js';
import { createPace } from './pace.js';
import { createTypesetter, type Typesetter } from './typeset.js';

export interface PdfOptions {
  /** IANA zone of all dates. UTC by default. */
  readonly zone?: string;
  /** What the seller wishes to say under the sums, for example how to pay. "\n" ends a line. */
  readonly note?: string;
  /** Opened once for many documents, which saves 60 ms each. Opened anew by default. */
  readonly fonts?: PdfFonts;
  /** PLAIN leaves the streams readable. DEFLATED by default. */
  readonly streams?: 'DEFLATED' | 'PLAIN';
}

export type ContentOf = (dates: Dates, note: string) => Content;

/** Reads no clock: a function of its arguments and the fonts. Makes way for other work. */
export async function renderPdf(contentOf: ContentOf, options: PdfOptions): Promise<Buffer> {
  const { zone = UTC, note = '', streams = 'DEFLATED' } = options;
  const pace = createPace();
  const content = contentOf(createDates(zone), note);
  await pace();
  const fonts = options.fonts ?? openPdfFonts();
  const chains = await fonts.chainsFor(stringsWithin(content));
  await pace();
  const document = openDocument(content, streams);
  const bytes = collect(document);
  const type = openTypesetter(document, chains);
  const pages = await layOut(type, content, pace);
  const seller = content.seller?.legalName ?? '';
  const footer = [fullTitle(content), `Dates in ${zone}`, seller].filter((text) => text !== '');
  const frame = { watermark: content.mark.watermark, footer: footer.join('  ·  ') };
  for (const [i, page] of pages.entries()) {
    await pace();
    drawPage(document, type, page, frame, { page: i + 1, of: pages.length });
  }
  document.end();
  return bytes;
}

/** The document's id is a hash of its `info`, so it is fixed too. */
function openDocument(content: Content, streams: 'DEFLATED' | 'PLAIN'): PDFKit.PDFDocument {
  return new PDFDocument({
    autoFirstPage: false,
    compress: streams === 'DEFLATED',
    pdfVersion: '1.7',
    lang: 'en',
    displayTitle: true,
    // No Helvetica, which would be the default.
    font: '',
    info: {
      Title: fullTitle(content),
      Author: content.seller?.legalName ?? '',
      Subject: content.subject,
      Creator: 'Tollgate',
      CreationDate: new Date(content.createdMs),
    },
  });
}

function openTypesetter(document: PDFKit.PDFDocument, chains: Chains): Typesetter {
  for (const face of new Set([...chains.REGULAR, ...chains.SEMIBOLD])) {
    // pdfkit takes an open font as well, which its types do not say.
    document.registerFont(face.name, documentFont(face) as unknown as Buffer);
  }
  return createTypesetter(chains, (text, face, size) =>
    document.font(face).fontSize(size).widthOfString(text),
  );
}

function collect(document: PDFKit.PDFDocument): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    document.on('data', (chunk: Uint8Array) => chunks.push(Buffer.from(chunk)));
    document.once('end', () => resolve(Buffer.concat(chunks)));
    document.once('error', reject);
  });
}

function* stringsWithin(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) yield* stringsWithin(part);
  }
}
