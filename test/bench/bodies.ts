// Requests, encoded once by the generated code; each call copies the bytes and writes its own ids
// and organisation over the placeholders.

import {
  CheckQuotaRequest,
  RecordBatchRequest,
  RecordRequest,
  RecordStreamRequest,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Durability, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { assert } from '../../src/base/assert.js';
import {
  createIdSource,
  type IdSource,
  ORG_DIGITS,
  ORG_PLACEHOLDER,
  UUID_PLACEHOLDER,
} from './event-ids.js';
import { type Body, EMPTY } from './h2-stream.js';
import type { LoadJob } from './job.js';

/** The request of a unary call. */
export function unaryBody(job: LoadJob): Body {
  return templateBody(requestBytes(job), createIdSource());
}

/** As a file's content, the same in every call. */
export function requestBytes(job: LoadJob): Buffer {
  const event = sampleEvent(job.meter);
  const durability = Durability.DURABILITY_FSYNC;
  switch (job.body) {
    case 'noop':
      return EMPTY;
    case 'record': {
      const request = { event, durability, enforceQuota: false, validateOnly: false };
      return asBuffer(RecordRequest.encode(request));
    }
    case 'recordBatch': {
      const events = Array.from({ length: job.batchEvents }, () => event);
      const request = { orgId: '', events, atomic: false, durability, enforceQuota: false };
      return asBuffer(RecordBatchRequest.encode(request));
    }
    case 'checkQuota': {
      const { meter, amount, dimensions } = event;
      const items = [{ meter, amount, dimensions }];
      return asBuffer(CheckQuotaRequest.encode({ orgId: ORG_PLACEHOLDER, items }));
    }
    case 'recordStream':
      throw new Error('recordStream is not a unary body: use kind "stream"');
  }
}

/** First message of a stream. */
export function streamOptionsBody(): Body {
  const value = { durability: Durability.DURABILITY_FSYNC, enforceQuota: false };
  const request = RecordStreamRequest.encode({ message: { $case: 'options', value } });
  return templateBody(asBuffer(request), createIdSource());
}

export interface StreamItemBody extends Body {
  /** Makes this the body of the item with that `client_sequence`. */
  prepare(clientSequence: number): void;
}

/** Events of a stream. A longer sequence number takes a template of its own. */
export function streamItemBody(job: LoadJob): StreamItemBody {
  const ids = createIdSource();
  const event = sampleEvent(job.meter);
  let sequence = 0;
  let sequenceAt = 0;
  let nextTemplateAt = 1;
  let template = templateBody(EMPTY, ids);

  function prepare(clientSequence: number): void {
    sequence = clientSequence;
    if (clientSequence < nextTemplateAt) return;
    const value = { clientSequence: BigInt(clientSequence), event };
    const bytes = asBuffer(RecordStreamRequest.encode({ message: { $case: 'item', value } }));
    template = templateBody(bytes, ids);
    const digits = encodeVarint(clientSequence);
    sequenceAt = bytes.indexOf(Buffer.from([SEQUENCE_TAG, ...digits])) + 1;
    nextTemplateAt = 2 ** (7 * digits.length);
    assert(sequenceAt > 0, 'an item holds its sequence');
  }

  return {
    get bytes() {
      return template.bytes;
    },
    prepare,
    write(target, at) {
      template.write(target, at);
      writeVarint(target, at + sequenceAt, sequence);
    },
  };
}

/** Field 1, varint: `RecordStreamItem.client_sequence`. */
const SEQUENCE_TAG = 0x08;

function templateBody(template: Buffer, ids: IdSource): Body {
  const uuids = placesOf(template, UUID_PLACEHOLDER);
  const orgDigitsAt = ORG_PLACEHOLDER.length - ORG_DIGITS;
  const orgs = placesOf(template, ORG_PLACEHOLDER).map((at) => at + orgDigitsAt);
  return {
    bytes: template.length,
    write(target, at) {
      target.set(template, at);
      for (const uuid of uuids) ids.writeUuid(target, at + uuid);
      for (const org of orgs) ids.writeOrgDigits(target, at + org);
    },
  };
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  let at = bytes.indexOf(text);
  while (at >= 0) {
    places.push(at);
    at = bytes.indexOf(text, at + text.length);
  }
  return places;
}

function sampleEvent(meter: LoadJob['meter']): UsageEvent {
  const always = {
    orgId: ORG_PLACEHOLDER,
    eventId: UUID_PLACEHOLDER,
    meter,
    eventTime: undefined,
    dimensions: new Map<string, string>(),
  };
  switch (meter) {
    case 'executions':
      return { ...always, amount: { $case: 'quantity', value: '1' } };
    case 'run_units':
      return {
        ...always,
        amount: { $case: 'run', value: { cpuSeconds: 0.5, gpuSeconds: 0.25, latencyMs: 812.5 } },
        dimensions: new Map([
          ['tool', 'sandbox_execute'],
          ['tier', 'heavy'],
        ]),
      };
  }
}

function asBuffer(writer: { finish(): Uint8Array }): Buffer {
  return Buffer.from(writer.finish());
}

function encodeVarint(value: number): Buffer {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

/** Returns where it ends. */
function writeVarint(target: Buffer, at: number, value: number): number {
  let end = at;
  let rest = value;
  while (rest >= 0x80) {
    target[end++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[end++] = rest;
  return end;
}
