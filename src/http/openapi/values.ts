// One value of the contract in JSON, as a schema: texts for 64-bit integers and times.

import { type DescEnum, type DescMessage, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { assert } from '../../base/assert.js';

/** A value that is neither a list nor a map. */
export type Value =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: DescEnum }
  | { readonly kind: 'message'; readonly message: DescMessage };

/** Messages that JSON writes in their own way. */
const WELL_KNOWN: Readonly<Record<string, JsonObject>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': {
    type: 'string',
    pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$',
    examples: ['60s'],
  },
  'google.protobuf.FieldMask': {
    type: 'string',
    pattern: '^[A-Za-z0-9_.]*(,[A-Za-z0-9_.]+)*$',
    examples: ['display_name,time_zone'],
  },
};

const SCALARS: Partial<Record<ScalarType, JsonObject>> = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.INT32]: { type: 'integer', format: 'int32' },
  [ScalarType.DOUBLE]: { type: 'number', format: 'double' },
  [ScalarType.INT64]: { type: 'string', format: 'int64', pattern: '^-?[0-9]{1,19}$' },
  [ScalarType.UINT64]: { type: 'string', format: 'uint64', pattern: '^[0-9]{1,20}$' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
};

export function scalarSchema(scalar: ScalarType): JsonObject {
  const schema = SCALARS[scalar];
  assert(schema !== undefined, `JSON has a form of scalar type ${scalar}`);
  return schema;
}

export function wellKnownSchema(message: DescMessage): JsonObject | undefined {
  return WELL_KNOWN[message.typeName];
}

/** `tollgate.v1.Plan` → `Plan`; nested names keep their parents. */
export function shortName({ typeName, file }: DescMessage | DescEnum): string {
  return typeName.slice(file.proto.package.length + 1);
}

export function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}
