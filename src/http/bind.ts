// A request message from the parts of an HTTP request: body, path and query, and the headers that
// stand for a field.

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { assert, present } from '../base/assert.js';
import type { Faults } from '../operations/parse.js';
import { decoderOf } from './json/decode.js';
import { WELL_KNOWN } from './json/well-known.js';

export interface Parts {
  /** Parsed JSON; undefined where there is no body. */
  readonly body: unknown;
  readonly query: URLSearchParams;
  /** Values of the template's variables, in order. */
  readonly values: readonly string[];
}

/** Reads a message of a route; what is wrong is added to `faults`. */
export type Bind = (parts: Parts, faults: Faults) => object;

/** `variables` are paths of fields in the request: `event.org_id`. */
export function binderOf(
  message: DescMessage,
  variables: readonly string[],
  body: 'whole' | 'none',
): Bind {
  const decode = decoderOf(message);
  const bound = variables.map((path) => fieldOf(message, path));
  return ({ body: given, query, values }, faults) => {
    if (body === 'whole') {
      for (const name of query.keys()) faults.add(name, 'must be in the body, not in the query');
    }
    const json = body === 'whole' ? (given ?? {}) : queryTree(message, query, faults);
    const request = decode(json, '', faults);
    for (const [index, field] of bound.entries()) {
      const value = values[index] ?? '';
      const there = field.fill(request, value);
      if (there !== value) {
        faults.add(field.path, `is ${JSON.stringify(value)} in the path, and another one here`);
      }
    }
    return request;
  };
}

interface TextField {
  readonly path: string;
  /** Sets it where it is empty; returns what it is then. */
  readonly fill: (request: object, value: string) => string;
}

/** A text of the request. Messages on the way to it are made where they are absent. */
export function fieldOf(message: DescMessage, path: string): TextField {
  const names = path.split('.');
  const steps: { readonly property: string; readonly blank: () => object }[] = [];
  let holder = message;
  for (const name of names.slice(0, -1)) {
    const field = fieldNamed(holder, name);
    assert(field.fieldKind === 'message', `${path} goes through messages`);
    const decode = decoderOf(field.message);
    const blank = () => decode({}, '', NO_FAULTS);
    steps.push({ property: field.localName, blank });
    holder = field.message;
  }
  const { localName } = fieldNamed(holder, names.at(-1) ?? '');
  return {
    path,
    fill(request, value) {
      let object = request;
      for (const { property, blank } of steps) {
        const next = (Reflect.get(object, property) as object | undefined) ?? blank();
        Reflect.set(object, property, next);
        object = next;
      }
      if (Reflect.get(object, localName) === '') Reflect.set(object, localName, value);
      return String(Reflect.get(object, localName));
    },
  };
}

const NO_FAULTS: Faults = { list: [], add: () => assert(false, 'an empty message has no fault') };

function fieldNamed(message: DescMessage, name: string): DescField {
  const found = message.fields.find((field) => field.name === name || field.jsonName === name);
  return present(found, `the field ${name} of ${message.typeName}`);
}

/** The query as JSON, by what the fields are: `a=1&a=2&b.c=x` is `{a: [1, 2], b: {c: "x"}}`. */
function queryTree(message: DescMessage, query: URLSearchParams, faults: Faults): object {
  const tree: Tree = Object.create(null);
  for (const name of new Set(query.keys())) {
    const fault = setIn(tree, message, name.split('.'), query.getAll(name));
    if (fault !== undefined) faults.add(name, fault);
  }
  return tree;
}

type Tree = Record<string, unknown>;

/** What is wrong with it, if anything is. */
function setIn(
  tree: Tree,
  message: DescMessage,
  [name = '', ...rest]: readonly string[],
  texts: readonly string[],
): string | undefined {
  const field = message.fields.find((each) => each.name === name || each.jsonName === name);
  if (field === undefined) return 'is no parameter of this call';
  if (rest.length > 0) {
    if (isLeaf(field) || field.fieldKind !== 'message') return 'is no parameter of this call';
    const next = (tree[field.name] ?? Object.create(null)) as Tree;
    tree[field.name] = next;
    return setIn(next, field.message, rest, texts);
  }
  if (!isLeaf(field)) return 'cannot be given in a query';
  const values = texts.map((text) => leaf(field, text));
  if (field.fieldKind === 'list') tree[field.name] = values;
  else if (values.length > 1) return 'is given more than once';
  else tree[field.name] = values[0];
  return undefined;
}

function isLeaf(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  const message = field.message;
  return message === undefined || WELL_KNOWN.has(message.typeName);
}

/** In a query everything is text; of JSON's other kinds only these two have to be made. */
function leaf(field: DescField, text: string): unknown {
  if (field.scalar === ScalarType.BOOL && (text === 'true' || text === 'false')) {
    return text === 'true';
  }
  const isNumber = field.enum !== undefined && /^\d{1,9}$/.test(text);
  return isNumber ? Number(text) : text;
}
