// Webhook endpoints: where notifications are sent, and the secrets that sign them.

import { randomBytes } from 'node:crypto';
import type {
  CreateWebhookEndpointRequest,
  CreateWebhookEndpointResponse,
  DeleteWebhookEndpointRequest,
  DeleteWebhookEndpointResponse,
  GetWebhookEndpointRequest,
  GetWebhookEndpointResponse,
  ListWebhookEndpointsRequest,
  ListWebhookEndpointsResponse,
  RotateWebhookSecretRequest,
  RotateWebhookSecretResponse,
  UpdateWebhookEndpointRequest,
  UpdateWebhookEndpointResponse,
} from '../../../generated/ts/tollgate/v1/notification_service.js';
import type { WebhookEndpoint } from '../../../generated/ts/tollgate/v1/webhook_endpoint.js';
import type { DurationMs } from '../../base/units.js';
import {
  NOTIFICATION_TYPES,
  type WebhookEndpointRecord,
} from '../../domain/notifications/document.js';
import { disabledAfter, enabledAfter } from '../../domain/notifications/enabled.js';
import { rotated, secretText } from '../../domain/notifications/signature.js';
import type { Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { recordsOf } from '../../state/records.js';
import {
  type Committed,
  change,
  checkEtag,
  checkRequestId,
  create,
  put,
  remove,
} from '../change.js';
import { checkText } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { fieldsOf } from '../field-mask.js';
import { nextToken, pagingOf } from '../paging.js';
import {
  checkId,
  createFaults,
  type Faults,
  parseDuration,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { checkUrl } from './check-url.js';
import { toEndpoint } from './to-endpoint.js';

const KIND = 'webhook_endpoint';
const LIST = 'webhook_endpoints';
const CHANGEABLE = ['url', 'event_types', 'description', 'disabled'] as const;
const SECRET_BYTES = 32;

export function createWebhookEndpoint(
  core: Core,
  request: CreateWebhookEndpointRequest,
): Promise<Answer<CreateWebhookEndpointResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.endpoint);
  if (given.endpointId !== '') checkId(given.endpointId, 'endpoint.endpoint_id', faults);
  const fields = read(given, new Set(CHANGEABLE), faults);
  refuseFaults(faults);
  return change(core, {
    action: 'webhook_endpoints.create',
    orgId: '',
    request,
    async plan(atMs) {
      const id = given.endpointId || `we_${core.ids.uuid(atMs)}`;
      const known = await core.ledger.get(KIND, '', id);
      if (known !== undefined) throw exists(id);
      const secrets = [{ secret: newSecret(), expire_ms: null }];
      const times = { created_ms: atMs, updated_ms: atMs };
      return {
        changes() {
          refuseIfMany(core);
          const last = core.journal.lastSequence();
          const spans = fields.disabled ? [] : enabledAfter([], last, 0);
          const made = { endpoint_id: id, secrets, made_after: last, spans, ...times };
          return [create(KIND, '', id, { ...fields, ...made })];
        },
      };
    },
    reply: (changed) => ({ ...replyOf(changed), secret: latestSecret(changed) }),
  });
}

export async function getWebhookEndpoint(
  core: Core,
  { endpointId }: GetWebhookEndpointRequest,
): Promise<Answer<GetWebhookEndpointResponse>> {
  const faults = createFaults();
  checkId(endpointId, 'endpoint_id', faults);
  refuseFaults(faults);
  const reply = { endpoint: toEndpoint(await findEndpoint(core, endpointId)) };
  return { reply, after: core.journal.lastSequence() };
}

export async function listWebhookEndpoints(
  core: Core,
  request: ListWebhookEndpointsRequest,
): Promise<Answer<ListWebhookEndpointsResponse>> {
  const faults = createFaults();
  const paging = pagingOf(request, LIST, faults);
  refuseFaults(faults);
  const page = await core.ledger.list({ kind: KIND, order: 'oldest', ...paging });
  const endpoints = page.records.map(toEndpoint);
  const reply = { endpoints, nextPageToken: nextToken(LIST, page) };
  return { reply, after: core.journal.lastSequence() };
}

export function updateWebhookEndpoint(
  core: Core,
  request: UpdateWebhookEndpointRequest,
): Promise<Answer<UpdateWebhookEndpointResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.endpoint);
  checkId(given.endpointId, 'endpoint.endpoint_id', faults);
  const named = fieldsOf(request.updateMask, CHANGEABLE, faults);
  const fields = read(given, named, faults);
  refuseFaults(faults);
  const wanted = Object.entries(fields).filter(([field]) => named.has(field));
  const call = { ...request, endpointId: given.endpointId };
  return changeOne(core, 'webhook_endpoints.update', call, {
    next: (value) => ({ ...value, ...Object.fromEntries(wanted) }),
    reply: replyOf,
  });
}

export async function deleteWebhookEndpoint(
  core: Core,
  request: DeleteWebhookEndpointRequest,
): Promise<Answer<DeleteWebhookEndpointResponse>> {
  const { endpointId, etag } = request;
  const faults = createFaults();
  checkId(endpointId, 'endpoint_id', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'webhook_endpoints.delete',
    orgId: '',
    request,
    etag,
    async plan() {
      const stored = await findEndpoint(core, endpointId);
      checkEtag(etag, stored);
      return { changes: () => [remove(KIND, stored)] };
    },
    reply: () => ({}),
  });
}

export async function rotateWebhookSecret(
  core: Core,
  request: RotateWebhookSecretRequest,
): Promise<Answer<RotateWebhookSecretResponse>> {
  const faults = createFaults();
  checkId(request.endpointId, 'endpoint_id', faults);
  checkRequestId(request.requestId, faults);
  const overlapMs = overlapOf(request, faults);
  refuseFaults(faults);
  const secret = newSecret();
  return changeOne(core, 'webhook_endpoints.rotate', request, {
    next: (value, atMs) => ({
      ...value,
      secrets: rotated(value.secrets, secret, atMs + overlapMs, atMs),
    }),
    reply(changed) {
      const value = changed.first(KIND)?.value;
      const expireMs = value?.secrets[1]?.expire_ms ?? value?.updated_ms;
      return {
        ...replyOf(changed),
        secret: latestSecret(changed),
        oldSecretExpireTime: expireMs === undefined ? undefined : toTimestamp(expireMs),
      };
    },
  });
}

/** 0 as well. */
function overlapOf({ overlap }: RotateWebhookSecretRequest, faults: Faults): DurationMs {
  if (overlap?.seconds === 0n && overlap.nanos === 0) return 0;
  const bounds = { fallbackMs: limits.webhookOverlapMs, maxMs: limits.webhookOverlapMaxMs };
  return parseDuration(overlap, 'overlap', bounds, faults);
}

interface Call {
  readonly endpointId: string;
  readonly requestId: string;
  readonly etag: string;
}

interface OneChange<Reply> {
  readonly next: (value: WebhookEndpointRecord, atMs: number) => WebhookEndpointRecord;
  readonly reply: (changed: Committed) => Reply;
}

function changeOne<Reply>(
  core: Core,
  action: string,
  call: Call,
  { next, reply }: OneChange<Reply>,
): Promise<Answer<Reply>> {
  const { endpointId: id, etag } = call;
  return change(core, {
    action,
    orgId: '',
    request: call,
    etag,
    async plan(atMs) {
      const stored = await findEndpoint(core, id);
      checkEtag(etag, stored);
      const value = { ...next(stored.value, atMs), updated_ms: atMs };
      const turned = (await core.ledger.get('outbox', '', ''))?.value.sequence ?? 0;
      return {
        changes: () => [put(KIND, '', id, stored, withSpans(core, stored.value, value, turned))],
      };
    },
    reply,
  });
}

/** Called in the same step as the commit: nothing happens between the two. */
function withSpans(
  core: Core,
  before: WebhookEndpointRecord,
  value: WebhookEndpointRecord,
  turned: number,
): WebhookEndpointRecord {
  if (before.disabled === value.disabled) return value;
  const last = core.journal.lastSequence();
  const spans = value.disabled
    ? disabledAfter(before.spans, last, turned)
    : enabledAfter(before.spans, last, turned);
  return { ...value, spans };
}

export async function findEndpoint(core: Core, id: string): Promise<Stored<typeof KIND>> {
  const stored = await core.ledger.get(KIND, '', id);
  if (stored === undefined) throw endpointNotFound(id);
  return stored;
}

export function endpointNotFound(id: string): Refusal {
  const text = `there is no webhook endpoint ${JSON.stringify(id)}`;
  return new Refusal('NOT_FOUND', 'WEBHOOK_ENDPOINT_NOT_FOUND', text);
}

function required(endpoint: WebhookEndpoint | undefined): WebhookEndpoint {
  if (endpoint === undefined) throw invalidField('endpoint', 'is required');
  return endpoint;
}

type Fields = Pick<WebhookEndpointRecord, 'url' | 'event_types' | 'description' | 'disabled'>;

/** Only what is named is checked. */
function read(given: WebhookEndpoint, named: ReadonlySet<string>, faults: Faults): Fields {
  const { url, eventTypes, description, disabled } = given;
  if (named.has('url')) checkUrl(url, 'endpoint.url', faults);
  if (named.has('event_types')) checkTypes(eventTypes, faults);
  if (named.has('description')) {
    checkText(description, 'endpoint.description', { max: limits.nameChars }, faults);
  }
  return { url, event_types: [...new Set(eventTypes)], description, disabled };
}

function checkTypes(types: readonly string[], faults: Faults): void {
  const field = 'endpoint.event_types';
  if (types.length > limits.webhookEventTypes) {
    faults.add(field, `must be at most ${limits.webhookEventTypes}`);
    return;
  }
  const known: readonly string[] = NOTIFICATION_TYPES;
  for (const [i, type] of types.entries()) {
    if (known.includes(type)) continue;
    faults.add(`${field}[${i}]`, `is not one of ${known.join(', ')}`);
  }
}

function newSecret(): string {
  return secretText(randomBytes(SECRET_BYTES).toString('base64'));
}

function latestSecret(changed: Committed): string {
  return changed.first(KIND)?.value.secrets[0]?.secret ?? '';
}

function replyOf(changed: Committed) {
  const stored = changed.first(KIND);
  return { endpoint: stored && toEndpoint(stored) };
}

function refuseIfMany(core: Core): void {
  if ([...recordsOf(core.fold.records, KIND)].length < limits.webhookEndpoints) return;
  const text = `there are ${limits.webhookEndpoints} webhook endpoints: delete some`;
  throw new Refusal('RESOURCE_EXHAUSTED', 'WEBHOOK_ENDPOINTS_EXHAUSTED', text);
}

function exists(id: string): Refusal {
  const text = `there is a webhook endpoint ${JSON.stringify(id)} already: update it`;
  return new Refusal('ALREADY_EXISTS', 'WEBHOOK_ENDPOINT_EXISTS', text);
}
