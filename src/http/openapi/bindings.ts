// Which path each RPC has, from the annotations google.api.http.

import {
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
  getOption,
} from '@bufbuild/protobuf';
import { assert, present } from '../../base/assert.js';

export interface Binding {
  readonly method: DescMethod;
  /** 0 for the first of the method, 1 and on for its additional bindings. */
  readonly index: number;
  readonly verb: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{}` for each variable: `/v1/orgs/{}/usage:record`. */
  readonly shape: string;
  readonly variables: readonly Variable[];
  /** The body is the whole request; else the query has what the path has not. */
  readonly hasBody: boolean;
}

export interface Variable {
  /** `event.org_id` */
  readonly path: string;
  readonly field: DescField;
}

interface HttpRule {
  readonly pattern: { readonly case: string | undefined; readonly value: unknown };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}

const PACKAGE = 'tollgate.v1.';
const VARIABLE = /\{([^}]+)\}/g;

/** In the order of the contract. What streams has none. */
export function readBindings(registry: FileRegistry): readonly Binding[] {
  const annotation = present(registry.getExtension('google.api.http'), 'google.api.http');
  const services = [...registry].filter((type) => type.kind === 'service');
  return services
    .filter(({ typeName }) => typeName.startsWith(PACKAGE))
    .flatMap(({ methods }) => methods)
    .filter(({ methodKind }) => methodKind === 'unary')
    .flatMap((method) => bindingsOf(method, annotation));
}

function bindingsOf(method: DescMethod, annotation: DescExtension): Binding[] {
  // The descriptors are read at run time, so TypeScript knows no shape of the option.
  const rule = getOption(method, annotation) as unknown as HttpRule;
  return [rule, ...rule.additionalBindings].map(({ pattern, body }, index) => {
    const { case: verb, value: path } = pattern;
    assert(isVerb(verb) && typeof path === 'string', `${method.name} has an HTTP form`);
    const variables = [...path.matchAll(VARIABLE)].map(([, name = '']) => ({
      path: name,
      field: fieldAt(method.input, name),
    }));
    const shape = path.replaceAll(VARIABLE, '{}');
    return { method, index, verb, shape, variables, hasBody: body === '*' };
  });
}

function isVerb(text: string | undefined): text is Binding['verb'] {
  return text !== undefined && ['get', 'post', 'put', 'patch', 'delete'].includes(text);
}

function fieldAt(message: DescMessage, path: string): DescField {
  const [name, ...rest] = path.split('.');
  const field = message.fields.find((known) => known.name === name);
  assert(field !== undefined, `${message.name} has ${path}`);
  if (rest.length === 0) return field;
  assert(field.fieldKind === 'message', `${message.name}.${name} is a message`);
  return fieldAt(field.message, rest.join('.'));
}
