// The scalar types of the contract in proto3 JSON. A type that it does not use has no line here.

import { ScalarType } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';

export interface Scalar {
  /** Undefined where it is not one. */
  readonly read: (json: unknown) => unknown;
  /** What stands in an empty message. */
  readonly blank: unknown;
  readonly rule: string;
  /** To what JSON has; absent: as it is. */
  readonly write?: (value: never) => string | number;
}

/** Half a character: it has no bytes in UTF-8. */
export const LONE_SURROGATE = /\p{Surrogate}/u;
const WHOLE = /^-?\d{1,20}$/;
const MEASURE = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

const SCALARS: ReadonlyMap<ScalarType, Scalar> = new Map<ScalarType, Scalar>([
  [ScalarType.STRING, { read: readText, blank: '', rule: 'must be Unicode text' }],
  [ScalarType.BOOL, { read: readBoolean, blank: false, rule: 'must be true or false' }],
  [ScalarType.DOUBLE, { read: readDouble, blank: 0, rule: 'must be a number' }],
  [ScalarType.INT32, { read: readInt32, blank: 0, rule: 'must be a whole number of 32 bits' }],
  [ScalarType.INT64, long(-(2n ** 63n), 2n ** 63n - 1n)],
  [ScalarType.UINT64, long(0n, 2n ** 64n - 1n)],
  [
    ScalarType.BYTES,
    {
      read: readBytes,
      blank: Buffer.alloc(0),
      rule: 'must be base64',
      write: (value: Buffer) => value.toString('base64'),
    },
  ],
]);

export function scalarOf(type: ScalarType): Scalar {
  return present(SCALARS.get(type), `the scalar type ${ScalarType[type]}`);
}

function readText(json: unknown): string | undefined {
  return typeof json === 'string' && !LONE_SURROGATE.test(json) ? json : undefined;
}

function readBoolean(json: unknown): boolean | undefined {
  return typeof json === 'boolean' ? json : undefined;
}

function readDouble(json: unknown): number | undefined {
  if (typeof json === 'number') return json;
  return typeof json === 'string' && MEASURE.test(json) ? Number(json) : undefined;
}

function readInt32(json: unknown): number | undefined {
  const value = typeof json === 'string' && WHOLE.test(json) ? Number(json) : json;
  return typeof value === 'number' && (value | 0) === value ? value : undefined;
}

function readBytes(json: unknown): Buffer | undefined {
  if (typeof json !== 'string' || !BASE64.test(json)) return undefined;
  return Buffer.from(json, 'base64');
}

/** A text, because JSON's numbers end at 53 bits; a number that is exact is taken too. */
function long(min: bigint, max: bigint): Scalar {
  return {
    read(json) {
      const isText = typeof json === 'string' && WHOLE.test(json);
      if (!isText && !Number.isSafeInteger(json)) return undefined;
      const value = BigInt(json as string | number);
      return value >= min && value <= max ? value : undefined;
    },
    blank: 0n,
    rule: 'must be a whole number of 64 bits, as text',
    write: (value: bigint) => `${value}`,
  };
}
