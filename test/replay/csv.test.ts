import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvRecord, openCsvParser } from '../../src/ops/replay/csv.js';

function parse(...pieces: string[]): CsvRecord[] {
  const parser = openCsvParser();
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

function fieldsOf(...pieces: string[]): (readonly string[])[] {
  return parse(...pieces).map((record) => record.fields);
}

const READS: readonly [what: string, text: string, fields: string[][]][] = [
  [
    'LF line ends',
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'CRLF line ends',
    'a,b\r\n1,2\r\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a last record without a line end',
    'a,b\r\n1,2',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a file that ends in a lone return',
    'a,b\r\n1,2\r',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['a byte order mark', '\ufeffa,b\n', [['a', 'b']]],
  [
    'empty fields',
    ',a,\n,,\n',
    [
      ['', 'a', ''],
      ['', '', ''],
    ],
  ],
  ['a comma in quotes', '"a,b",c\n', [['a,b', 'c']]],
  ['doubled quotes', '"say ""hi""",""""\n', [['say "hi"', '"']]],
  [
    'line ends in quotes',
    '"a\r\nb",c\r\nd,e\r\n',
    [
      ['a\r\nb', 'c'],
      ['d', 'e'],
    ],
  ],
  ['an empty quoted field', '"",a\n""\n', [['', 'a'], ['']]],
  ['a quoted field that ends the file', 'a,"b"', [['a', 'b']]],
  ['a quoted field, then a lone return', 'a,"b"\r', [['a', 'b']]],
  ['a comma that ends the file after quotes', '"a",', [['a', '']]],
  ['a quote inside a plain field as it is', 'a"b,c\n', [['a"b', 'c']]],
  [
    'no blank lines',
    '\na,b\n\r\n\n1,2\n\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['nothing from an empty file', '', []],
];

describe('the CSV reader', () => {
  test.each(READS)('reads %s', (_what, text, fields) => {
    expect(fieldsOf(text)).toEqual(fields);
  });

  test.each(READS)('reads %s when every character comes by itself', (_what, text, fields) => {
    expect(fieldsOf(...text)).toEqual(fields);
  });

  test('counts lines inside quotes and blank ones', () => {
    const lines = parse('a,b\n\n"x\ny",1\nz,2\n').map((record) => record.line);
    expect(lines).toEqual([1, 3, 5]);
  });

  test.each([
    ['a quote that is never closed', 'a,b\n1,"2\n3', 'line 2: a quote is not closed'],
    ['text after a closing quote', 'a,b\n"1"x,2\n', 'line 2: text after a closing quote'],
  ])('refuses %s and names the line', (_what, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test('does not collect a whole file behind an open quote', () => {
    const parser = openCsvParser();
    const piece = `"${'x'.repeat(600 * 1024)}\n`.repeat(1);
    parser.push(piece);
    expect(() => parser.push(piece.slice(1))).toThrow('longer than 1 MiB');
  });

  test('gives back what was written, cut anywhere', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', 'é', ' ') });
    const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(records, fc.array(fc.nat()), fc.constantFrom('\n', '\r\n'), (rows, cuts, end) => {
        const text = rows.map((row) => row.map(quote).join(',') + end).join('');
        expect(fieldsOf(...pieces(text, cuts))).toEqual(rows);
      }),
    );
  });
});

function quote(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

function pieces(text: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => text.slice(at[index], end));
}
