// Entry ↔ bytes. The body begins with kind and version; an unknown one is refused, never skipped.

import { unreachable } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import { AGGREGATIONS, type Aggregation } from '../domain/metering/meter.js';
import {
  createReader,
  type Reader,
  readBig,
  readByte,
  readLongText,
  readText,
  readUint32,
  readVarint,
  type Writer,
  writeBig,
  writeByte,
  writeLongText,
  writeText,
  writeUint32,
  writeVarint,
} from './bytes.js';
import type {
  CatalogueEntry,
  CounterChange,
  DenialsEntry,
  EndEntry,
  Ending,
  Entry,
  ExtendEntry,
  HoldItem,
  Labels,
  OrganisationEntry,
  RecordEntry,
  ReserveEntry,
  ThresholdCrossing,
} from './entry.js';
import { decodeLedger, encodeLedger } from './ledger-codec.js';

/** 4, 5, 14–16 are kept for void, amend, snapshot marker and seal. */
const KIND = {
  catalogue: 1,
  organisation: 2,
  record: 3,
  reserve: 6,
  extend: 7,
  settle: 8,
  release: 9,
  expire: 10,
  denials: 11,
  ledger: 13,
} as const;
const VERSION = 1;

const LATE = 1;
const TIME_DEFAULTED = 2;
const UNKNOWN_TIER = 4;

const BASE = 1;
const SINCE = 2;

export function encodeEntry(writer: Writer, entry: Entry): void {
  writeByte(writer, KIND[entry.kind]);
  writeByte(writer, VERSION);
  writeVarint(writer, entry.atMs);
  switch (entry.kind) {
    case 'catalogue':
      writeVarint(writer, entry.version);
      writeLongText(writer, entry.document);
      return;
    case 'organisation':
      writeText(writer, entry.orgId);
      writeVarint(writer, entry.number);
      return;
    case 'record':
      encodeRecord(writer, entry);
      return;
    case 'reserve':
      writeText(writer, entry.orgId);
      writeText(writer, entry.reservationId);
      writeUint32(writer, entry.fingerprint);
      writeVarint(writer, entry.ttlMs);
      encodeItems(writer, entry.items);
      return;
    case 'extend':
      writeText(writer, entry.orgId);
      writeText(writer, entry.reservationId);
      writeVarint(writer, entry.ttlMs);
      return;
    case 'settle':
    case 'release':
    case 'expire':
      encodeEnd(writer, entry);
      return;
    case 'denials':
      writeText(writer, entry.orgId);
      writeText(writer, entry.ruleKey);
      writeByte(writer, entry.shadow ? 1 : 0);
      writeVarint(writer, entry.sinceMs);
      writeVarint(writer, entry.count);
      return;
    case 'ledger':
      encodeLedger(writer, entry);
      return;
    default:
      unreachable(entry);
  }
}

export function decodeEntry(buffer: Buffer, start = 0, end = buffer.length): Entry {
  const reader = createReader(buffer, start, end);
  const kind = readByte(reader);
  const version = readByte(reader);
  if (version !== VERSION) throw unknownEntry(kind, version);
  const atMs = readVarint(reader);
  switch (kind) {
    case KIND.record:
      return decodeRecord(reader, atMs);
    case KIND.catalogue:
      return decodeCatalogue(reader, atMs);
    case KIND.organisation:
      return decodeOrganisation(reader, atMs);
    case KIND.reserve:
      return decodeReserve(reader, atMs);
    case KIND.extend:
      return decodeExtend(reader, atMs);
    case KIND.settle:
      return decodeEnd(reader, atMs, 'settle');
    case KIND.release:
      return decodeEnd(reader, atMs, 'release');
    case KIND.expire:
      return decodeEnd(reader, atMs, 'expire');
    case KIND.denials:
      return decodeDenials(reader, atMs);
    case KIND.ledger:
      return decodeLedger(reader, atMs);
    default:
      throw unknownEntry(kind, version);
  }
}

function encodeRecord(writer: Writer, entry: RecordEntry): void {
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
  writeVarint(writer, entry.counters.length);
  for (const change of entry.counters) encodeChange(writer, change);
  writeVarint(writer, entry.thresholds.length);
  for (const crossing of entry.thresholds) {
    writeText(writer, crossing.ruleKey);
    writeVarint(writer, crossing.percent);
    writeVarint(writer, crossing.counter);
    writeBig(writer, crossing.limit);
  }
  writeText(writer, entry.reservationId);
}

function decodeRecord(reader: Reader, atMs: number): RecordEntry {
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

function encodeLabels(writer: Writer, labels: Labels): void {
  writeVarint(writer, labels.length);
  for (const [key, value] of labels) {
    writeText(writer, key);
    writeText(writer, value);
  }
}

function decodeLabels(reader: Reader): Labels {
  return decodeList(reader, (r): readonly [string, string] => [readText(r), readText(r)]);
}

function encodeItems(writer: Writer, items: readonly HoldItem[]): void {
  writeVarint(writer, items.length);
  for (const item of items) {
    writeText(writer, item.meter);
    writeByte(writer, AGGREGATIONS.indexOf(item.aggregation));
    writeByte(writer, item.scale);
    writeBig(writer, item.quanta);
    writeBig(writer, item.requested);
    encodeLabels(writer, item.labels);
    writeVarint(writer, item.counters.length);
    for (const counter of item.counters) {
      writeText(writer, counter.combination);
      writeText(writer, counter.scopeValues);
      writeBig(writer, counter.reserved);
    }
  }
}

function decodeItems(reader: Reader): readonly HoldItem[] {
  return decodeList(reader, (r) => ({
    meter: readText(r),
    aggregation: decodeAggregation(r),
    scale: readByte(r),
    quanta: readBig(r),
    requested: readBig(r),
    labels: decodeLabels(r),
    counters: decodeList(r, (c) => ({
      combination: readText(c),
      scopeValues: readText(c),
      reserved: readBig(c),
    })),
  }));
}

function encodeEnd(writer: Writer, entry: EndEntry): void {
  writeText(writer, entry.orgId);
  writeText(writer, entry.reservationId);
  writeUint32(writer, entry.fingerprint);
  writeVarint(writer, entry.createdMs);
  writeVarint(writer, entry.expiresMs);
  encodeItems(writer, entry.items);
  writeByte(writer, entry.late ? 1 : 0);
  writeUint32(writer, entry.settleFingerprint);
  writeVarint(writer, entry.settled.length);
  for (const { eventId, recorded, reason } of entry.settled) {
    writeText(writer, eventId);
    writeByte(writer, recorded ? 1 : 0);
    writeText(writer, reason);
  }
}

function decodeEnd(reader: Reader, atMs: number, kind: Ending): EndEntry {
  return {
    kind,
    atMs,
    orgId: readText(reader),
    reservationId: readText(reader),
    fingerprint: readUint32(reader),
    createdMs: readVarint(reader),
    expiresMs: readVarint(reader),
    items: decodeItems(reader),
    late: readByte(reader) === 1,
    settleFingerprint: readUint32(reader),
    settled: decodeList(reader, (r) => ({
      eventId: readText(r),
      recorded: readByte(r) === 1,
      reason: readText(r),
    })),
  };
}

function decodeCatalogue(reader: Reader, atMs: number): CatalogueEntry {
  return { kind: 'catalogue', atMs, version: readVarint(reader), document: readLongText(reader) };
}

function decodeOrganisation(reader: Reader, atMs: number): OrganisationEntry {
  return { kind: 'organisation', atMs, orgId: readText(reader), number: readVarint(reader) };
}

function decodeReserve(reader: Reader, atMs: number): ReserveEntry {
  return {
    kind: 'reserve',
    atMs,
    orgId: readText(reader),
    reservationId: readText(reader),
    fingerprint: readUint32(reader),
    ttlMs: readVarint(reader),
    items: decodeItems(reader),
  };
}

function decodeExtend(reader: Reader, atMs: number): ExtendEntry {
  return {
    kind: 'extend',
    atMs,
    orgId: readText(reader),
    reservationId: readText(reader),
    ttlMs: readVarint(reader),
  };
}

function decodeDenials(reader: Reader, atMs: number): DenialsEntry {
  return {
    kind: 'denials',
    atMs,
    orgId: readText(reader),
    ruleKey: readText(reader),
    shadow: readByte(reader) === 1,
    sinceMs: readVarint(reader),
    count: readVarint(reader),
  };
}

function decodeAggregation(reader: Reader): Aggregation {
  const aggregation = AGGREGATIONS[readByte(reader)];
  if (aggregation === undefined) throw new Failure('ENTRY_UNKNOWN', 'unknown aggregation');
  return aggregation;
}

function decodeList<T>(reader: Reader, decode: (reader: Reader) => T): T[] {
  const count = readVarint(reader);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(decode(reader));
  return list;
}

function unknownEntry(kind: number, version: number): Failure {
  return new Failure(
    'ENTRY_UNKNOWN',
    `entry of kind ${kind}, version ${version}: written by a newer Tollgate, refusing to skip it`,
  );
}
