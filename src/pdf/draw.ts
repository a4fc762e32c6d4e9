// Pages become PDF. The only file that draws.

import type { Mark } from './block.js';
import type { Page } from './flow.js';
import { AREA, COLOURS, PAPER, STYLES } from './look.js';
import type { TextLine, Typesetter } from './typeset.js';

export interface Frame {
  /** Across each page, under everything; '' for none. */
  readonly watermark: string;
  /** Left of the page's number. */
  readonly footer: string;
}

export function drawPage(
  document: PDFKit.PDFDocument,
  type: Typesetter,
  page: Page,
  frame: Frame,
  numbering: { readonly page: number; readonly of: number },
): void {
  document.addPage({ size: [PAPER.width, PAPER.height], margin: 0 });
  if (frame.watermark !== '') drawWatermark(document, type.line(frame.watermark, STYLES.watermark));
  for (const mark of page.marks) drawMark(document, mark);
  const left = type.clip(frame.footer, STYLES.small, AREA.width * 0.8);
  const right = type.line(`Page ${numbering.page} of ${numbering.of}`, STYLES.small);
  const y = AREA.footer;
  drawRule(document, AREA.left, y - 14, AREA.width);
  drawText(document, left, AREA.left, y);
  drawText(document, right, AREA.right - right.width, y);
}

function drawMark(document: PDFKit.PDFDocument, mark: Mark): void {
  switch (mark.kind) {
    case 'TEXT':
      drawText(document, mark.line, mark.x, mark.y);
      return;
    case 'RULE':
      drawRule(document, mark.x, mark.y, mark.width);
      return;
    case 'BOX':
      document.roundedRect(mark.x, mark.y, mark.width, mark.height, mark.radius).fill(mark.colour);
      return;
  }
}

function drawText(document: PDFKit.PDFDocument, line: TextLine, x: number, y: number): void {
  document.fillColor(line.style.colour).fontSize(line.style.size);
  let left = x;
  for (const { text, face, width } of line.pieces) {
    document.font(face).text(text, left, y, { lineBreak: false, baseline: 'alphabetic' });
    left += width;
  }
}

function drawRule(document: PDFKit.PDFDocument, x: number, y: number, width: number): void {
  document.rect(x, y - 0.3, width, 0.6).fill(COLOURS.rule);
}

function drawWatermark(document: PDFKit.PDFDocument, line: TextLine): void {
  const x = PAPER.width / 2;
  const y = PAPER.height / 2;
  document.save().rotate(-52, { origin: [x, y] });
  drawText(document, line, x - line.width / 2, y + line.style.size * 0.36);
  document.restore();
}
