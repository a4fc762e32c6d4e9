// CatalogService, meters: what is measured. What the events of a meter mean never changes.

import type {
  ArchiveMeterRequest,
  ArchiveMeterResponse,
  CreateMeterRequest,
  CreateMeterResponse,
  GetMeterRequest,
  GetMeterResponse,
  ListMetersRequest,
  ListMetersResponse,
  UpdateMeterRequest,
  UpdateMeterResponse,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import { type Meter, UnpricedPolicy } from '../../../generated/ts/tollgate/v1/meter.js';
import { present } from '../../base/assert.js';
import type { MeterDocument } from '../../domain/plans/document.js';
import { checkRequestId } from '../change.js';
import type { Answer, Core } from '../core.js';
import { fieldsOf } from '../field-mask.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkMeter, createFaults, refuseFaults } from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { readMeter } from './from-meter.js';
import { archiveHead, find, type Kind, makeHead, refuseIfMany, updateHead } from './heads.js';
import {
  refuseNamedMeter,
  refuseOverriddenMeter,
  refusePricedKeys,
  refuseSoldKeys,
} from './in-use.js';
import { listHeads } from './lists.js';
import { toMeter, toMeterFields } from './to-catalogue.js';

/** By their names in the contract. */
const CHANGEABLE = [
  'unit',
  'source_keys',
  'rollup_keys',
  'label_sets_max',
  'late_policy',
  'unpriced_policy',
  'unpriced_amount',
] as const;

const METER: Kind<MeterDocument> = {
  name: 'meter',
  read: (core, key) => core.ledger.get('meter', '', key),
  written: (changed) => changed.first('meter'),
  notFound: (key) => meterNotFound(`meter "${key}" is not in the catalogue`),
};

export function createMeter(
  core: Core,
  request: CreateMeterRequest,
): Promise<Answer<CreateMeterResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.meter);
  const document = readMeter(given, faults);
  refuseFaults(faults);
  const { key: id } = given;
  return makeHead(core, {
    kind: METER,
    id,
    orgId: '',
    action: 'meters.create',
    request,
    document: present(document, 'the meter without a fault'),
    async before() {
      const stored = await METER.read(core, id);
      if (stored !== undefined || core.fold.meterKind(id) !== undefined) throw exists(id);
    },
    check: ({ meters }) => refuseIfMany(meters, 'meters'),
    reply: (stored) => ({ meter: toMeter(stored) }),
  });
}

export async function getMeter(
  core: Core,
  { meter }: GetMeterRequest,
): Promise<Answer<GetMeterResponse>> {
  checkKey(meter);
  const stored = await find(core, METER, meter);
  return { reply: { meter: toMeter(stored) }, after: core.journal.lastSequence() };
}

export async function listMeters(
  core: Core,
  request: ListMetersRequest,
): Promise<Answer<ListMetersResponse>> {
  const faults = createFaults();
  const { includeArchived } = request;
  const list = `meters/${includeArchived}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const page = await listHeads(
    (at) => core.ledger.list({ kind: 'meter', order: 'oldest', ...at }),
    paging,
    ({ value }) => includeArchived || !value.archived,
  );
  const reply = { meters: page.records.map(toMeter), nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

export function updateMeter(
  core: Core,
  request: UpdateMeterRequest,
): Promise<Answer<UpdateMeterResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.meter);
  checkMeter(given.key, 'meter.key', faults);
  const fields = fieldsOf(request.updateMask, CHANGEABLE, faults);
  refuseFaults(faults);
  return updateHead(core, {
    kind: METER,
    id: given.key,
    action: 'meters.update',
    request,
    etag: request.etag,
    archived,
    async next(before) {
      const document = merged(before, given, fields);
      const gone = before.rollup_keys.filter((key) => !document.rollup_keys.includes(key));
      if (gone.length > 0) await refuseSoldKeys(core, given.key, new Set(gone));
      return document;
    },
    check(objects, document) {
      const before = objects.meters.get(given.key)?.document.rollup_keys ?? [];
      const gone = before.filter((key) => !document.rollup_keys.includes(key));
      refusePricedKeys(objects, given.key, new Set(gone));
    },
    reply: (stored) => ({ meter: toMeter(stored) }),
  });
}

export function archiveMeter(
  core: Core,
  request: ArchiveMeterRequest,
): Promise<Answer<ArchiveMeterResponse>> {
  const { meter, etag } = request;
  const faults = createFaults();
  checkMeter(meter, 'meter', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return archiveHead(core, {
    kind: METER,
    id: meter,
    action: 'meters.archive',
    request,
    etag,
    before: (atMs) => refuseOverriddenMeter(core, meter, atMs),
    check: (objects) => refuseNamedMeter(objects, meter),
    reply: (stored) => ({ meter: toMeter(stored) }),
  });
}

export function meterNotFound(text: string): Refusal {
  return new Refusal('NOT_FOUND', 'METER_NOT_FOUND', text);
}

/** The meter as the call wants it: `fields` are the call's, all others as they are. */
function merged(before: MeterDocument, given: Meter, fields: ReadonlySet<string>): MeterDocument {
  const now = toMeterFields(before);
  const has = (field: (typeof CHANGEABLE)[number]) => fields.has(field);
  const unpricedPolicy = has('unpriced_policy') ? given.unpricedPolicy : now.unpricedPolicy;
  const isAmount = unpricedPolicy === UnpricedPolicy.UNPRICED_POLICY_DEFAULT_AMOUNT;
  const keptAmount = isAmount ? now.unpricedAmount : '';
  const faults = createFaults();
  const document = readMeter(
    {
      ...now,
      unit: has('unit') ? given.unit : now.unit,
      sourceKeys: has('source_keys') ? given.sourceKeys : now.sourceKeys,
      rollupKeys: has('rollup_keys') ? given.rollupKeys : now.rollupKeys,
      labelSetsMax: has('label_sets_max') ? given.labelSetsMax : now.labelSetsMax,
      latePolicy: has('late_policy') ? given.latePolicy : now.latePolicy,
      unpricedPolicy,
      unpricedAmount: has('unpriced_amount') ? given.unpricedAmount : keptAmount,
    },
    faults,
  );
  refuseFaults(faults);
  return present(document, 'the meter without a fault');
}

function required(meter: Meter | undefined): Meter {
  if (meter === undefined) throw invalidField('meter', 'is required');
  return meter;
}

function checkKey(meter: string): void {
  const faults = createFaults();
  checkMeter(meter, 'meter', faults);
  refuseFaults(faults);
}

function exists(key: string): Refusal {
  const text = `meter "${key}" is there already, perhaps archived: take another key`;
  return new Refusal('ALREADY_EXISTS', 'METER_EXISTS', text);
}

function archived(key: string): Refusal {
  const text = `meter "${key}" is archived`;
  return new Refusal('FAILED_PRECONDITION', 'METER_ARCHIVED', text);
}
