// HPACK (RFC 7541), as far as a gRPC client of one server needs it.
//
// Requests: the first block on a connection puts its fields into the server's table, every later
// one is the same handful of index bytes. That is what real clients send, and it is made once.
// Replies: a whole decoder with its dynamic table, because a server may use all of it; a block that
// left the table alone decodes the same again, so equal bytes are answered from a small cache.

import { HUFFMAN_BITS_MAX, huffmanCodes } from './huffman.js';

export interface RequestHeaders {
  /** For the first stream of a connection only. */
  readonly first: Buffer;
  /** For all streams after it. */
  readonly rest: Buffer;
}

/** Absent fields are ''. */
export interface ReplyHeaders {
  readonly httpStatus: string;
  readonly grpcStatus: string;
  readonly grpcMessage: string;
}

export interface HpackDecoder {
  /** Throws where the block is not decodable: the connection is lost then. */
  decode(bytes: Buffer, start: number, end: number): ReplyHeaders;
}

/** `authorization` '' for none. */
export function encodeRequestHeaders(
  path: string,
  authority: string,
  authorization = '',
): RequestHeaders {
  // :method POST and :scheme http stand in the static table as they are.
  const constant = [0x83, 0x86];
  const fields: [nameIndex: number, name: string, value: string][] = [
    [4, ':path', path],
    [1, ':authority', authority],
    [31, 'content-type', 'application/grpc'],
    [58, 'user-agent', 'tollgate-bench'],
    [0, 'te', 'trailers'],
  ];
  if (authorization !== '') fields.push([23, 'authorization', authorization]);
  const inserted = fields.flatMap(([nameIndex, name, value]) => [
    0x40 | nameIndex,
    ...(nameIndex === 0 ? plainText(name) : []),
    ...plainText(value),
  ]);
  // The newest entry of the dynamic table has the lowest index.
  const indexed = fields.map(
    (_, index) => 0x80 | (staticFields.length + fields.length - 1 - index),
  );
  return {
    first: Buffer.from([...constant, ...inserted]),
    rest: Buffer.from([...constant, ...indexed]),
  };
}

function plainText(text: string): number[] {
  const bytes = Buffer.from(text, 'latin1');
  // RFC 7541, section 5.1, with a prefix of 7 bits; two bytes more are enough for 16 KiB.
  if (bytes.length < 127) return [bytes.length, ...bytes];
  const rest = bytes.length - 127;
  if (rest >= 2 ** 14) throw new Error(`header text too long for the bench client: ${text}`);
  const length = rest < 128 ? [rest] : [0x80 | (rest & 0x7f), rest >> 7];
  return [0x7f, ...length, ...bytes];
}

interface Field {
  readonly name: string;
  readonly value: string;
}

interface Cursor {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;
}

interface CachedBlock {
  readonly bytes: Buffer;
  readonly headers: ReplyHeaders;
}

const CACHED_BLOCKS_MAX = 8;
const FIELD_OVERHEAD_BYTES = 32;

export function createHpackDecoder(tableBytesMax: number): HpackDecoder {
  const table: Field[] = [];
  let tableBytes = 0;
  let limitBytes = tableBytesMax;
  let cache: CachedBlock[] = [];

  function decode(bytes: Buffer, start: number, end: number): ReplyHeaders {
    for (const block of cache) {
      if (sameBytes(block.bytes, bytes, start, end)) return block.headers;
    }
    const cursor: Cursor = { bytes, end, at: start };
    const fields = new Map<string, string>();
    let tableChanged = false;
    while (cursor.at < end) {
      if (decodeField(cursor, fields)) tableChanged = true;
    }
    const headers = {
      httpStatus: fields.get(':status') ?? '',
      grpcStatus: fields.get('grpc-status') ?? '',
      grpcMessage: fields.get('grpc-message') ?? '',
    };
    if (tableChanged || cache.length === CACHED_BLOCKS_MAX) cache = [];
    if (!tableChanged) cache.push({ bytes: Buffer.from(bytes.subarray(start, end)), headers });
    return headers;
  }

  /** True where the table changed. */
  function decodeField(cursor: Cursor, fields: Map<string, string>): boolean {
    const first = byteAt(cursor.bytes, cursor.at);
    if (first & 0x80) {
      const field = lookUp(readInteger(cursor, 7));
      fields.set(field.name, field.value);
      return false;
    }
    if ((first & 0xe0) === 0x20) {
      limitBytes = readInteger(cursor, 5);
      if (limitBytes > tableBytesMax) throw new Error('HPACK: table larger than announced');
      evict();
      return true;
    }
    const isInserted = (first & 0xc0) === 0x40;
    const nameIndex = readInteger(cursor, isInserted ? 6 : 4);
    const name = nameIndex === 0 ? readText(cursor) : lookUp(nameIndex).name;
    const value = readText(cursor);
    fields.set(name, value);
    if (!isInserted) return false;
    table.unshift({ name, value });
    tableBytes += fieldBytes({ name, value });
    evict();
    return true;
  }

  function lookUp(index: number): Field {
    const field =
      index < staticFields.length ? staticFields[index] : table[index - staticFields.length];
    if (index === 0 || field === undefined) throw new Error(`HPACK: no field at index ${index}`);
    return field;
  }

  function evict(): void {
    while (tableBytes > limitBytes) {
      const oldest = table.pop();
      if (oldest === undefined) return;
      tableBytes -= fieldBytes(oldest);
    }
  }

  return { decode };
}

function fieldBytes(field: Field): number {
  return field.name.length + field.value.length + FIELD_OVERHEAD_BYTES;
}

function sameBytes(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let index = 0; index < known.length; index++) {
    if (known[index] !== bytes[start + index]) return false;
  }
  return true;
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new Error('HPACK: block ends in the middle of a field');
  return byte;
}

function readInteger(cursor: Cursor, prefixBits: number): number {
  const prefixMax = 2 ** prefixBits - 1;
  let value = byteAt(cursor.bytes, cursor.at++) & prefixMax;
  if (value < prefixMax) return value;
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = byteAt(cursor.bytes, cursor.at++);
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new Error('HPACK: integer too large');
}

function readText(cursor: Cursor): string {
  const isHuffman = (byteAt(cursor.bytes, cursor.at) & 0x80) !== 0;
  const length = readInteger(cursor, 7);
  const end = cursor.at + length;
  if (end > cursor.end) throw new Error('HPACK: text longer than its block');
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1');
}

function decodeHuffman(bytes: Buffer): string {
  let text = '';
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >>> bit) & 1);
      const character = huffmanCodes.get(code);
      if (character !== undefined) {
        text += character;
        code = 1;
      } else if (code >= 2 << HUFFMAN_BITS_MAX) {
        throw new Error('HPACK: character outside printable ASCII');
      }
    }
  }
  return text;
}

// RFC 7541 appendix A, from index 1. "name" or "name value".
const staticFields: readonly Field[] = `
:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https
:status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500
accept-charset|accept-encoding gzip, deflate|accept-language|accept-ranges|accept
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition
content-encoding|content-language|content-length|content-location|content-range|content-type
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range
if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate
proxy-authorization|range|referer|refresh|retry-after|server|set-cookie
strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`
  .split(/[|\n]/)
  .map((text) => {
    const space = text.indexOf(' ');
    return space < 0
      ? { name: text, value: '' }
      : { name: text.slice(0, space), value: text.slice(space + 1) };
  });
