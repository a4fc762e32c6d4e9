// What an operation takes beside its body: in the path, in the query, in headers.

import type { DescField, JsonObject } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';
import { DENY_AS_ERROR } from '../../rpc/edge.js';
import { repeatFieldOf, taggedFieldOf, takesVersion } from '../call-headers.js';
import { isRequired } from './bounds.js';
import type { CommentOf } from './comments.js';
import type { Located } from './located.js';
import type { RpcFacts } from './rpc-facts.js';
import type { Schemas } from './schemas.js';
import { wellKnownSchema } from './values.js';

export interface ParametersOptions {
  readonly commentOf: CommentOf;
  readonly schemas: Schemas;
  /** By `Service/Method`. */
  readonly rpcs: ReadonlyMap<string, RpcFacts>;
}

/** `names` are those of the variables, as the path has them. */
export function describeParameters(
  binding: Located,
  names: readonly string[],
  { commentOf, schemas, rpcs }: ParametersOptions,
): JsonObject[] {
  const inPath = binding.variables.map(({ field }, i) => ({
    name: present(names[i], binding.template),
    in: 'path',
    required: true,
    description: commentOf(field),
    schema: schemas.ofField(field, true),
  }));
  const inQuery = queryFields(binding).map((field) => {
    const description = commentOf(field);
    const required = isRequired(description);
    return {
      name: field.name,
      in: 'query',
      ...(required ? { required } : {}),
      description,
      ...(field.fieldKind === 'list' ? { style: 'form', explode: true } : {}),
      schema: schemas.ofField(field, required),
    };
  });
  const { deniesAsError } = factsOf(binding, rpcs);
  const denial = deniesAsError ? [DENIAL] : [];
  return [...inPath, ...inQuery, ...headerParameters(binding), ...denial];
}

export function factsOf({ service, method }: Located, rpcs: ParametersOptions['rpcs']): RpcFacts {
  return present(rpcs.get(`${service}/${method.name}`), method.name);
}

/** What the path has not and a query can hold: of messages those that JSON writes as a text. */
function queryFields({ method, variables, body }: Located): readonly DescField[] {
  if (body === 'whole') return [];
  const inPath = new Set(variables.map(({ path }) => path));
  return method.input.fields.filter((field) => {
    if (inPath.has(field.name) || field.fieldKind === 'map') return false;
    if (field.fieldKind === 'list') return field.listKind !== 'message';
    return field.fieldKind !== 'message' || wellKnownSchema(field.message) !== undefined;
  });
}

function headerParameters({ method, variables, verb }: Located): JsonObject[] {
  const { input, output } = method;
  const repeats = repeatFieldOf(
    input,
    variables.map(({ path }) => path),
  );
  const reads = verb === 'GET' && taggedFieldOf(output) !== undefined;
  return [
    ...(verb === 'GET' || repeats === undefined
      ? []
      : [header('Idempotency-Key', `Stands for \`${repeats}\`, where that is left out.`)]),
    ...(takesVersion(input)
      ? [header('If-Match', 'Stands for `etag`, where that is left out.')]
      : []),
    ...(reads
      ? [header('If-None-Match', 'The version that is known: 304 if it still holds.')]
      : []),
  ];
}

const DENIAL_TEXT = [
  'With `true` a denial is an error instead of data in a reply with status 200: 429',
  '(QUOTA_EXCEEDED, with QuotaFailure), or 409 (SUSPENDED) where the organisation is suspended.',
  'A server that is set to `deny_as_error` always answers so.',
].join(' ');

const DENIAL: JsonObject = {
  ...header(DENY_AS_ERROR, DENIAL_TEXT),
  schema: { type: 'string', enum: ['true', 'false'], default: 'false' },
};

function header(name: string, description: string): JsonObject {
  return { name, in: 'header', description, schema: { type: 'string' } };
}
