// A valid message of every unary RPC, and changes that make of it what no client would send.

import { create, type DescField, type DescMessage, ScalarType, toBinary } from '@bufbuild/protobuf';
import { readContract } from '../../src/http/bindings.js';
import type { Draw } from './draws.js';

const TEXTS: Readonly<Record<string, string>> = {
  org_id: 'acme',
  meter: 'executions',
  meter_key: 'executions',
  quantity: '1',
  plan: 'free',
  page_token: '',
  etag: '',
};

export interface ValidCall {
  readonly path: string;
  readonly bytes: Buffer;
}

export function validCalls(): readonly ValidCall[] {
  return [...readContract()].flatMap((type) => {
    if (type.kind !== 'service' || !type.typeName.startsWith('tollgate.v1.')) return [];
    return type.methods
      .filter(({ methodKind }) => methodKind === 'unary')
      .map((method) => ({
        path: `/${type.typeName}/${method.name}`,
        bytes: Buffer.from(toBinary(method.input, filled(method.input))),
      }));
  });
}

/** Every field of a message, one item of each list, the first of each group. */
function filled(message: DescMessage, depth = 0): ReturnType<typeof create> {
  const init: Record<string, unknown> = {};
  for (const field of message.fields) {
    if (field.oneof !== undefined) {
      if (field.oneof.fields[0] === field) {
        init[field.oneof.localName] = { case: field.localName, value: sampleOf(field, depth) };
      }
      continue;
    }
    const value = sampleOf(field, depth);
    if (value !== undefined) init[field.localName] = value;
  }
  return create(message, init);
}

function sampleOf(field: DescField, depth: number): unknown {
  switch (field.fieldKind) {
    case 'map':
      return field.mapKind === 'scalar' && field.scalar === ScalarType.STRING
        ? { tool: 'x' }
        : undefined;
    case 'list':
      if (field.message !== undefined) return depth < 4 ? [filled(field.message, depth + 1)] : [];
      return field.scalar === ScalarType.STRING ? [textOf(field.name)] : [];
    case 'message':
      return depth < 4 ? filled(field.message, depth + 1) : undefined;
    case 'enum':
      return field.enum.values[1]?.number ?? 0;
    case 'scalar':
      return scalarOf(field.scalar, field.name);
  }
}

function scalarOf(scalar: ScalarType, name: string): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return textOf(name);
    case ScalarType.BYTES:
      return Uint8Array.of(1, 2, 3);
    case ScalarType.BOOL:
      return false;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return 0.5;
    default:
      return 1;
  }
}

function textOf(name: string): string {
  return TEXTS[name] ?? 'x';
}

/** One to four changes of a few bytes each. */
export function mutated(bytes: Buffer, draw: Draw): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = draw(4); changes >= 0; changes--) {
    const at = draw(result.length + 1);
    const to = Math.min(result.length, at + draw(9));
    const part = result.subarray(at, to);
    switch (draw(6)) {
      case 0:
        if (at < result.length) result[at] = draw(256);
        break;
      case 1:
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << draw(8));
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(to)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, to), part, result.subarray(to)]);
        break;
      case 4:
        result = Buffer.concat([result, part]);
        break;
      default:
        result = Buffer.concat([result.subarray(0, at), noise(draw), result.subarray(at)]);
    }
  }
  return result;
}

function noise(draw: Draw): Buffer {
  return Buffer.from(Array.from({ length: 1 + draw(8) }, () => draw(256)));
}
