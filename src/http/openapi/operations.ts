// One operation of the document for each binding of an RPC.

import type { DescField, JsonObject } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';
import type { Binding } from './bindings.js';
import { isRequired } from './bounds.js';
import { type CommentOf, firstSentence } from './comments.js';
import { failuresOf } from './errors.js';
import type { Schemas } from './schemas.js';
import { wellKnownSchema } from './values.js';

export interface OperationsOptions {
  readonly commentOf: CommentOf;
  readonly schemas: Schemas;
  /** `Service/Method` → what a caller needs, a sentence. */
  readonly permissions: ReadonlyMap<string, string>;
}

/** Path items in the order of the contract, the operations of one path side by side. */
export function describePaths(bindings: readonly Binding[], options: OperationsOptions) {
  const byShape = new Map<string, Binding[]>();
  for (const binding of bindings) {
    byShape.set(binding.shape, [...(byShape.get(binding.shape) ?? []), binding]);
  }
  const paths: JsonObject = {};
  for (const [shape, sharing] of byShape) {
    // All operations of a path have the same parameters in it, whatever their requests call them.
    const names = variableNames(sharing);
    let position = 0;
    const path = shape.replaceAll('{}', () => `{${present(names[position++], shape)}}`);
    paths[path] = Object.fromEntries(
      sharing.map((binding) => [binding.verb, describeOperation(binding, names, options)]),
    );
  }
  return paths;
}

/** `meter` rather than `meter.key`, and `key` where nobody says it shorter. */
function variableNames(sharing: readonly Binding[]): readonly string[] {
  const [first] = sharing;
  return present(first, 'a binding').variables.map((_, i) => {
    const paths = sharing.map(({ variables }) => present(variables[i], 'a variable').path);
    const plain = paths.find((path) => !path.includes('.'));
    return plain ?? present(paths[0]?.split('.').at(-1), 'a name');
  });
}

function describeOperation(
  binding: Binding,
  names: readonly string[],
  { commentOf, schemas, permissions }: OperationsOptions,
): JsonObject {
  const { method, index, hasBody } = binding;
  const comment = commentOf(method);
  const needs = present(permissions.get(`${method.parent.name}/${method.name}`), method.name);
  const parameters = [
    ...binding.variables.map(({ field }, i) => ({
      name: present(names[i], method.name),
      in: 'path',
      required: true,
      description: commentOf(field),
      schema: schemas.ofField(field, true),
    })),
    ...(hasBody
      ? []
      : queryFields(binding).map((field) => queryParameter(field, commentOf, schemas))),
  ];
  return {
    tags: [method.parent.name],
    operationId: index === 0 ? method.name : `${method.name}_${index + 1}`,
    summary: firstSentence(comment),
    description: comment.includes(needs) ? comment : `${comment}\n\n${needs}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody ? { requestBody: requestBody(binding, schemas) } : {}),
    responses: {
      200: {
        description: commentOf(method.output),
        content: { 'application/json': { schema: schemas.ofMessage(method.output, 'reply') } },
      },
      ...failuresOf({ binding, comment }),
    },
  };
}

function requestBody({ method }: Binding, schemas: Schemas): JsonObject {
  return {
    required: true,
    content: { 'application/json': { schema: schemas.ofMessage(method.input, 'request') } },
  };
}

/** What the path has not and a query can hold: of messages those that JSON writes as a text. */
function queryFields({ method, variables }: Binding): readonly DescField[] {
  const inPath = new Set(variables.map(({ path }) => path));
  return method.input.fields.filter((field) => {
    if (inPath.has(field.name) || field.fieldKind === 'map') return false;
    if (field.fieldKind === 'list') return field.listKind !== 'message';
    return field.fieldKind !== 'message' || wellKnownSchema(field.message) !== undefined;
  });
}

function queryParameter(field: DescField, commentOf: CommentOf, schemas: Schemas): JsonObject {
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
}
