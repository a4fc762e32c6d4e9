// A ledger entry ↔ bytes. Its chain is over the same bytes: no other form need be agreed on.

import { createHash } from 'node:crypto';
import type { EpochMs } from '../base/units.js';
import {
  createWriter,
  type Reader,
  readLongText,
  readText,
  readUint32,
  readVarint,
  type Writer,
  writeLongText,
  writeText,
  writeUint32,
  writeVarint,
} from './bytes.js';
import type { LedgerEntry, LedgerWrite } from './entry.js';

/** The chain that the first entry continues. */
export const CHAIN_START = '0'.repeat(64);

/** The entry with its place in the chain. */
export function chained(entry: Omit<LedgerEntry, 'chain'>, before: string): LedgerEntry {
  return { ...entry, chain: chainOf(entry, before) };
}

/** SHA-256 over the chain before, the time, and the entry's bytes without its own chain. */
export function chainOf(entry: Omit<LedgerEntry, 'chain'>, before: string): string {
  const writer = createWriter(1024);
  writeVarint(writer, entry.atMs);
  encodeBody(writer, entry);
  const { buffer, position } = writer;
  return createHash('sha256').update(before).update(buffer.subarray(0, position)).digest('hex');
}

export function encodeLedger(writer: Writer, entry: LedgerEntry): void {
  encodeBody(writer, entry);
  writeText(writer, entry.chain);
}

export function decodeLedger(reader: Reader, atMs: EpochMs): LedgerEntry {
  const actor = readText(reader);
  const source = readText(reader);
  const action = readText(reader);
  const orgId = readText(reader);
  const reason = readText(reader);
  const requestId = readText(reader);
  const fingerprint = readUint32(reader);
  const count = readVarint(reader);
  const writes: LedgerWrite[] = [];
  for (let i = 0; i < count; i++) writes.push(decodeWrite(reader));
  const chain = readText(reader);
  return {
    kind: 'ledger',
    atMs,
    actor,
    source,
    action,
    orgId,
    reason,
    requestId,
    fingerprint,
    writes,
    chain,
  };
}

function encodeBody(writer: Writer, entry: Omit<LedgerEntry, 'chain'>): void {
  writeText(writer, entry.actor);
  writeText(writer, entry.source);
  writeText(writer, entry.action);
  writeText(writer, entry.orgId);
  writeText(writer, entry.reason);
  writeText(writer, entry.requestId);
  writeUint32(writer, entry.fingerprint);
  writeVarint(writer, entry.writes.length);
  for (const write of entry.writes) {
    writeText(writer, write.kind);
    writeText(writer, write.orgId);
    writeText(writer, write.id);
    writeVarint(writer, write.version);
    writeVarint(writer, write.previous);
    writeLongText(writer, write.value);
  }
}

function decodeWrite(reader: Reader): LedgerWrite {
  return {
    kind: readText(reader),
    orgId: readText(reader),
    id: readText(reader),
    version: readVarint(reader),
    previous: readVarint(reader),
    value: readLongText(reader),
  };
}
