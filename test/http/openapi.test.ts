// The OpenAPI document: valid, complete, and true to what JSON makes of the contract's messages.

import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { present } from '../../src/base/assert.js';
import { bindingsOf } from '../../src/http/bindings.js';
import { openApiText } from '../../src/http/openapi/text.js';
import { DENY_AS_ERROR } from '../../src/rpc/edge.js';
import { document, operations, problems, documentText as text } from '../support/openapi.js';

const IMAGE = readFileSync(new URL('../../generated/descriptors.binpb', import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, IMAGE));
const { schemas } = document.components;
/** A variable of a path. */
const NAME = /\{[^}]+\}/g;

describe('the document', () => {
  test('is what the descriptors give, the same each time', () => {
    expect(openApiText(IMAGE) === text).toBe(true);
  });

  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(text));
    expect([validator.version, result]).toEqual(['3.1', { valid: true }]);
  });

  test('refers to nothing that it has not, and has no schema that nothing refers to', () => {
    const references = new Set(text.match(/"#\/components\/[^"]+"/g));
    const { components } = document;
    const names = Object.entries(components).flatMap(([kind, named]) =>
      Object.keys(named).map((name) => `"#/components/${kind}/${name}"`),
    );
    expect([...references].filter((reference) => !names.includes(reference))).toEqual([]);
    const unused = names.filter((name) => !references.has(name));
    expect(unused.filter((name) => !name.includes('securitySchemes'))).toEqual([]);
  });

  test('has an operation for every binding, and each operation an id of its own', () => {
    const described = operations.map(({ verb, path }) => `${verb} ${path.replaceAll(NAME, '{}')}`);
    const bound = bindingsOf(registry).map(
      ({ verb, template }) => `${verb.toLowerCase()} ${template.replaceAll(NAME, '{}')}`,
    );
    expect(described).toEqual(expect.arrayContaining(bound));
    const others = operations.filter((_, i) => !bound.includes(described[i] ?? ''));
    expect(others.filter(({ path }) => path.startsWith('/v1/')).map(({ path }) => path)).toEqual([
      '/v1/orgs/{org_id}/usage:watch',
    ]);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(text).not.toContain('RecordStream');
  });

  test('describes every parameter of a path, once, and gives each operation a summary', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const given = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect([path, given.map(({ name }) => name)]).toEqual([path, inPath]);
      const names = (operation.parameters ?? []).map((parameter) => parameter.name);
      expect([path, new Set(names).size]).toEqual([path, names.length]);
      expect(operation.summary).toMatch(/^[A-Z][^\n]+[^.]$/);
      expect(operation.description).toMatch(/Needs (`[a-z]+\.[a-z]+`|a credential|no credential)/);
    }
  });

  test('names every field in snake_case', () => {
    const names = [
      ...operations.flatMap(({ operation }) =>
        (operation.parameters ?? []).flatMap((p) => (p.in === 'header' ? [] : p.name)),
      ),
      ...Object.values(schemas).flatMap((schema) => Object.keys(schema['properties'] ?? {})),
    ];
    expect(names.filter((name) => !/^@?[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
  });
});

describe('an operation', () => {
  test('has body, reply and errors of its RPC', () => {
    const record = document.paths['/v1/orgs/{org_id}/usage:record']?.['post'];
    expect(record).toMatchObject({
      operationId: 'Record',
      tags: ['MeteringService'],
      summary: 'Records one event and answers when it is as durable as asked for',
      parameters: [
        { name: 'org_id', in: 'path', required: true },
        { name: 'Idempotency-Key', in: 'header' },
        { name: 'tollgate-deny-as-error', in: 'header' },
      ],
      requestBody: json('RecordRequest'),
    });
    expect(record?.responses['200']).toMatchObject(json('RecordResponse'));
    expect(Object.keys(record?.responses ?? {})).toEqual(
      '200 400 401 403 404 409 413 415 429 500 503'.split(' '),
    );
  });

  test('takes in the query what the path has not', () => {
    const usage = document.paths['/v1/orgs/{org_id}/usage']?.['get'];
    const query = usage?.parameters?.filter((parameter) => parameter.in === 'query') ?? [];
    expect(query.map(({ name }) => name)).toEqual(
      'meters period start_time end_time group_by window time_zone'.split(' '),
    );
    expect(query[0]).toMatchObject({
      explode: true,
      schema: { type: 'array', items: { type: 'string' }, maxItems: 100 },
    });
    expect(query[2]?.schema).toEqual({ type: 'string', format: 'date-time' });
    expect(query[5]?.schema).toEqual({ $ref: '#/components/schemas/UsageWindow' });
  });

  test('of a path without its organisation takes that in the query or the body', () => {
    const parameters = document.paths['/v1/invoices']?.['get']?.parameters ?? [];
    expect(parameters.map(({ name }) => name)).toContain('org_id');
    const close = document.paths['/v1/invoices/{invoice_id}:close']?.['post'];
    expect(close?.parameters?.map(({ name }) => name)).toEqual([
      'invoice_id',
      'Idempotency-Key',
      'If-Match',
    ]);
    expect(close?.operationId).toBe('FinalizeInvoice_2');
  });

  test('says where a denial can be an error', () => {
    const takes = operations.filter(({ operation: { parameters = [] } }) =>
      parameters.some(({ name }) => name === DENY_AS_ERROR),
    );
    expect(takes.map(({ verb, path }) => `${verb} ${path}`).sort()).toEqual([
      'get /v1/orgs/{org_id}/quota',
      'post /v1/orgs/{org_id}/quota:check',
      'post /v1/orgs/{org_id}/reservations',
      'post /v1/orgs/{org_id}/usage:record',
    ]);
    for (const { operation } of takes) {
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['409', '429']));
    }
  });

  test('that answers a file has its type', () => {
    const pdf = document.paths['/v1/invoices/{invoice_id}/pdf']?.['get']?.responses['200'];
    expect(Object.keys(pdf?.['content'] ?? {})).toEqual(['application/pdf', 'application/json']);
  });

  test('has 412 where it takes an etag', () => {
    const statuses = (path: string, verb: string) =>
      Object.keys(document.paths[path]?.[verb]?.responses ?? {});
    expect(statuses('/v1/plans/{plan_id}', 'patch')).toContain('412');
    expect(statuses('/v1/plans/{plan_id}', 'get')).not.toContain('412');
  });
});

describe('a request', () => {
  const bodies = operations.flatMap(({ path, operation }) => {
    const content = operation.requestBody?.content['application/json'];
    return content === undefined ? [] : [{ path, operation, ...content }];
  });

  test('has an example that fits it', () => {
    expect(bodies.length).toBeGreaterThan(50);
    for (const { path, example, schema } of bodies) {
      expect([path, problems(schema.$ref.split('/').at(-1) ?? '', example)]).toEqual([path, []]);
    }
    expect(bodies.find(({ path }) => path.endsWith('usage:record'))?.example).toEqual({
      event: { meter: 'run_units', quantity: '0.6' },
    });
  });

  test('need not be where all of it may be left out', () => {
    const required = new Map(
      bodies.map(({ path, operation }) => [path, operation.requestBody?.required]),
    );
    expect(required.get('/v1/meters')).toBe(true);
    expect(required.get('/v1/meters/{meter}:archive')).toBe(false);
    expect(required.get('/v1/orgs/{org_id}/usage/events:void')).toBe(true);
  });

  test('has no field that the contract has not', () => {
    expect(problems('VoidEventRequest', { event_id: 'e', reason: 'r', x: 1 })).not.toEqual([]);
  });

  test('needs what the contract requires, but for what a path may name', () => {
    expect(schemas['UsageEvent']).toMatchObject({ required: ['meter'] });
    expect(schemas['VoidEventRequest']).toMatchObject({ required: ['event_id', 'reason'] });
    expect(schemas['TaxRateInput']).toMatchObject({ required: ['name', 'percent'] });
  });

  test('that changes an object in part needs no field of it', () => {
    expect(schemas['PlanInput']).not.toHaveProperty('required');
    expect(schemas['WebhookEndpointInput']).not.toHaveProperty('required');
  });

  test('has at most one member of a oneof', () => {
    const event = { meter: 'tokens', org_id: 'acme' };
    expect(problems('UsageEvent', event)).toEqual([]);
    expect(problems('UsageEvent', { ...event, quantity: '1' })).toEqual([]);
    expect(problems('UsageEvent', { ...event, quantity: '1', run: {} })).not.toEqual([]);
    expect(problems('QuotaItem', { meter: 'tokens', run: {}, level: '1' })).not.toEqual([]);
  });

  test('marks what only the server sets', () => {
    const properties = schemas['PlanInput']?.['properties'] as Record<string, JsonObject>;
    expect(properties['version']).toMatchObject({ readOnly: true });
    expect(properties['plan_id']).not.toHaveProperty('readOnly');
  });
});

describe('a reply', () => {
  const replies = [...new Set(bindingsOf(registry).map(({ method }) => method.output))];
  const print = (message: DescMessage, sample: JsonObject) =>
    toJson(message, fromJson(message, sample, { registry }), {
      registry,
      useProtoFieldName: true,
      alwaysEmitImplicit: true,
    });

  test.each(replies.map((message) => [message.name, message] as const))(
    '%s fits its schema, empty and full, and not with a default left out',
    (name, message) => {
      const empty = print(message, {});
      expect(problems(name, empty)).toEqual([]);
      const full = print(message, sampleOf(message));
      expect(problems(name, full)).toEqual([]);
      for (const key of Object.keys(empty ?? {})) {
        const { [key]: _, ...rest } = empty as JsonObject;
        expect(problems(name, rest)).not.toEqual([]);
      }
    },
  );

  test('that is an error is a google.rpc.Status', () => {
    const type = 'type.googleapis.com/google.rpc.';
    const info = { reason: 'RATE_LIMITED', domain: 'tollgate.dev', metadata: {} };
    const details = [
      { '@type': `${type}ErrorInfo`, ...info },
      { '@type': `${type}RetryInfo`, retry_delay: '1.5s' },
    ];
    expect(problems('Status', { code: 8, message: 'wait', details })).toEqual([]);
    expect(problems('Status', { code: 8, message: 'wait', details: [{}] })).not.toEqual([]);
  });
});

function json(name: string) {
  return { content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } };
}

const WELL_KNOWN: Readonly<Record<string, JsonValue>> = {
  'google.protobuf.Timestamp': '2026-11-20T12:00:00.5Z',
  'google.protobuf.Duration': '1.5s',
};

/** Every field set, the last member of a oneof. */
function sampleOf(message: DescMessage): JsonObject {
  return Object.fromEntries(
    message.fields
      .filter((field) => field.oneof === undefined || field.oneof.fields.at(-1) === field)
      .map((field) => [field.name, sampleField(field)]),
  );
}

function sampleField(field: DescField): JsonValue {
  const one = sampleElement(field);
  if (field.fieldKind === 'list') return [one];
  return field.fieldKind === 'map' ? { key: one } : one;
}

function sampleElement(field: DescField): JsonValue {
  if (field.message !== undefined) {
    return WELL_KNOWN[field.message.typeName] ?? sampleOf(field.message);
  }
  if (field.enum !== undefined) return present(field.enum.values.at(-1), field.name).name;
  switch (field.scalar) {
    case ScalarType.STRING:
      return 'text';
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return 'AAEC';
    case ScalarType.INT64:
      return '-9007199254740993';
    case ScalarType.UINT64:
      return '18446744073709551615';
    default:
      return 7;
  }
}
