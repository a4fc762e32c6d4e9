// VoidEvent, AmendEvent. A correction is a record of the ledger, so it is one transaction, in the
// audit trail, and idempotent like any other; the event in the place of an amended one stands right
// before it in the same batch.

import type { Correction } from '../../../generated/ts/tollgate/v1/correction.js';
import type {
  AmendEventRequest,
  AmendEventResponse,
  VoidEventRequest,
  VoidEventResponse,
} from '../../../generated/ts/tollgate/v1/correction_service.js';
import { add, formatDecimal } from '../../base/decimal.js';
import type { Sequence } from '../../base/units.js';
import type {
  CorrectionEffectDocument,
  CorrectionRecord,
} from '../../domain/metering/correction.js';
import { usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { RecordEntry } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import type { Change, Changed } from '../../ledger/ledger.js';
import { CORRECTION } from '../../state/apply-correction.js';
import { eventIdKey } from '../../state/id-key.js';
import { madeBy } from '../caller.js';
import { checkRequestId, create, identified, requestReused } from '../change.js';
import { checkEvent, type Recordable } from '../check-event.js';
import { checkReason } from '../checks.js';
import {
  type Answer,
  advisory,
  type Core,
  catalogueOf,
  refuseIfFull,
  refuseIfUnable,
} from '../core.js';
import {
  beginEstimate,
  estimateRemoval,
  intendedBy,
  marginalAmount,
  toAmount,
} from '../estimate-amount.js';
import { type ParsedEvent, parseEvent } from '../event.js';
import { checkEventId, checkOrgId, createFaults, refuseFaults, toTimestamp } from '../parse.js';
import { countRejection, refusalOf } from '../record.js';
import { recordEvent } from '../record-event.js';
import { invalidField, Refusal } from '../refusal.js';
import { beginRemoval } from './removal.js';

export async function voidEvent(
  core: Core,
  request: VoidEventRequest,
): Promise<Answer<VoidEventResponse>> {
  const faults = createFaults();
  checkOrgId(request.orgId, 'org_id', faults);
  checkEventId(request.eventId, 'event_id', faults);
  checkReason(request.reason, 1, faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return correct(core, 'events.void', request, undefined);
}

export async function amendEvent(
  core: Core,
  request: AmendEventRequest,
): Promise<Answer<AmendEventResponse>> {
  const { replacement } = request;
  if (replacement === undefined) throw invalidField('replacement', 'is required');
  const faults = createFaults();
  checkOrgId(request.orgId, 'org_id', faults);
  checkEventId(request.eventId, 'event_id', faults);
  checkReason(request.reason, 1, faults);
  checkRequestId(request.requestId, faults);
  const orgId = replacement.orgId === '' ? request.orgId : replacement.orgId;
  if (orgId !== request.orgId) faults.add('replacement.org_id', 'must be org_id, or empty');
  if (replacement.eventId === request.eventId) {
    faults.add('replacement.event_id', 'must be another one than event_id');
  }
  const parsed = parseEvent({ ...replacement, orgId }, 'replacement', faults);
  refuseFaults(faults);
  return correct(core, 'events.amend', request, parsed);
}

interface Call {
  readonly orgId: string;
  readonly eventId: string;
  readonly reason: string;
  readonly requestId: string;
  readonly validateOnly: boolean;
}

async function correct(
  core: Core,
  action: string,
  call: Call,
  replacement: ParsedEvent | undefined,
): Promise<Answer<{ correction: Correction | undefined }>> {
  refuseIfUnable(core);
  const request = identified(action, call.orgId, call);
  if (request !== undefined && (await core.ledger.isKnown(request.id))) {
    return repeat(core, action, call, request);
  }
  const found = findEvent(core, call);
  const earlier = correctionOf(core, call.orgId, found.sequence);
  if (earlier !== undefined) return again(core, call, earlier, replacement);
  const { entry, sequence, crc } = found;
  const meter = catalogueOf(core).everyMeter.get(entry.meter);
  const account = core.fold.account(call.orgId);
  if (account === undefined) throw notFound(call.eventId);
  const removal = await beginRemoval(core, account, meter, entry, sequence, crc);
  // From here to the commit nothing else runs: what is checked holds.
  if (correctionOf(core, call.orgId, sequence) !== undefined) {
    return correct(core, action, call, replacement);
  }
  const nowMs = core.clock.wallMs();
  const checked = replacement && checkReplacement(core, call, entry, replacement, nowMs);
  const effect = effectOf(core, entry, checked);
  if (call.validateOnly) {
    const record = {
      ...removal.finish(),
      ...replacedBy(checked, 0),
      reason: call.reason,
      at_ms: nowMs,
      effect,
    };
    return advisory({ correction: toCorrection(record, 0) });
  }
  refuseIfFull(core, 'ordinary');
  const recorded = checked && recordEvent(core, checked, '');
  // After it: what is left where the event was has the one in its place.
  const record: CorrectionRecord = {
    ...removal.finish(),
    ...replacedBy(checked, recorded?.sequence ?? 0),
    reason: call.reason,
    at_ms: nowMs,
    effect,
  };
  const changes: Change[] = [create(CORRECTION, call.orgId, `${sequence}`, record)];
  if (recorded !== undefined) {
    const amendment = { event_id: entry.eventId };
    changes.push(create('amendment', call.orgId, `${recorded.sequence}`, amendment));
  }
  const { orgId, reason } = call;
  const common = { atMs: nowMs, ...madeBy(core), action, orgId, reason, request };
  const outcome = await core.ledger.commit({ ...common, changes: () => changes });
  if (outcome.kind !== 'committed') throw new Error(`a correction was ${outcome.kind}`);
  const correction = toCorrection(record, outcome.sequence);
  return { reply: { correction }, after: outcome.sequence };
}

function replacedBy(checked: Recordable | undefined, sequence: Sequence) {
  return { replacement_id: checked?.eventId ?? '', replacement_sequence: sequence };
}

interface Found {
  readonly entry: RecordEntry;
  readonly sequence: Sequence;
  readonly crc: number;
}

function findEvent(core: Core, { orgId, eventId }: Call): Found {
  const found = core.indexes.findId(eventIdKey(orgId, eventId));
  if (found === undefined) throw notFound(eventId);
  const { sequence } = found;
  const { body, crc } = core.journal.read(sequence);
  const entry = decodeEntry(body);
  if (entry.kind !== 'record') throw notFound(eventId);
  return { entry, sequence, crc };
}

function correctionOf(core: Core, orgId: string, sequence: Sequence): CorrectionRecord | undefined {
  const record = core.fold.records.get(CORRECTION, orgId, `${sequence}`);
  return record && (JSON.parse(record.value) as CorrectionRecord);
}

/** A second try at what is done already. */
function again(
  core: Core,
  call: Call,
  earlier: CorrectionRecord,
  replacement: ParsedEvent | undefined,
): Answer<{ correction: Correction | undefined }> {
  const { replacement_id: by } = earlier;
  const isSame =
    replacement === undefined
      ? by === ''
      : replacement.eventId !== '' && replacement.eventId === by;
  if (isSame && isSameBody(core, earlier, replacement)) {
    const { event_sequence } = earlier;
    const sequence = core.fold.records.sequence(CORRECTION, call.orgId, `${event_sequence}`);
    const correction = toCorrection(earlier, sequence);
    return { reply: { correction }, after: core.journal.lastSequence() };
  }
  if (by === '')
    throw refused('EVENT_VOIDED', `event "${call.eventId}" was voided: record a new one`);
  const text = `event "${call.eventId}" was amended by "${by}": correct that one`;
  throw refused('EVENT_AMENDED', text, { event_id: by });
}

function isSameBody(
  core: Core,
  { replacement_sequence: sequence }: CorrectionRecord,
  replacement: ParsedEvent | undefined,
): boolean {
  if (replacement === undefined) return true;
  const entry = decodeEntry(core.journal.read(sequence).body);
  return entry.kind === 'record' && entry.fingerprint === replacement.fingerprint;
}

async function repeat(
  core: Core,
  action: string,
  call: Call,
  request: NonNullable<ReturnType<typeof identified>>,
): Promise<Answer<{ correction: Correction | undefined }>> {
  const { orgId, reason } = call;
  const common = { atMs: core.clock.wallMs(), ...madeBy(core), action, orgId, reason, request };
  const outcome = await core.ledger.commit({ ...common, changes: () => [] });
  if (outcome.kind === 'request_reused') throw requestReused(call.requestId);
  if (outcome.kind !== 'repeated') throw new Error(`a repeated correction was ${outcome.kind}`);
  const own = outcome.changed.find(({ kind }: Changed) => kind === CORRECTION);
  const record = own?.value as CorrectionRecord;
  const correction = toCorrection(record, outcome.sequence);
  return { reply: { correction }, after: outcome.sequence };
}

function checkReplacement(
  core: Core,
  call: Call,
  entry: RecordEntry,
  replacement: ParsedEvent,
  nowMs: number,
): Recordable {
  const eventTimeMs = replacement.eventTimeMs ?? entry.eventTimeMs;
  const options = { enforce: false, nowMs, noOlderThanMs: entry.eventTimeMs };
  const verdict = checkEvent(core, { ...replacement, eventTimeMs }, options);
  switch (verdict.kind) {
    case 'recordable':
      return verdict;
    case 'rejected':
      countRejection(core, verdict);
      throw refusalOf(verdict);
    case 'duplicate': {
      const text = `event_id ${JSON.stringify(replacement.eventId)} is that of another event`;
      throw new Refusal('ALREADY_EXISTS', 'EVENT_ID_REUSED', text);
    }
    case 'denied':
      throw new Error(`the replacement of "${call.eventId}" was denied without being enforced`);
  }
}

/** As of now: invoices rate whole periods. */
function effectOf(
  core: Core,
  entry: RecordEntry,
  checked: Recordable | undefined,
): CorrectionEffectDocument {
  const account = core.fold.account(entry.orgId);
  const { terms, document } = core.terms.of(entry.orgId, core.clock.wallMs());
  const closedToMs = account?.organisation.closedToMs ?? 0;
  const isInvoiced = entry.eventTimeMs < closedToMs;
  const difference = differenceOf(core, entry, checked);
  const period = usagePeriodAt(document, entry.eventTimeMs);
  return {
    period_invoiced: isInvoiced,
    invoice_id: isInvoiced ? billedBy(core, entry.orgId, period.startMs) : '',
    estimated_amount_difference: difference,
    currency: difference === '' ? '' : terms.plan.currency,
  };
}

function differenceOf(core: Core, entry: RecordEntry, checked: Recordable | undefined): string {
  const account = core.fold.account(entry.orgId);
  const meter = catalogueOf(core).everyMeter.get(entry.meter);
  const nowMs = core.clock.wallMs();
  const terms = core.terms.of(entry.orgId, nowMs);
  const less = account && meter && estimateRemoval(core, account, terms, meter, entry);
  if (less === undefined) return '';
  if (checked === undefined) return formatDecimal(less);
  const estimate = beginEstimate(core, account, terms, nowMs);
  return formatDecimal(add(less, toAmount(marginalAmount(estimate, intendedBy(checked.request)))));
}

function billedBy(core: Core, orgId: string, startMs: number): string {
  const record = core.fold.records.get('usage_period', orgId, `${startMs}`);
  if (record === undefined) return '';
  const { bills } = JSON.parse(record.value) as { bills: { invoice_id: string }[] };
  return bills[0]?.invoice_id ?? '';
}

function toCorrection(record: CorrectionRecord, sequence: Sequence): Correction {
  const { effect } = record;
  return {
    orgId: record.org_id,
    eventId: record.event_id,
    originalSequence: BigInt(record.event_sequence),
    correctionSequence: BigInt(sequence),
    replacementSequence: BigInt(record.replacement_sequence),
    replacementEventId: record.replacement_id,
    reason: record.reason,
    correctTime: sequence === 0 ? undefined : toTimestamp(record.at_ms),
    effect: {
      periodInvoiced: effect.period_invoiced,
      invoiceId: effect.invoice_id,
      estimatedAmountDifference: effect.estimated_amount_difference,
      currency: effect.currency,
    },
  };
}

function notFound(eventId: string): Refusal {
  const text = `event ${JSON.stringify(eventId)} is not known to this organisation`;
  return new Refusal('NOT_FOUND', 'EVENT_NOT_FOUND', text);
}

function refused(reason: string, text: string, metadata: Record<string, string> = {}): Refusal {
  return new Refusal('FAILED_PRECONDITION', reason, text, { metadata });
}
