// Reading and writing the fields of an entry. Little-endian; texts are UTF-8 with a 32-bit or
// 16-bit length; integers that may be large are zig-zag varints. A writer grows by doubling.

import { assert } from '../base/assert.js';
import { Failure } from '../base/failure.js';

export interface Writer {
  buffer: Buffer;
  position: number;
}

export function createWriter(bytes: number): Writer {
  return { buffer: Buffer.alloc(bytes), position: 0 };
}

export function reserve(writer: Writer, bytes: number): void {
  const needed = writer.position + bytes;
  if (needed <= writer.buffer.length) return;
  const grown = Buffer.alloc(Math.max(needed, writer.buffer.length * 2));
  writer.buffer.copy(grown, 0, 0, writer.position);
  writer.buffer = grown;
}

/** Callers reserve first: an entry of plain fields never needs more than this beyond its texts. */
export const FIELD_BYTES_MAX = 16;

export function writeByte(writer: Writer, value: number): void {
  reserve(writer, 1);
  writer.buffer[writer.position++] = value;
}

export function writeUint32(writer: Writer, value: number): void {
  reserve(writer, 4);
  writer.position = writer.buffer.writeUInt32LE(value, writer.position);
}

/** An integer from 0 to 2^53 − 1, in 1 to 8 bytes. */
export function writeVarint(writer: Writer, value: number): void {
  reserve(writer, 8);
  const { buffer } = writer;
  let rest = value;
  while (rest >= 0x80) {
    buffer[writer.position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[writer.position++] = rest;
}

/** Any integer: zig-zag, so that small negatives stay small. */
export function writeBig(writer: Writer, value: bigint): void {
  const zigzag = value < 0n ? -value * 2n - 1n : value * 2n;
  if (zigzag <= 0x1f_ffff_ffff_ffffn) {
    writeVarint(writer, Number(zigzag));
    return;
  }
  let rest = zigzag;
  while (rest >= 0x80n) {
    writeByte(writer, Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  writeByte(writer, Number(rest));
}

/** Short ASCII, which nearly all texts are, is copied here: a call into C++ costs more. */
const SHORT_CHARS = 64;

export function writeText(writer: Writer, text: string): void {
  const { length } = text;
  reserve(writer, 2 + length * 3);
  const { buffer } = writer;
  const start = writer.position + 2;
  const bytes = copyAscii(buffer, start, text) ? length : buffer.write(text, start);
  assert(bytes < 0x10000, 'a text of an entry is under 64 KiB');
  buffer[start - 2] = bytes & 0xff;
  buffer[start - 1] = bytes >> 8;
  writer.position = start + bytes;
}

function copyAscii(buffer: Buffer, start: number, text: string): boolean {
  const { length } = text;
  if (length > SHORT_CHARS) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    buffer[start + i] = code;
  }
  return true;
}

export function writeLongText(writer: Writer, text: string): void {
  reserve(writer, 4 + text.length * 3);
  const start = writer.position + 4;
  const bytes = writer.buffer.write(text, start);
  writer.buffer.writeUInt32LE(bytes, writer.position);
  writer.position = start + bytes;
}

export interface Reader {
  readonly buffer: Buffer;
  position: number;
  readonly end: number;
}

export function createReader(buffer: Buffer, start = 0, end = buffer.length): Reader {
  return { buffer, position: start, end };
}

export function readByte(reader: Reader): number {
  if (reader.position >= reader.end) throw truncated(reader);
  return reader.buffer[reader.position++] as number;
}

export function readUint32(reader: Reader): number {
  const at = reader.position;
  if (at + 4 > reader.end) throw truncated(reader);
  reader.position = at + 4;
  return reader.buffer.readUInt32LE(at);
}

export function readVarint(reader: Reader): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = readByte(reader);
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 0x80;
  }
}

export function readBig(reader: Reader): bigint {
  const start = reader.position;
  let length = 1;
  while (readByte(reader) >= 0x80) length++;
  reader.position = start;
  const zigzag = length <= 7 ? BigInt(readVarint(reader)) : readLongVarint(reader);
  return zigzag & 1n ? -((zigzag + 1n) / 2n) : zigzag / 2n;
}

export function readText(reader: Reader): string {
  const at = reader.position;
  if (at + 2 > reader.end) throw truncated(reader);
  const bytes = reader.buffer.readUInt16LE(at);
  return textOf(reader, at + 2, bytes);
}

export function readLongText(reader: Reader): string {
  const bytes = readUint32(reader);
  return textOf(reader, reader.position, bytes);
}

function textOf(reader: Reader, start: number, bytes: number): string {
  if (start + bytes > reader.end) throw truncated(reader);
  reader.position = start + bytes;
  return reader.buffer.toString('utf8', start, start + bytes);
}

function readLongVarint(reader: Reader): bigint {
  let value = 0n;
  let shift = 0n;
  for (;;) {
    const byte = readByte(reader);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
    shift += 7n;
  }
}

function truncated(reader: Reader): Failure {
  return new Failure('ENTRY_TRUNCATED', `an entry ends early at byte ${reader.position}`);
}
