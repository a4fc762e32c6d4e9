// proto3 JSON → the messages that operations take, by functions that are made once for each message
// type. https://protobuf.dev/programming-guides/json/
//
// Both spellings of a field are taken, null is absent, and what is wrong is named by its path in
// the spelling of the contract. Everything wrong is found, not only the first. Cost: one pass over
// the parsed JSON, nothing made but the message.

import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { assert } from '../../base/assert.js';
import { limits } from '../../limits.js';
import type { Faults } from '../../operations/parse.js';
import { LONE_SURROGATE, type Scalar, scalarOf } from './scalars.js';
import { WELL_KNOWN } from './well-known.js';

/** What is absent is as in an empty message. */
export type Decode = (json: unknown, path: string, faults: Faults) => object;

/** `undefined` where it is wrong, with the fault added. */
type Read = (json: unknown, path: string, faults: Faults) => unknown;

interface Member {
  readonly name: string;
  /** Of the message, or of the oneof that it is a case of. */
  readonly property: string;
  /** Of a oneof. */
  readonly oneof: string | undefined;
  readonly caseName: string;
  readonly read: Read;
}

const made = new WeakMap<DescMessage, Decode>();

/** Message types refer to one another: each is made when it is first met. */
export function decoderOf(message: DescMessage): Decode {
  const known = made.get(message);
  if (known !== undefined) return known;
  const lazy: { decode?: Decode } = {};
  made.set(message, (json, path, faults) => {
    assert(lazy.decode !== undefined, 'a decoder is used after it was made');
    return lazy.decode(json, path, faults);
  });
  const decode = makeDecoder(message);
  lazy.decode = decode;
  made.set(message, decode);
  return decode;
}

function makeDecoder(message: DescMessage): Decode {
  const members = new Map<string, Member>();
  for (const field of message.fields) {
    const member = memberOf(field);
    members.set(field.name, member);
    members.set(field.jsonName, member);
  }
  const blank = blankOf(message);
  return (json, path, faults) => {
    const result = blank();
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      faults.add(path || 'body', 'must be an object');
      return result;
    }
    for (const [key, value] of Object.entries(json)) {
      const member = members.get(key);
      const at = within(path, member?.name ?? key);
      if (member === undefined) faults.add(at, 'is no field of this message');
      else if (key !== member.name && Object.hasOwn(json, member.name)) {
        faults.add(at, `is given twice: as ${key} too`);
      } else if (value !== null) set(result, member, value, at, faults);
    }
    return result;
  };
}

function set(result: object, member: Member, json: unknown, at: string, faults: Faults): void {
  const { property, oneof, caseName, read } = member;
  const value = read(json, at, faults);
  if (oneof === undefined) {
    if (value !== undefined) Reflect.set(result, property, value);
    return;
  }
  if (Reflect.get(result, oneof) !== undefined) {
    faults.add(at, 'only one of its group can be given');
  } else if (value !== undefined) {
    Reflect.set(result, oneof, { $case: caseName, value });
  }
}

function within(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function memberOf(field: DescField): Member {
  const oneof = field.oneof?.localName;
  const { name, localName } = field;
  return { name, property: localName, oneof, caseName: localName, read: readOf(field) };
}

function readOf(field: DescField): Read {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(scalarOf(field.scalar));
    case 'enum':
      return enumeration(field.enum);
    case 'message':
      return ofMessage(field.message);
    case 'list': {
      const { listKind } = field;
      if (listKind === 'scalar') return list(scalar(scalarOf(field.scalar)));
      return list(listKind === 'enum' ? enumeration(field.enum) : ofMessage(field.message));
    }
    case 'map':
      assert(field.mapKey === ScalarType.STRING, 'keys of maps are texts');
      assert(field.mapKind === 'scalar', 'values of maps are scalars');
      return map(scalar(scalarOf(field.scalar)));
  }
}

function scalar({ read, rule }: Scalar): Read {
  return (json, path, faults) => {
    const value = read(json);
    if (value === undefined) faults.add(path, rule);
    return value;
  };
}

function enumeration({ values }: DescEnum): Read {
  const numbers = new Map<unknown, number>();
  for (const { name, number } of values) numbers.set(name, number).set(number, number);
  const names = values.filter(({ number }) => number !== 0).map(({ name }) => name);
  return (json, path, faults) => {
    const number = numbers.get(json);
    if (number === undefined) faults.add(path, `must be one of ${names.join(', ')}`);
    return number;
  };
}

function ofMessage(message: DescMessage): Read {
  const wellKnown = WELL_KNOWN.get(message.typeName);
  if (wellKnown === undefined) return decoderOf(message);
  const { read, rule } = wellKnown;
  return (json, path, faults) => {
    const value = typeof json === 'string' ? read(json) : undefined;
    if (value === undefined) faults.add(path, rule);
    return value;
  };
}

function list(read: Read): Read {
  return (json, path, faults) => {
    if (!Array.isArray(json)) {
      faults.add(path, 'must be an array');
      return undefined;
    }
    // Two bytes of JSON become a message: 4 MiB of them held the event loop for many seconds.
    if (json.length > limits.jsonElements) {
      faults.add(path, `may have ${limits.jsonElements} elements`);
      return undefined;
    }
    return json.map((element, index) => read(element, `${path}[${index}]`, faults));
  };
}

function map(read: Read): Read {
  return (json, path, faults) => {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      faults.add(path, 'must be an object');
      return undefined;
    }
    const entries = new Map<string, unknown>();
    for (const [key, element] of Object.entries(json)) {
      if (LONE_SURROGATE.test(key)) faults.add(path, 'a key must be Unicode text');
      entries.set(key, read(element, `${path}[${JSON.stringify(key)}]`, faults));
    }
    return entries;
  };
}

/** A message with nothing in it, as the generated code makes it. */
function blankOf(message: DescMessage): () => object {
  const plain: [string, unknown][] = [];
  const fresh: [string, () => unknown][] = [];
  for (const field of message.fields) {
    const property = field.oneof?.localName ?? field.localName;
    if (field.fieldKind === 'list') fresh.push([property, () => []]);
    else if (field.fieldKind === 'map') fresh.push([property, () => new Map()]);
    else if (field.fieldKind === 'message' || field.oneof || field.proto.proto3Optional) {
      plain.push([property, undefined]);
    } else if (field.fieldKind === 'enum') plain.push([property, 0]);
    else plain.push([property, scalarOf(field.scalar).blank]);
  }
  const template = Object.fromEntries(plain);
  return () => {
    const result: Record<string, unknown> = { ...template };
    for (const [property, make] of fresh) result[property] = make();
    return result;
  };
}
