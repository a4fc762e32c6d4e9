// The HTTP form of every RPC, as the contract's annotations have it.

import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  getOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';

interface HttpRule {
  readonly pattern: { readonly case: string | undefined; readonly value: unknown };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}

interface Binding {
  readonly rpc: string;
  readonly verb: string;
  readonly path: string;
  readonly body: string;
  readonly request: DescMessage;
}

/** Left out on purpose, as the RPC's comment says. */
const NOT_IN_A_QUERY = new Set(['tollgate.v1.CheckQuotaRequest.items']);

const IMAGE = new URL('../../generated/descriptors.binpb', import.meta.url);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(IMAGE)));
const http = registry.getExtension('google.api.http') as DescExtension;
const methods = [...registry].flatMap((type) =>
  type.kind === 'service' && type.typeName.startsWith('tollgate.v1.') ? type.methods : [],
);
const bindings = methods.flatMap(bindingsOf);

describe('the HTTP bindings', () => {
  test('there is one for every RPC with one request and one reply, and for no other', () => {
    expect(methods.length).toBeGreaterThan(80);
    const bound = new Set(bindings.map(({ rpc }) => rpc));
    for (const { name, methodKind } of methods) {
      expect([name, bound.has(name)]).toEqual([name, methodKind === 'unary']);
    }
  });

  test('every path begins with /v1/ and has only words, variables and at most one verb', () => {
    const shape = /^\/v1(\/([a-z][a-z-]*|\{[a-z_.]+\}))+(:[a-z][A-Za-z]*)?$/;
    expect(bindings.filter(({ path }) => !shape.test(path))).toEqual([]);
  });

  test('every variable of a path is one text of the request, named once', () => {
    for (const { rpc, path, request } of bindings) {
      const names = variablesOf(path);
      expect([rpc, new Set(names).size]).toEqual([rpc, names.length]);
      for (const name of names) {
        const field = fieldAt(request, name);
        expect([rpc, name, field?.fieldKind, field?.scalar]).toEqual([
          rpc,
          name,
          'scalar',
          ScalarType.STRING,
        ]);
      }
    }
  });

  test('no request fits two of them', () => {
    const twice = bindings.flatMap((one, i) =>
      bindings
        .slice(i + 1)
        .filter((other) => one.verb === other.verb && overlap(one.path, other.path))
        .map((other) => `${one.verb} ${one.path} ${other.path}`),
    );
    expect(twice).toEqual([]);
  });

  test('POST, PUT and PATCH take the whole request as body, GET and DELETE none', () => {
    const all = new Set(['post', 'put', 'patch']);
    for (const { rpc, verb, body } of bindings) {
      expect(['get', 'delete', ...all]).toContain(verb);
      expect([rpc, verb, body]).toEqual([rpc, verb, all.has(verb) ? '*' : '']);
    }
  });

  test('whatever GET and DELETE take can be given in a path and a query', () => {
    const wrong = bindings
      .filter(({ verb }) => verb === 'get' || verb === 'delete')
      .flatMap(({ request }) => notInQuery(request, new Set()));
    expect(wrong.filter((name) => !NOT_IN_A_QUERY.has(name))).toEqual([]);
  });

  test('an RPC that takes an organisation in its own field is found below that organisation', () => {
    // Lists that are about everything, where an organisation is one more thing to look for.
    const filtered = new Set(['ListAuditEntries', 'ListDeliveries']);
    const without = methods.filter(
      ({ name, input, methodKind }) =>
        methodKind === 'unary' &&
        input.fields.some((field) => field.name === 'org_id') &&
        !filtered.has(name) &&
        !bindings.some(({ rpc, path }) => rpc === name && path.startsWith('/v1/orgs/{org_id}')),
    );
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

function bindingsOf(method: DescMethod): Binding[] {
  const rule = getOption(method, http) as unknown as HttpRule;
  if (rule.pattern.case === undefined) return [];
  return [rule, ...rule.additionalBindings].map(({ pattern, body }) => ({
    rpc: method.name,
    verb: pattern.case ?? '',
    path: String(pattern.value),
    body,
    request: method.input,
  }));
}

function variablesOf(path: string): string[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? '');
}

function fieldAt(message: DescMessage, path: string): DescField | undefined {
  let at: DescMessage | undefined = message;
  let found: DescField | undefined;
  for (const name of path.split('.')) {
    found = at?.fields.find((field) => field.name === name);
    at = found?.fieldKind === 'message' ? found.message : undefined;
  }
  return found;
}

/** A variable stands for one segment without a colon, so the verbs are compared by themselves. */
function overlap(one: string, other: string): boolean {
  const [a, b] = [partsOf(one), partsOf(other)];
  return (
    a.verb === b.verb &&
    a.segments.length === b.segments.length &&
    a.segments.every((segment, i) => {
      const opposite = b.segments[i] ?? '';
      return segment === opposite || segment.startsWith('{') || opposite.startsWith('{');
    })
  );
}

function partsOf(path: string): { segments: readonly string[]; verb: string } {
  const [resource = '', verb = ''] = path.split(':');
  return { segments: resource.split('/'), verb };
}

function notInQuery(message: DescMessage, above: ReadonlySet<DescMessage>): string[] {
  if (message.typeName.startsWith('google.protobuf.')) return [];
  if (above.has(message)) return [message.typeName];
  return message.fields.flatMap((field) => {
    const repeated = field.fieldKind === 'list' && field.listKind === 'message';
    if (repeated || field.fieldKind === 'map') return [`${message.typeName}.${field.name}`];
    if (field.fieldKind !== 'message') return [];
    return notInQuery(field.message, new Set([...above, message]));
  });
}
