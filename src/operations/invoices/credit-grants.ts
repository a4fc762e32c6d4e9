// Credit grants: money that an organisation uses up on later invoices.

import {
  type CreditGrant,
  CreditGrantState,
} from '../../../generated/ts/tollgate/v1/credit_grant.js';
import type {
  CreateCreditGrantRequest,
  CreateCreditGrantResponse,
  GetCreditBalanceRequest,
  GetCreditBalanceResponse,
  ListCreditGrantsRequest,
  ListCreditGrantsResponse,
  VoidCreditGrantRequest,
  VoidCreditGrantResponse,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import type { EpochMs } from '../../base/units.js';
import type { CreditGrantRecord } from '../../domain/invoicing/credit.js';
import { isUsable } from '../../domain/invoicing/use-credit.js';
import { formatMinor, isCurrency } from '../../domain/pricing/money.js';
import type { Stored } from '../../ledger/ledger.js';
import { organisationNotFound } from '../billing/terms-change.js';
import { timeOf } from '../billing/to-invoice.js';
import { change, checkEtag, checkRequestId, create, etagOf, put } from '../change.js';
import { checkReason, checkText } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { listAll, nextToken, pagingOf } from '../paging.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { parseMinor, refusal } from './parts.js';

const KIND = 'credit_grant';
const PRIORITY = 50;

export async function createCreditGrant(
  core: Core,
  request: CreateCreditGrantRequest,
): Promise<Answer<CreateCreditGrantResponse>> {
  const { creditGrant: given } = request;
  if (given === undefined) throw invalidField('credit_grant', 'is required');
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const { orgId } = given;
  const read = readGrant(core, given, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'credit_grants.create',
    orgId,
    reason: given.reason,
    request,
    async plan(atMs) {
      if ((await core.ledger.get('organization', '', orgId)) === undefined) {
        throw organisationNotFound(orgId);
      }
      const id = `cg_${core.ids.uuid(atMs)}`;
      const times = { created_ms: atMs, updated_ms: atMs };
      const value = { ...read, credit_grant_id: id, ...times };
      const effective_ms = read.effective_ms || atMs;
      return { changes: () => [create(KIND, orgId, id, { ...value, effective_ms })] };
    },
    reply(changed) {
      const stored = changed.first(KIND);
      return { creditGrant: stored && toGrant(stored, core.clock.wallMs()) };
    },
  });
}

function readGrant(
  core: Core,
  given: CreditGrant,
  faults: Faults,
): Omit<CreditGrantRecord, 'credit_grant_id' | 'created_ms' | 'updated_ms'> {
  checkOrgId(given.orgId, 'credit_grant.org_id', faults);
  checkText(given.reason, 'credit_grant.reason', { min: 1, max: 256 }, faults);
  const known = isCurrency(given.currency);
  if (!known) faults.add('credit_grant.currency', 'must be an ISO 4217 code such as USD');
  const currency = known ? given.currency : 'USD';
  const amount = parseMinor(given.amount, currency, 'credit_grant.amount', 'positive', faults);
  const priority = given.priority ?? PRIORITY;
  if (priority < 0 || priority > 100) faults.add('credit_grant.priority', 'must be 0 to 100');
  const effectiveMs = parseTime(given.effectiveTime, 'credit_grant.effective_time', faults);
  const expireMs = parseTime(given.expireTime, 'credit_grant.expire_time', faults);
  if (expireMs !== undefined && expireMs <= (effectiveMs ?? core.clock.wallMs())) {
    faults.add('credit_grant.expire_time', 'must be after effective_time');
  }
  return {
    org_id: given.orgId,
    currency,
    amount: `${amount}`,
    balance: `${amount}`,
    priority,
    effective_ms: effectiveMs ?? 0,
    expire_ms: expireMs ?? null,
    reason: given.reason,
    invoice_id: '',
    credit_note_id: '',
    void_ms: null,
  };
}

export async function listCreditGrants(
  core: Core,
  request: ListCreditGrantsRequest,
): Promise<Answer<ListCreditGrantsResponse>> {
  const { orgId, currency, state } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  const list = `credit_grants/${orgId}/${currency}/${state}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const where = currency === '' ? {} : { where: { currency: [currency] } };
  const page = await core.ledger.list({ kind: KIND, orgId, order: 'newest', ...paging, ...where });
  const nowMs = core.clock.wallMs();
  const all = page.records.map((each) => toGrant(each, nowMs));
  const any = state === CreditGrantState.CREDIT_GRANT_STATE_UNSPECIFIED;
  const creditGrants = any ? all : all.filter((grant) => grant.state === state);
  const reply = { creditGrants, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

export async function voidCreditGrant(
  core: Core,
  request: VoidCreditGrantRequest,
): Promise<Answer<VoidCreditGrantResponse>> {
  const { orgId, creditGrantId: id, reason, etag } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  checkId(id, 'credit_grant_id', faults);
  checkReason(reason, 1, faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'credit_grants.void',
    orgId,
    reason,
    etag,
    request,
    async plan(atMs) {
      const stored = await core.ledger.get(KIND, orgId, id);
      if (stored === undefined) throw notFound(id);
      checkEtag(etag, stored);
      const state = stateOf(stored.value, atMs);
      const { CREDIT_GRANT_STATE_PENDING, CREDIT_GRANT_STATE_ACTIVE } = CreditGrantState;
      if (state !== CREDIT_GRANT_STATE_PENDING && state !== CREDIT_GRANT_STATE_ACTIVE) {
        throw refusal('CREDIT_GRANT_ENDED', 'nothing is left of it, or it has ended');
      }
      const value = { ...stored.value, balance: '0', void_ms: atMs, updated_ms: atMs };
      return { changes: () => [put(KIND, orgId, id, stored, value)] };
    },
    reply(changed) {
      const stored = changed.first(KIND);
      return { creditGrant: stored && toGrant(stored, core.clock.wallMs()) };
    },
  });
}

export async function getCreditBalance(
  core: Core,
  { orgId, currency }: GetCreditBalanceRequest,
): Promise<Answer<GetCreditBalanceResponse>> {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  if (currency !== '' && !isCurrency(currency)) {
    faults.add('currency', 'must be an ISO 4217 code such as USD');
  }
  refuseFaults(faults);
  const nowMs = core.clock.wallMs();
  const grants = (await listAll(core.ledger, { kind: KIND, orgId })).map(({ value }) => value);
  const currencies = currency === '' ? grants.map((grant) => grant.currency) : [currency];
  const balances = [...new Set(currencies)].sort().map((each) => {
    const usable = grants.filter((grant) => isUsable(grant, each, nowMs));
    const ending = usable.filter(({ expire_ms }) => expire_ms !== null);
    const nextMs = Math.min(...ending.map(({ expire_ms }) => expire_ms ?? Infinity));
    const next = ending.filter(({ expire_ms }) => expire_ms === nextMs);
    return {
      currency: each,
      balance: formatMinor(sum(usable), each),
      nextExpiringAmount: next.length === 0 ? '' : formatMinor(sum(next), each),
      nextExpireTime: next.length === 0 ? undefined : toTimestamp(nextMs),
    };
  });
  return { reply: { balances }, after: core.journal.lastSequence() };
}

function sum(grants: readonly CreditGrantRecord[]): bigint {
  return grants.reduce((total, { balance }) => total + BigInt(balance), 0n);
}

function stateOf(grant: CreditGrantRecord, nowMs: EpochMs): CreditGrantState {
  if (grant.void_ms !== null) return CreditGrantState.CREDIT_GRANT_STATE_VOID;
  if (grant.expire_ms !== null && grant.expire_ms <= nowMs) {
    return CreditGrantState.CREDIT_GRANT_STATE_EXPIRED;
  }
  if (grant.balance === '0') return CreditGrantState.CREDIT_GRANT_STATE_EXHAUSTED;
  if (grant.effective_ms > nowMs) return CreditGrantState.CREDIT_GRANT_STATE_PENDING;
  return CreditGrantState.CREDIT_GRANT_STATE_ACTIVE;
}

function toGrant(stored: Stored<typeof KIND>, nowMs: EpochMs): CreditGrant {
  const { value } = stored;
  return {
    creditGrantId: value.credit_grant_id,
    orgId: value.org_id,
    amount: formatMinor(BigInt(value.amount), value.currency),
    balance: formatMinor(BigInt(value.balance), value.currency),
    currency: value.currency,
    priority: value.priority,
    effectiveTime: toTimestamp(value.effective_ms),
    expireTime: timeOf(value.expire_ms),
    reason: value.reason,
    state: stateOf(value, nowMs),
    creditNoteId: value.credit_note_id,
    invoiceId: value.invoice_id,
    etag: etagOf(stored),
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
  };
}

function notFound(id: string): Refusal {
  const text = `credit grant ${JSON.stringify(id)} is not known to this organisation`;
  return new Refusal('NOT_FOUND', 'CREDIT_GRANT_NOT_FOUND', text);
}
