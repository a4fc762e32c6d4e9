// How every change of the ledger is made: read, decide, commit, answer from what was committed. A
// repeat of the same request answers from what the first one committed. Where another change came
// between reading and committing, it is read and decided anew, unless the caller named a version.

import { hash32 } from '../base/hash.js';
import type { EpochMs } from '../base/units.js';
import type { Change, Changed, Stored, Transaction } from '../ledger/ledger.js';
import type { RecordKind, RecordValues } from '../ledger/records.js';
import { madeBy } from './caller.js';
import { type Answer, type Core, refuseIfFull, refuseIfUnable } from './core.js';
import type { Faults } from './parse.js';
import { Refusal } from './refusal.js';

const ATTEMPTS = 5;
const REQUEST_ID = /^[\x20-\x7e]{1,128}$/;

export interface Planned {
  readonly changes: Transaction['changes'];
  readonly series?: string;
}

export interface Changing<Reply> {
  /** `plans.create`, `invoices.void`, … */
  readonly action: string;
  /** The organisation that it is about, or ''. */
  readonly orgId: string;
  readonly reason?: string;
  /** The whole request: what a repeat must be equal in. */
  readonly request: { readonly requestId: string };
  readonly etag?: string;
  /** Reads and decides. Undefined: nothing is to change, and `unchanged` answers. */
  readonly plan: (atMs: EpochMs) => Promise<Planned | undefined>;
  readonly reply: (changed: Committed) => Reply;
  readonly unchanged?: () => Promise<Reply>;
}

/** What a transaction wrote. */
export interface Committed {
  /** The first record of a kind. */
  readonly first: <K extends RecordKind>(kind: K) => Stored<K> | undefined;
  readonly all: <K extends RecordKind>(kind: K) => readonly Stored<K>[];
}

export async function change<Reply>(core: Core, changing: Changing<Reply>): Promise<Answer<Reply>> {
  refuseIfUnable(core);
  const { action, orgId, reason = '', etag = '' } = changing;
  for (let attempt = 1; ; attempt++) {
    const atMs = core.clock.wallMs();
    const request = requestOf(changing);
    const planned = await planOrRepeat(core, changing, atMs);
    if (planned === undefined && changing.unchanged !== undefined) {
      return { reply: await changing.unchanged(), after: core.journal.lastSequence() };
    }
    refuseIfFull(core, 'ordinary');
    const common = { atMs, ...madeBy(core), action, orgId, reason, request };
    const outcome = await core.ledger.commit({ ...common, ...(planned ?? NOTHING) });
    switch (outcome.kind) {
      case 'committed':
      case 'repeated':
        return { reply: changing.reply(committed(outcome.changed)), after: outcome.sequence };
      case 'request_reused':
        throw requestReused(changing.request.requestId);
      case 'stale':
        if (etag !== '' || attempt === ATTEMPTS) throw etagMismatch();
    }
  }
}

const NOTHING: Planned = { changes: () => [] };

/**
 * A repeat may be refused by what the first one did: then it is looked up first, and the plan is
 * not asked.
 */
async function planOrRepeat<Reply>(
  core: Core,
  changing: Changing<Reply>,
  atMs: EpochMs,
): Promise<Planned | undefined> {
  const request = requestOf(changing);
  if (request !== undefined && (await core.ledger.isKnown(request.id))) return NOTHING;
  return changing.plan(atMs);
}

function requestOf<Reply>({ request, orgId, action }: Changing<Reply>): Transaction['request'] {
  return identified(action, orgId, request);
}

/** What a repeat of a request is known by; undefined where nothing makes it one. */
export function identified(
  action: string,
  orgId: string,
  { requestId, ...body }: { readonly requestId: string },
): Transaction['request'] {
  if (requestId === '') return undefined;
  const text = JSON.stringify([action, body], (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}`;
    return value instanceof Map ? [...value] : value;
  });
  // No id of an organisation has a slash.
  return { id: `${orgId}/${requestId}`, fingerprint: hash32(text) };
}

function committed(changed: readonly Changed[]): Committed {
  const all = <K extends RecordKind>(kind: K): Stored<K>[] =>
    changed.flatMap((each) => {
      if (each.kind !== kind || each.value === undefined) return [];
      const { orgId, id, version } = each;
      return [{ orgId, id, version, value: each.value as RecordValues[K] }];
    });
  return { all, first: (kind) => all(kind)[0] };
}

export function checkRequestId(requestId: string, faults: Faults): void {
  if (requestId === '' || REQUEST_ID.test(requestId)) return;
  faults.add('request_id', 'must be 1 to 128 printable ASCII characters, or empty');
}

/** The version that callers name a record by. */
export function etagOf({ version }: { readonly version: number }): string {
  return `${version}`;
}

export function checkEtag(etag: string, stored: { readonly version: number }): void {
  if (etag !== '' && etag !== etagOf(stored)) throw etagMismatch();
}

function etagMismatch(): Refusal {
  const text = 'the object was changed since it was read: read it again and decide anew';
  return new Refusal('ABORTED', 'ETAG_MISMATCH', text);
}

export function requestReused(requestId: string): Refusal {
  const text = `request_id ${JSON.stringify(requestId)} was used with another request`;
  return new Refusal('ALREADY_EXISTS', 'REQUEST_ID_REUSED', text);
}

export function create<K extends RecordKind>(
  kind: K,
  orgId: string,
  id: string,
  value: RecordValues[K],
): Change {
  return { kind, orgId, id, replaces: 0, value };
}

/** A change of `stored`, or its making where there is none. */
export function put<K extends RecordKind>(
  kind: K,
  orgId: string,
  id: string,
  stored: Stored<K> | undefined,
  value: RecordValues[K],
): Change {
  return { kind, orgId, id, replaces: stored?.version ?? 0, value };
}

export function remove<K extends RecordKind>(kind: K, stored: Stored<K>): Change {
  const { orgId, id, version } = stored;
  return { kind, orgId, id, replaces: version, value: undefined };
}
