// JSON in and out, for every message of the contract, against the protobuf library as the judge.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  ScalarType,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import fc, { type Arbitrary } from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readContract } from '../../src/http/bindings.js';
import { decoderOf } from '../../src/http/json/decode.js';
import { encoderOf } from '../../src/http/json/encode.js';
import { createFaults } from '../../src/operations/parse.js';

interface Codec {
  readonly decode: (bytes: Uint8Array) => object;
  readonly encode: (message: object) => { readonly finish: () => Uint8Array };
}

const contract = readContract();
const messages = [...contract].flatMap((type) =>
  type.kind === 'message' && type.typeName.startsWith('tollgate.v1.') && !isEntry(type)
    ? [type]
    : [],
);
const codecs = new Map<string, Codec>();

beforeAll(async () => {
  const folder = join(import.meta.dirname, '../../generated/ts/tollgate/v1');
  for (const name of readdirSync(folder)) {
    const module: Record<string, unknown> = await import(join(folder, name));
    for (const [key, value] of Object.entries(module)) {
      if (typeof value === 'object' && value !== null && 'decode' in value) {
        codecs.set(key, value as Codec);
      }
    }
  }
});

function isEntry({ proto }: DescMessage): boolean {
  return proto.options?.mapEntry === true;
}

function codecOf({ name }: DescMessage): Codec {
  const found = codecs.get(name);
  if (found === undefined) throw new Error(`no generated code for ${name}`);
  return found;
}

const DEPTH = 3;

/** JSON as the library writes it, of any message of the type. */
function anyJson(message: DescMessage, depth = 0): Arbitrary<JsonValue> {
  const special = SPECIAL[message.typeName];
  if (special !== undefined) return special;
  const members = message.fields.map((field): [string, Arbitrary<JsonValue | undefined>] => {
    return [field.name, fc.option(anyField(field, depth), { nil: undefined, freq: 3 })];
  });
  return fc.record(Object.fromEntries(members)).map((record) => oneOfEach(message, record));
}

/** Of each group the first that is there. */
function oneOfEach(message: DescMessage, record: Record<string, JsonValue | undefined>): JsonValue {
  const taken = new Set<string>();
  const json: Record<string, JsonValue> = {};
  for (const field of message.fields) {
    const value = record[field.name];
    if (value === undefined) continue;
    if (field.oneof !== undefined && taken.has(field.oneof.name)) continue;
    if (field.oneof !== undefined) taken.add(field.oneof.name);
    json[field.name] = value;
  }
  return json;
}

function anyField(field: DescField, depth: number): Arbitrary<JsonValue> {
  const one = anyValue(field, depth);
  if (field.fieldKind === 'list') return fc.array(one, { maxLength: 3 });
  if (field.fieldKind === 'map') {
    return fc
      .array(fc.tuple(text, one), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries));
  }
  return one;
}

function anyValue(field: DescField, depth: number): Arbitrary<JsonValue> {
  if (field.enum) return fc.constantFrom(...field.enum.values.map(({ name }) => name));
  if (field.message)
    return depth < DEPTH ? anyJson(field.message, depth + 1) : empty(field.message);
  const scalar = field.scalar === undefined ? undefined : SCALARS[field.scalar];
  if (scalar === undefined) throw new Error(`no texts for ${field.name}`);
  return scalar;
}

function empty({ typeName }: DescMessage): Arbitrary<JsonValue> {
  return SPECIAL[typeName] ?? fc.constant({});
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const SCALARS: Partial<Record<ScalarType, Arbitrary<JsonValue>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.DOUBLE]: fc
    .double({ noNaN: true, noDefaultInfinity: true })
    // JSON has one zero.
    .map((value) => value + 0),
  [ScalarType.INT32]: fc.integer(),
  [ScalarType.INT64]: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  [ScalarType.UINT64]: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  [ScalarType.BYTES]: fc
    .uint8Array({ maxLength: 20 })
    .map((b) => Buffer.from(b).toString('base64')),
};
const nanos = fc.constantFrom('', '.5', '.123', '.000001', '.123456789');
const SPECIAL: Readonly<Record<string, Arbitrary<JsonValue>>> = {
  'google.protobuf.Timestamp': fc
    .tuple(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), nanos)
    .map(([s, part]) => `${new Date(s * 1000).toISOString().slice(0, 19)}${part}Z`)
    .filter((time) => /^\d{4}-/.test(time)),
  'google.protobuf.Duration': fc
    .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), nanos)
    .map(([s, part]) => `${s}${part}s`),
  'google.protobuf.FieldMask': fc
    .array(fc.constantFrom('displayName', 'plan', 'taxRates'), { maxLength: 3 })
    .map((paths) => paths.join(',')),
};

const OUT = { alwaysEmitImplicit: true, useProtoFieldName: true };

describe('of every message', () => {
  test('there are as many as the contract has', () => {
    expect(messages.length).toBeGreaterThan(150);
  });

  test.each(messages.map((type) => [type.name, type] as const))('%s', (_name, type) => {
    const { decode, encode } = codecOf(type);
    const ours = decoderOf(type);
    const faults = createFaults();
    expect(ours({}, '', faults)).toEqual(decode(new Uint8Array()));
    fc.assert(
      fc.property(anyJson(type), (json) => {
        const judge = fromJson(type, json);
        // In: what we read is what the library reads.
        const read = ours(json, '', faults);
        expect(faults.list).toEqual([]);
        expect(toJson(type, fromBinary(type, encode(read).finish()))).toEqual(toJson(type, judge));
        // Out: what we write is what the library writes.
        const written = JSON.parse(JSON.stringify(encoderOf(type)(decode(toBinary(type, judge)))));
        expect(written).toEqual(masksAsNamed(toJson(type, judge, OUT)));
      }),
      { numRuns: 15 },
    );
    expect(toJson(type, create(type), OUT)).toEqual(
      JSON.parse(JSON.stringify(encoderOf(type)(decode(new Uint8Array())))),
    );
  });
});

/** A mask names fields as the contract does, where the library turns them into camel case. */
function masksAsNamed(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(masksAsNamed);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => {
      const snake = (path: string) => path.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
      return [key, key === 'update_mask' ? snake(String(value)) : masksAsNamed(value)];
    }),
  );
}

const REQUEST = 'tollgate.v1.RecordRequest';
const BAD: readonly [json: unknown, fault: string][] = [
  [null, 'body: must be an object'],
  ['x', 'body: must be an object'],
  [{ event: [] }, 'event: must be an object'],
  [{ event: { run: { cpu_seconds: 'fast' } } }, 'event.run.cpu_seconds: must be a number'],
  [{ event: { run: { cpu_seconds: true } } }, 'event.run.cpu_seconds: must be a number'],
  [{ enforce_quota: 'true' }, 'enforce_quota: must be true or false'],
  [
    { durability: 77 },
    'durability: must be one of DURABILITY_FSYNC, DURABILITY_WRITE, DURABILITY_LEDGER',
  ],
  [
    { event: { event_time: 1 } },
    'event.event_time: must be an RFC 3339 time like "2026-11-20T12:00:00Z"',
  ],
  [{ __proto__x: 1 }, '__proto__x: is no field of this message'],
];

test.each(BAD)('%j is refused with its path', (json, fault) => {
  const type = contract.getMessage(REQUEST);
  if (type === undefined) throw new Error(REQUEST);
  const faults = createFaults();
  decoderOf(type)(json, '', faults);
  expect(faults.list.map(({ field, description }) => `${field}: ${description}`)).toEqual([fault]);
});

const TIMES: readonly [text: string, seconds: bigint | undefined, nanos?: number][] = [
  ['1970-01-01T00:00:00Z', 0n],
  ['1970-01-01t00:00:00z', 0n],
  ['1970-01-01T01:00:00+01:00', 0n],
  ['1969-12-31T23:00:00.5-01:00', 0n, 500_000_000],
  ['0001-01-01T00:00:00Z', -62_135_596_800n],
  ['9999-12-31T23:59:59.999999999Z', 253_402_300_799n, 999_999_999],
  ['2024-02-29T00:00:00Z', 1_709_164_800n],
  ['2026-02-29T00:00:00Z', undefined],
  ['2026-11-20T24:00:00Z', undefined],
  ['2026-11-20T12:00:60Z', undefined],
  ['2026-11-20T12:00:00', undefined],
  ['2026-11-20', undefined],
  ['2026-11-20T12:00:00+24:00', undefined],
  ['2026-11-20T12:00:00.1234567890Z', undefined],
  ['', undefined],
];

test.each(TIMES)('the time %j is read as it is', (text, seconds, nanos = 0) => {
  const type = contract.getMessage('tollgate.v1.UsageEvent');
  if (type === undefined) throw new Error('UsageEvent');
  const faults = createFaults();
  const { eventTime } = decoderOf(type)({ event_time: text }, '', faults) as {
    eventTime?: { seconds: bigint; nanos: number };
  };
  if (seconds === undefined) expect(faults.list).toHaveLength(1);
  else expect(eventTime).toEqual({ seconds, nanos });
});
