// The records of the ledger: the latest version of each, by kind, organisation and id, and lists of
// them in order of creation. Values of overwrite type only: a list is pages of ids that are
// appended to, and a removed record stays as an empty one.

import { assert } from '../base/assert.js';
import type { Sequence } from '../base/units.js';
import type { LedgerWrite } from '../journal/entry.js';
import { kept } from './kept.js';
import { keys, type Tables } from './tables.js';
import type { LedgerRecord } from './values.js';

/** The place of a record within its kind. */
export interface RecordId {
  readonly orgId: string;
  readonly id: string;
}

/** Stands for all organisations in a list. */
export const EVERY_ORGANISATION = '*';
/** The list of the ledger entries themselves. */
export const AUDIT = 'audit';

/** An entry's place in that list: its sequence, and the catalogue's version from it on. */
export function auditId(sequence: Sequence, catalogueVersion: number): string {
  return `${sequence}.${catalogueVersion}`;
}

export function readAuditId(id: string): readonly [sequence: Sequence, catalogueVersion: number] {
  const [sequence = '', version = ''] = id.split('.');
  return [Number(sequence), Number(version)];
}

const IDS_PER_PAGE = 256;
const SEPARATOR = '\u0004';

export interface Records {
  /** Undefined where it never was, or was removed. */
  readonly get: (kind: string, orgId: string, id: string) => LedgerRecord | undefined;
  /** The same, to read it once: it does not stay in memory. */
  readonly peek: (kind: string, orgId: string, id: string) => LedgerRecord | undefined;
  /** Of a record that was removed too; 0 where it never was. */
  readonly version: (kind: string, orgId: string, id: string) => number;
  readonly sequence: (kind: string, orgId: string, id: string) => Sequence;
  /** Records ever made in a list; some may be removed. */
  readonly count: (kind: string, orgId: string) => number;
  /** By order of creation, from 0. */
  readonly at: (kind: string, orgId: string, place: number) => RecordId;
  readonly put: (write: LedgerWrite, sequence: Sequence) => void;
  /** Adds to the lists of `kind`: what has no record of its own. */
  readonly append: (kind: string, orgId: string, id: string) => void;
}

export function openRecords(tables: Tables): Records {
  const { records, lists } = tables;

  function find(kind: string, orgId: string, id: string): LedgerRecord | undefined {
    return records.get(keys.record(kind, orgId, id));
  }

  /** `total` stands in the first page. */
  function count(kind: string, orgId: string): number {
    return lists.get(keys.list(kind, orgId, 0))?.total ?? 0;
  }

  function push(kind: string, orgId: string, text: string): void {
    const total = count(kind, orgId);
    const number = Math.floor(total / IDS_PER_PAGE);
    const key = keys.list(kind, orgId, number);
    const page = lists.get(key) ?? lists.add({ key, ...kept(), ids: [], total: 0 });
    lists.touch(page);
    page.ids.push(text);
    const first = number === 0 ? page : lists.get(keys.list(kind, orgId, 0));
    assert(first !== undefined, 'a list has its first page');
    lists.touch(first);
    first.total = total + 1;
  }

  function append(kind: string, orgId: string, id: string): void {
    push(kind, EVERY_ORGANISATION, `${orgId}${SEPARATOR}${id}`);
    if (orgId !== '') push(kind, orgId, `${orgId}${SEPARATOR}${id}`);
  }

  return {
    get(kind, orgId, id) {
      const found = find(kind, orgId, id);
      return found === undefined || found.value === '' ? undefined : found;
    },
    peek(kind, orgId, id) {
      const found = records.peek(keys.record(kind, orgId, id));
      return found === undefined || found.value === '' ? undefined : found;
    },
    version: (kind, orgId, id) => find(kind, orgId, id)?.version ?? 0,
    sequence: (kind, orgId, id) => find(kind, orgId, id)?.sequence ?? 0,
    count,
    at(kind, orgId, place) {
      const page = lists.get(keys.list(kind, orgId, Math.floor(place / IDS_PER_PAGE)));
      const text = page?.ids[place % IDS_PER_PAGE];
      assert(text !== undefined, 'a place in a list');
      const [ownOrgId = '', id = ''] = text.split(SEPARATOR);
      return { orgId: ownOrgId, id };
    },
    put({ kind, orgId, id, version, value }, sequence) {
      const known = find(kind, orgId, id);
      assert(version === (known?.version ?? 0) + 1, 'versions of a record follow one another');
      if (known === undefined) {
        records.add({ key: keys.record(kind, orgId, id), ...kept(), version, sequence, value });
        append(kind, orgId, id);
        return;
      }
      records.touch(known);
      known.version = version;
      known.sequence = sequence;
      known.value = value;
    },
    append,
  };
}

/** All records of a list that are, in order of creation. */
export function* recordsOf<T>(
  records: Records,
  kind: string,
  orgId: string = EVERY_ORGANISATION,
): Generator<RecordId & { readonly value: T }> {
  const total = records.count(kind, orgId);
  for (let place = 0; place < total; place++) {
    const at = records.at(kind, orgId, place);
    const found = records.get(kind, at.orgId, at.id);
    if (found !== undefined) yield { ...at, value: JSON.parse(found.value) as T };
  }
}
