// Replies → proto3 JSON under the names of the contract. Defaults are always printed, what is unset
// is left out, 64-bit integers are texts. https://protobuf.dev/programming-guides/json/
//
// Functions are made once for each message type. Cost: one plain object per message, then
// `JSON.stringify`.

import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { assert } from '../../base/assert.js';
import { type Scalar, scalarOf } from './scalars.js';
import { WELL_KNOWN } from './well-known.js';

/** A message as what `JSON.stringify` takes. */
export type Encode = (message: object) => Record<string, unknown>;
type Write = (value: never) => unknown;

interface Member {
  readonly name: string;
  readonly property: string;
  readonly oneof: string | undefined;
  readonly write: Write | undefined;
}

const made = new WeakMap<DescMessage, Encode>();

export function encoderOf(message: DescMessage): Encode {
  const known = made.get(message);
  if (known !== undefined) return known;
  const members: Member[] = [];
  const encode: Encode = (value) => encodeMembers(value, members);
  // Before its members: a message may hold its own kind.
  made.set(message, encode);
  for (const field of message.fields) {
    const { name, localName: property, oneof } = field;
    members.push({ name, property, oneof: oneof?.localName, write: writeOf(field) });
  }
  return encode;
}

function encodeMembers(message: object, members: readonly Member[]): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const { name, property, oneof, write } of members) {
    const value: unknown =
      oneof === undefined ? Reflect.get(message, property) : caseIn(message, oneof, property);
    if (value === undefined) continue;
    json[name] = write === undefined ? value : write(value as never);
  }
  return json;
}

function caseIn(message: object, oneof: string, property: string): unknown {
  const held = Reflect.get(message, oneof) as { $case: string; value: unknown } | undefined;
  return held?.$case === property ? held.value : undefined;
}

/** Undefined: as it is. */
function writeOf(field: DescField): Write | undefined {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarOf(field.scalar).write;
    case 'enum':
      return enumeration(field.enum);
    case 'message':
      return ofMessage(field.message);
    case 'list': {
      const { listKind } = field;
      if (listKind === 'scalar') return list(scalarOf(field.scalar).write);
      return list(listKind === 'enum' ? enumeration(field.enum) : ofMessage(field.message));
    }
    case 'map':
      assert(field.mapKind === 'scalar', 'values of maps are scalars');
      return map(scalarOf(field.scalar));
  }
}

/** A number that the contract of today does not name stays one. */
function enumeration({ values }: DescEnum): Write {
  const names = new Map(values.map(({ name, number }) => [number, name]));
  return (number: number) => names.get(number) ?? number;
}

function ofMessage(message: DescMessage): Write {
  return WELL_KNOWN.get(message.typeName)?.write ?? encoderOf(message);
}

function list(write: Write | undefined): Write | undefined {
  if (write === undefined) return undefined;
  return (values: readonly never[]) => values.map(write);
}

function map({ write }: Scalar): Write {
  assert(write === undefined, 'values of maps are as they are in JSON');
  return (entries: ReadonlyMap<string, unknown>) => {
    // A key may be `__proto__`.
    const json: Record<string, unknown> = Object.create(null);
    for (const [key, value] of entries) json[key] = value;
    return json;
  };
}
