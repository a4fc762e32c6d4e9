// The HTTP form of each RPC, read from the annotations (google.api.http) in the descriptors.
// https://github.com/googleapis/googleapis/blob/master/google/api/http.proto

import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescExtension,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  getOption,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { assert, present } from '../base/assert.js';

export type { FileRegistry };

export const VERBS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpVerb = (typeof VERBS)[number];

export interface Binding {
  /** `MeteringService`. */
  readonly service: string;
  readonly method: DescMethod;
  readonly verb: HttpVerb;
  /** `/v1/orgs/{event.org_id}/usage:record`. */
  readonly template: string;
  /** The whole request but what the path has; or nothing, and the query has it. */
  readonly body: 'whole' | 'none';
}

const PACKAGE = 'tollgate.v1.';
const IMAGE = new URL('../../generated/contract.binpb', import.meta.url);

export function readContract(): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(IMAGE)));
}

export function bindingsOf(contract: FileRegistry): readonly Binding[] {
  const http = present(contract.getExtension('google.api.http'), 'the HTTP annotation');
  return [...contract].flatMap((type) => {
    if (type.kind !== 'service' || !type.typeName.startsWith(PACKAGE)) return [];
    return type.methods.flatMap((method) => {
      if (method.methodKind !== 'unary') return [];
      const rule = getOption(method, http as DescExtension) as unknown as HttpRule;
      return [rule, ...rule.additionalBindings].map((each) => bindingOf(method, each));
    });
  });
}

interface HttpRule {
  readonly pattern: { readonly case: string | undefined; readonly value: unknown };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}

function bindingOf(method: DescMethod, { pattern, body }: HttpRule): Binding {
  const verb = VERBS.find((each) => each.toLowerCase() === pattern.case);
  assert(verb !== undefined && typeof pattern.value === 'string', 'a binding has a verb and path');
  assert(body === '*' || body === '', 'a body is the whole request');
  const service = method.parent.typeName.slice(PACKAGE.length);
  return { service, method, verb, template: pattern.value, body: body === '*' ? 'whole' : 'none' };
}
