// CSV as RFC 4180 has it: quoted fields, doubled quotes, line ends inside quotes. Also taken: LF
// alone, a byte order mark, no line end after the last record. Blank lines are skipped.

import { createReadStream } from 'node:fs';
import { Failure } from '../../base/failure.js';

export interface CsvRecord {
  /** Line on which the record starts, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

export interface CsvParser {
  /** Takes the next piece of text, cut anywhere; gives the records that it completes. */
  readonly push: (text: string) => CsvRecord[];
  readonly end: () => CsvRecord[];
}

/** A quote that is never closed would otherwise collect the whole file. */
const RECORD_CHARS_MAX = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const BYTE_ORDER_MARK = 0xfeff;
const QUOTE = 34;
const COMMA = 44;
const LINE_FEED = 10;
const RETURN = 13;

export async function* readCsv(path: string): AsyncGenerator<CsvRecord> {
  const parser = openCsvParser();
  const chunks: AsyncIterable<string> = createReadStream(path, {
    encoding: 'utf8',
    highWaterMark: CHUNK_BYTES,
  });
  for await (const chunk of chunks) yield* parser.push(chunk);
  yield* parser.end();
}

export function openCsvParser(): CsvParser {
  let rest = '';
  let line = 1;
  let begun = false;

  const parse = (text: string, last: 'last' | 'more'): CsvRecord[] => {
    const records: CsvRecord[] = [];
    let at = 0;
    while (at < text.length) {
      const scan = scanRecord(text, at, last, line);
      if (scan === undefined) break;
      const blank = scan.fields.length === 1 && scan.fields[0] === '' && !scan.quoted;
      if (!blank) records.push({ line, fields: scan.fields });
      line += scan.lines;
      at = scan.next;
    }
    rest = text.slice(at);
    if (rest.length > RECORD_CHARS_MAX) {
      throw malformed(line, 'the record is longer than 1 MiB; is a quote not closed?');
    }
    return records;
  };

  return {
    push(text) {
      const marked = !begun && text.charCodeAt(0) === BYTE_ORDER_MARK;
      begun ||= text.length > 0;
      return parse(rest + (marked ? text.slice(1) : text), 'more');
    },
    end: () => parse(rest, 'last'),
  };
}

interface Scan {
  readonly fields: readonly string[];
  readonly quoted: boolean;
  /** Where the next record starts. */
  readonly next: number;
  /** Line ends passed, those inside quotes included. */
  readonly lines: number;
}

/** One record, or undefined where the text ends before it is sure to be whole. */
function scanRecord(
  text: string,
  from: number,
  last: 'last' | 'more',
  line: number,
): Scan | undefined {
  const feed = text.indexOf('\n', from);
  if (feed < 0 && last === 'more') return undefined;
  const end = feed < 0 ? text.length : feed;
  const plain = text.slice(from, withoutReturn(text, from, end));
  if (plain.includes('"')) return scanQuotedRecord(text, from, last, line);
  return { fields: plain.split(','), quoted: false, next: end + 1, lines: 1 };
}

function scanQuotedRecord(
  text: string,
  from: number,
  last: 'last' | 'more',
  line: number,
): Scan | undefined {
  const fields: string[] = [];
  let at = from;
  let lines = 1;
  for (;;) {
    if (text.charCodeAt(at) === QUOTE) {
      const close = closingQuote(text, at);
      // A quote at the very end may be the first half of a doubled one; so may a return be of CRLF.
      const settled = last === 'last' || close + 2 < text.length;
      if (close < 0 || !settled) {
        if (last === 'more') return undefined;
        throw malformed(line, 'a quote is not closed');
      }
      const value = text.slice(at + 1, close);
      lines += value.split('\n').length - 1;
      fields.push(value.replaceAll('""', '"'));
      at = close + 1;
      if (withoutReturn(text, at, at + 1) === at) at++;
    } else {
      const start = at;
      while (at < text.length && !endsField(text.charCodeAt(at))) at++;
      if (at === text.length && last === 'more') return undefined;
      fields.push(text.slice(start, withoutReturn(text, start, at)));
    }
    if (at >= text.length || text.charCodeAt(at) === LINE_FEED) {
      return { fields, quoted: true, next: at + 1, lines };
    }
    if (text.charCodeAt(at) !== COMMA) throw malformed(line, 'text after a closing quote');
    at++;
  }
}

/** Position of the quote that ends the field opened at `open`, or −1. */
function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  while (at >= 0 && text.charCodeAt(at + 1) === QUOTE) at = text.indexOf('"', at + 2);
  return at;
}

function endsField(code: number): boolean {
  return code === COMMA || code === LINE_FEED;
}

/** `end`, or one less where a return stands before it: CRLF, or a return that ends the file. */
function withoutReturn(text: string, from: number, end: number): number {
  const ended = end === text.length || text.charCodeAt(end) === LINE_FEED;
  return ended && end > from && text.charCodeAt(end - 1) === RETURN ? end - 1 : end;
}

function malformed(line: number, what: string): Failure {
  return new Failure('CSV_MALFORMED', `line ${line}: ${what}`);
}
