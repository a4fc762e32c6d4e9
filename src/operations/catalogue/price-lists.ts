// CatalogService, price lists: the default prices of a currency.

import type {
  ArchivePriceListRequest,
  ArchivePriceListResponse,
  CreatePriceListRequest,
  CreatePriceListResponse,
  GetPriceListRequest,
  GetPriceListResponse,
  ListPriceListsRequest,
  ListPriceListsResponse,
  UpdatePriceListRequest,
  UpdatePriceListResponse,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import type { PriceList } from '../../../generated/ts/tollgate/v1/price_list.js';
import { present } from '../../base/assert.js';
import type { PriceDocument, PriceListDocument } from '../../domain/plans/document.js';
import { isCurrency } from '../../domain/pricing/money.js';
import { checkPrices } from '../../seed/checks.js';
import type { Placed } from '../../seed/problem.js';
import { checkRequestId } from '../change.js';
import type { Answer, Core } from '../core.js';
import { fieldsOf } from '../field-mask.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkId, createFaults, refuseFaults } from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { readPriceListMessage } from './from-plan.js';
import { archiveHead, find, type Kind, makeHead, refuseIfMany, updateHead } from './heads.js';
import { listHeads } from './lists.js';
import { fieldText } from './message-tree.js';
import { type CatalogueObjects, inUse, usableMeters } from './objects.js';
import { toPriceList } from './to-catalogue.js';

const PRICE_LIST: Kind<PriceListDocument> = {
  name: 'price_list',
  read: (core, id) => core.ledger.get('price_list', '', id),
  written: (changed) => changed.first('price_list'),
  notFound(id) {
    const text = `price list "${id}" is not in the catalogue`;
    return new Refusal('NOT_FOUND', 'PRICE_LIST_NOT_FOUND', text);
  },
};

export function createPriceList(
  core: Core,
  request: CreatePriceListRequest,
): Promise<Answer<CreatePriceListResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.priceList);
  const { document, prices } = readPriceListMessage(given, faults);
  refuseFaults(faults);
  const { priceListId: id, currency } = given;
  return makeHead(core, {
    kind: PRICE_LIST,
    id,
    orgId: '',
    action: 'price_lists.create',
    request,
    document: present(document, 'the price list without a fault'),
    async before() {
      if ((await PRICE_LIST.read(core, id)) !== undefined) throw exists(id);
    },
    check(objects) {
      refuseIfMany(objects.priceLists, 'priceLists');
      refuseSecondList(objects, currency);
      refuseBadPrices(objects, prices);
    },
    reply: (stored) => ({ priceList: toPriceList(stored) }),
  });
}

export async function getPriceList(
  core: Core,
  { priceListId }: GetPriceListRequest,
): Promise<Answer<GetPriceListResponse>> {
  const faults = createFaults();
  checkId(priceListId, 'price_list_id', faults);
  refuseFaults(faults);
  const stored = await find(core, PRICE_LIST, priceListId);
  return { reply: { priceList: toPriceList(stored) }, after: core.journal.lastSequence() };
}

export async function listPriceLists(
  core: Core,
  request: ListPriceListsRequest,
): Promise<Answer<ListPriceListsResponse>> {
  const faults = createFaults();
  const { currency, includeArchived } = request;
  if (currency !== '' && !isCurrency(currency)) {
    faults.add('currency', 'must be an ISO 4217 code such as USD');
  }
  const list = `price_lists/${currency}/${includeArchived}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const page = await listHeads(
    (at) => core.ledger.list({ kind: 'price_list', order: 'oldest', ...at }),
    paging,
    ({ value: { document, archived: ended } }) =>
      (includeArchived || !ended) && (currency === '' || document.currency === currency),
  );
  const priceLists = page.records.map(toPriceList);
  const reply = { priceLists, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

/** Its prices are all that can change. */
export function updatePriceList(
  core: Core,
  request: UpdatePriceListRequest,
): Promise<Answer<UpdatePriceListResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.priceList);
  fieldsOf(request.updateMask, ['prices'], faults);
  const { prices, document } = readPriceListMessage({ ...given, currency: 'USD' }, faults);
  refuseFaults(faults);
  const read = present(document, 'the price list without a fault');
  return updateHead(core, {
    kind: PRICE_LIST,
    id: given.priceListId,
    action: 'price_lists.update',
    request,
    etag: request.etag,
    archived,
    next: async (before) => ({ ...before, prices: read.prices }),
    check: (objects) => refuseBadPrices(objects, prices),
    reply: (stored) => ({ priceList: toPriceList(stored) }),
  });
}

export function archivePriceList(
  core: Core,
  request: ArchivePriceListRequest,
): Promise<Answer<ArchivePriceListResponse>> {
  const { priceListId: id, etag } = request;
  const faults = createFaults();
  checkId(id, 'price_list_id', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return archiveHead(core, {
    kind: PRICE_LIST,
    id,
    action: 'price_lists.archive',
    request,
    etag,
    reply: (stored) => ({ priceList: toPriceList(stored) }),
  });
}

function refuseBadPrices(
  objects: CatalogueObjects,
  prices: readonly Placed<PriceDocument>[],
): void {
  const faults = createFaults();
  const meters = usableMeters(objects);
  checkPrices(prices, meters, (at, rule) => faults.add(fieldText(at), rule));
  refuseFaults(faults);
}

function refuseSecondList({ priceLists }: CatalogueObjects, currency: string): void {
  const other = inUse(priceLists).find((list) => list.currency === currency);
  if (other === undefined) return;
  const rule = `one list per currency: this currency is already that of "${other.id}"`;
  throw invalidField('price_list.currency', rule);
}

function required(priceList: PriceList | undefined): PriceList {
  if (priceList === undefined) throw invalidField('price_list', 'is required');
  return priceList;
}

function exists(id: string): Refusal {
  const text = `price list "${id}" is there already, perhaps archived: take another id`;
  return new Refusal('ALREADY_EXISTS', 'PRICE_LIST_EXISTS', text);
}

function archived(id: string): Refusal {
  const text = `price list "${id}" is archived`;
  return new Refusal('FAILED_PRECONDITION', 'PRICE_LIST_ARCHIVED', text);
}
