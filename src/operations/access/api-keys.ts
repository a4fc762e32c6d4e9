// API keys. The text of a key is in the answer that makes it and nowhere else. What is changed is
// told to whoever remembers keys before the caller hears of it: a revoked key is refused from the
// answer on.

import type {
  CreateApiKeyRequest,
  CreateApiKeyResponse,
  GetApiKeyRequest,
  GetApiKeyResponse,
  ListApiKeysRequest,
  ListApiKeysResponse,
  RevokeApiKeyRequest,
  RevokeApiKeyResponse,
  RotateApiKeyRequest,
  RotateApiKeyResponse,
} from '../../../generated/ts/tollgate/v1/access_service.js';
import type { EpochMs } from '../../base/units.js';
import { type ApiKeyRecord, isLive } from '../../domain/access/api-key.js';
import type { Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { type Committed, change, checkEtag, checkRequestId, type Planned, put } from '../change.js';
import { checkReason } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { listAll, nextToken, pagingOf } from '../paging.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseDuration,
  refuseFaults,
} from '../parse.js';
import { Refusal } from '../refusal.js';
import { readKeyMessage, refuseBeyondMaker } from './key-message.js';
import { type KeyText, newKeyChanges, newKeyText } from './new-key.js';
import { toApiKey } from './to-api-key.js';

const KIND = 'api_key';
type StoredKey = Stored<typeof KIND>;

export async function createApiKey(
  core: Core,
  request: CreateApiKeyRequest,
): Promise<Answer<CreateApiKeyResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const fields = readKeyMessage(core, request.apiKey, faults);
  refuseFaults(faults);
  refuseBeyondMaker(core, fields);
  const made = newKeyText();
  return change(core, {
    action: 'api_keys.create',
    orgId: fields.org_id,
    request,
    async plan(atMs) {
      await refuseIfMany(core, fields.org_id, atMs);
      const created_by = core.caller.principal.name;
      return { changes: () => newKeyChanges({ ...fields, created_by }, made, atMs) };
    },
    reply: (changed) => replyWithSecret(changed, made),
  });
}

export async function getApiKey(
  core: Core,
  { orgId, keyId }: GetApiKeyRequest,
): Promise<Answer<GetApiKeyResponse>> {
  const faults = createFaults();
  checkKeyCall(orgId, keyId, faults);
  refuseFaults(faults);
  const reply = { apiKey: toApiKey(await findKey(core, orgId, keyId)) };
  return { reply, after: core.journal.lastSequence() };
}

export async function listApiKeys(
  core: Core,
  request: ListApiKeysRequest,
): Promise<Answer<ListApiKeysResponse>> {
  const { orgId } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  const list = `api_keys/${orgId}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const scope = orgId === '' ? {} : { orgId };
  const page = await core.ledger.list({ kind: KIND, order: 'newest', ...scope, ...paging });
  const reply = { apiKeys: page.records.map(toApiKey), nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

export async function rotateApiKey(
  core: Core,
  request: RotateApiKeyRequest,
): Promise<Answer<RotateApiKeyResponse>> {
  const faults = createFaults();
  checkKeyCall(request.orgId, request.keyId, faults);
  checkRequestId(request.requestId, faults);
  checkReason(request.reason, 0, faults);
  const overlapMs = overlapOf(request, faults);
  refuseFaults(faults);
  const made = newKeyText(request.keyId);
  return changeKey(core, 'api_keys.rotate', request, {
    next(value, atMs) {
      if (!isLive(value, atMs)) throw keyEnded(value.key_id);
      refuseBeyondMaker(core, value);
      const previous =
        overlapMs === 0 ? null : { secret: value.secret, until_ms: atMs + overlapMs };
      return { ...value, secret: made.secret, previous, updated_ms: atMs };
    },
    reply: (changed) => replyWithSecret(changed, made),
  });
}

export function revokeApiKey(
  core: Core,
  request: RevokeApiKeyRequest,
): Promise<Answer<RevokeApiKeyResponse>> {
  const faults = createFaults();
  checkKeyCall(request.orgId, request.keyId, faults);
  checkRequestId(request.requestId, faults);
  checkReason(request.reason, 0, faults);
  refuseFaults(faults);
  return changeKey(core, 'api_keys.revoke', request, {
    next(value, atMs) {
      if (value.revoked_ms !== null) return undefined;
      return { ...value, revoked_ms: atMs, previous: null, updated_ms: atMs };
    },
    reply: replyOf,
    unchanged: (stored) => ({ apiKey: toApiKey(stored) }),
  });
}

interface KeyCall {
  readonly orgId: string;
  readonly keyId: string;
  readonly reason: string;
  readonly requestId: string;
  readonly etag: string;
}

interface KeyChange<Reply> {
  /** Undefined: nothing is to change. */
  readonly next: (value: ApiKeyRecord, atMs: EpochMs) => ApiKeyRecord | undefined;
  readonly reply: (changed: Committed) => Reply;
  readonly unchanged?: (stored: StoredKey) => Reply;
}

async function changeKey<Reply>(
  core: Core,
  action: string,
  request: KeyCall,
  { next, reply, unchanged }: KeyChange<Reply>,
): Promise<Answer<Reply>> {
  const { keyId, reason, etag } = request;
  const { orgId } = await findKey(core, request.orgId, keyId);
  const answer = await change(core, {
    action,
    orgId,
    reason,
    etag,
    request,
    async plan(atMs): Promise<Planned | undefined> {
      const stored = await findKey(core, orgId, keyId);
      checkEtag(etag, stored);
      const value = next(stored.value, atMs);
      if (value === undefined) return undefined;
      return { changes: () => [put(KIND, orgId, keyId, stored, value)] };
    },
    reply,
    ...(unchanged && { unchanged: async () => unchanged(await findKey(core, orgId, keyId)) }),
  });
  core.keyChanges.note(keyId);
  return answer;
}

/** `orgId` '' where only the id is known. */
async function findKey(core: Core, orgId: string, keyId: string): Promise<StoredKey> {
  const located = orgId === '' ? await core.ledger.get('locator', '', keyId) : undefined;
  const owner = located?.value.org_id ?? orgId;
  const found = await core.ledger.get(KIND, owner, keyId);
  if (found !== undefined) return found;
  const text = `API key ${JSON.stringify(keyId)} is not known`;
  throw new Refusal('NOT_FOUND', 'API_KEY_NOT_FOUND', text);
}

function checkKeyCall(orgId: string, keyId: string, faults: Faults): void {
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  checkId(keyId, 'key_id', faults);
}

function overlapOf({ overlap }: RotateApiKeyRequest, faults: Faults): number {
  if (overlap?.seconds === 0n && overlap.nanos === 0) return 0;
  const bounds = { fallbackMs: limits.keyOverlapMs, maxMs: limits.keyOverlapMaxMs };
  return parseDuration(overlap, 'overlap', bounds, faults);
}

async function refuseIfMany(core: Core, orgId: string, atMs: EpochMs): Promise<void> {
  const scope = orgId === '' ? {} : { orgId };
  const all = await listAll(core.ledger, { kind: KIND, ...scope });
  const live = all.filter((each) => each.orgId === orgId && isLive(each.value, atMs));
  if (live.length < limits.apiKeysPerOrg) return;
  const text = `there are ${limits.apiKeysPerOrg} keys already: revoke some`;
  throw new Refusal('FAILED_PRECONDITION', 'API_KEYS_EXHAUSTED', text);
}

function keyEnded(keyId: string): Refusal {
  const text = `API key "${keyId}" is revoked or has expired: make a new one`;
  return new Refusal('FAILED_PRECONDITION', 'API_KEY_ENDED', text);
}

function replyOf(changed: Committed): RevokeApiKeyResponse {
  const stored = changed.first(KIND);
  return { apiKey: stored && toApiKey(stored) };
}

/** A repeat has made nothing, and what the first one made is not known any more. */
function replyWithSecret(changed: Committed, { text, secret }: KeyText): CreateApiKeyResponse {
  const isOwn = changed.first(KIND)?.value.secret === secret;
  return { ...replyOf(changed), secret: isOwn ? text : '' };
}
