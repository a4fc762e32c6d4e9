// What several kinds of entries hold.

import { Failure } from '../base/failure.js';
import { AGGREGATIONS, type Aggregation } from '../domain/metering/meter.js';
import {
  type Reader,
  readByte,
  readText,
  readVarint,
  type Writer,
  writeText,
  writeVarint,
} from './bytes.js';
import type { Labels } from './entry.js';

export function encodeLabels(writer: Writer, labels: Labels): void {
  writeVarint(writer, labels.length);
  for (const [key, value] of labels) {
    writeText(writer, key);
    writeText(writer, value);
  }
}

export function decodeLabels(reader: Reader): Labels {
  return decodeList(reader, (r): readonly [string, string] => [readText(r), readText(r)]);
}

export function decodeAggregation(reader: Reader): Aggregation {
  const aggregation = AGGREGATIONS[readByte(reader)];
  if (aggregation === undefined) throw new Failure('ENTRY_UNKNOWN', 'unknown aggregation');
  return aggregation;
}

export function decodeList<T>(reader: Reader, decode: (reader: Reader) => T): T[] {
  const count = readVarint(reader);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(decode(reader));
  return list;
}
