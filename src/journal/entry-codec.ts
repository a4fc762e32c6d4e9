// Entry ↔ bytes. The body begins with kind and version; an unknown one is refused, never skipped.

import { unreachable } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import { AGGREGATIONS } from '../domain/metering/meter.js';
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
import { decodeAggregation, decodeLabels, decodeList, encodeLabels } from './codec-parts.js';
import type {
  CatalogueEntry,
  DenialsEntry,
  EndEntry,
  Ending,
  Entry,
  ExtendEntry,
  HoldItem,
  OrganisationEntry,
  ReserveEntry,
} from './entry.js';
import { decodeLedger, encodeLedger } from './ledger-codec.js';
import { decodeRecord, encodeRecord } from './record-codec.js';

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
/** A record with what it spends. */
const WITH_SPEND = 2;

export function encodeEntry(writer: Writer, entry: Entry): void {
  writeByte(writer, KIND[entry.kind]);
  writeByte(writer, versionOf(entry));
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

function versionOf(entry: Entry): number {
  return entry.kind === 'record' && entry.spend !== undefined ? WITH_SPEND : VERSION;
}

export function decodeEntry(buffer: Buffer, start = 0, end = buffer.length): Entry {
  const reader = createReader(buffer, start, end);
  const kind = readByte(reader);
  const version = readByte(reader);
  const known = version === VERSION || (version === WITH_SPEND && kind === KIND.record);
  if (!known) throw unknownEntry(kind, version);
  const atMs = readVarint(reader);
  switch (kind) {
    case KIND.record:
      return decodeRecord(reader, atMs, version === WITH_SPEND);
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

function unknownEntry(kind: number, version: number): Failure {
  return new Failure(
    'ENTRY_UNKNOWN',
    `entry of kind ${kind}, version ${version}: written by a newer Tollgate, refusing to skip it`,
  );
}
