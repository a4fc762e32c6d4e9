// The entry of an event ↔ bytes, after kind, version and time.

import { AGGREGATIONS } from '../domain/metering/meter.js';
import {
  type Reader,
  readBig,
  readByte,
  readText,
  readUint32,
  readVarint,
  type Writer,
  writeBig,
  writeByte,
  writeText,
  writeUint32,
  writeVarint,
} from './bytes.js';
import { decodeAggregation, decodeLabels, decodeList, encodeLabels } from './codec-parts.js';
import type { CounterChange, RecordEntry, SpendChange, ThresholdCrossing } from './entry.js';

const LATE = 1;
const TIME_DEFAULTED = 2;
const UNKNOWN_TIER = 4;

const BASE = 1;
const SINCE = 2;

export function encodeRecord(writer: Writer, entry: RecordEntry): void {
  writeText(writer, entry.orgId);
  writeText(writer, entry.eventId);
  writeText(writer, entry.meter);
  writeByte(writer, AGGREGATIONS.indexOf(entry.aggregation));
  writeByte(writer, entry.scale);
  writeBig(writer, entry.quanta);
  writeText(writer, entry.amountText);
  writeVarint(writer, entry.eventTimeMs);
  writeByte(
    writer,
    (entry.late ? LATE : 0) |
      (entry.timeDefaulted ? TIME_DEFAULTED : 0) |
      (entry.unknownTier ? UNKNOWN_TIER : 0),
  );
  writeVarint(writer, entry.catalogueVersion);
  writeUint32(writer, entry.fingerprint);
  encodeLabels(writer, entry.labels);
  encodeLabels(writer, entry.rollup);
  writeText(writer, entry.subject);
  encodeChanges(writer, entry);
  writeText(writer, entry.reservationId);
  if (entry.spend === undefined) return;
  writeBig(writer, entry.spend.quanta);
  encodeChanges(writer, entry.spend);
}

function encodeChanges(
  writer: Writer,
  { counters, thresholds }: Pick<RecordEntry, 'counters' | 'thresholds'>,
): void {
  writeVarint(writer, counters.length);
  for (const change of counters) encodeChange(writer, change);
  writeVarint(writer, thresholds.length);
  for (const crossing of thresholds) {
    writeText(writer, crossing.ruleKey);
    writeVarint(writer, crossing.percent);
    writeVarint(writer, crossing.counter);
    writeBig(writer, crossing.limit);
  }
}

export function decodeRecord(reader: Reader, atMs: number, withSpend: boolean): RecordEntry {
  const orgId = readText(reader);
  const eventId = readText(reader);
  const meter = readText(reader);
  const aggregation = decodeAggregation(reader);
  const scale = readByte(reader);
  const quanta = readBig(reader);
  const amountText = readText(reader);
  const eventTimeMs = readVarint(reader);
  const flags = readByte(reader);
  const catalogueVersion = readVarint(reader);
  const fingerprint = readUint32(reader);
  const labels = decodeLabels(reader);
  const rollup = decodeLabels(reader);
  const subject = readText(reader);
  const counters = decodeList(reader, decodeChange);
  const thresholds = decodeList(reader, decodeCrossing);
  return {
    kind: 'record',
    atMs,
    orgId,
    eventId,
    meter,
    aggregation,
    scale,
    quanta,
    amountText,
    eventTimeMs,
    late: (flags & LATE) !== 0,
    timeDefaulted: (flags & TIME_DEFAULTED) !== 0,
    unknownTier: (flags & UNKNOWN_TIER) !== 0,
    catalogueVersion,
    fingerprint,
    labels,
    rollup,
    subject,
    counters,
    thresholds,
    reservationId: readText(reader),
    spend: withSpend ? decodeSpend(reader) : undefined,
  };
}

function decodeSpend(reader: Reader): SpendChange {
  return {
    quanta: readBig(reader),
    counters: decodeList(reader, decodeChange),
    thresholds: decodeList(reader, decodeCrossing),
  };
}

function encodeChange(writer: Writer, change: CounterChange): void {
  writeText(writer, change.combination);
  writeText(writer, change.scopeValues);
  writeVarint(writer, change.windowStartMs);
  const { base, sinceMs } = change;
  writeByte(writer, (base === undefined ? 0 : BASE) | (sinceMs === undefined ? 0 : SINCE));
  if (base !== undefined) writeBig(writer, base);
  if (sinceMs !== undefined) writeVarint(writer, sinceMs);
  writeBig(writer, change.delta);
}

function decodeChange(reader: Reader): CounterChange {
  const combination = readText(reader);
  const scopeValues = readText(reader);
  const windowStartMs = readVarint(reader);
  const given = readByte(reader);
  const base = (given & BASE) === 0 ? undefined : readBig(reader);
  const sinceMs = (given & SINCE) === 0 ? undefined : readVarint(reader);
  return { combination, scopeValues, windowStartMs, base, sinceMs, delta: readBig(reader) };
}

function decodeCrossing(reader: Reader): ThresholdCrossing {
  return {
    ruleKey: readText(reader),
    percent: readVarint(reader),
    counter: readVarint(reader),
    limit: readBig(reader),
  };
}
