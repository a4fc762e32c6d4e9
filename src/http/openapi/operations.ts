// One operation of the document for each binding of an RPC.

import type { DescMessage, JsonObject } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';
import { taggedFieldOf, takesVersion } from '../call-headers.js';
import { fileTypeOf } from '../raw-replies.js';
import { firstSentence } from './comments.js';
import { type Failing, failuresOf } from './errors.js';
import { exampleOf } from './examples.js';
import type { Located } from './located.js';
import { describeParameters, factsOf, type ParametersOptions } from './parameters.js';
import type { RpcFacts } from './rpc-facts.js';

/** Path items in the order of the contract, the operations of one path side by side. */
export function describePaths(
  bindings: readonly Located[],
  options: ParametersOptions,
): JsonObject {
  const byShape = new Map<string, Located[]>();
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
      sharing.map((binding) => [
        binding.verb.toLowerCase(),
        describeOperation(binding, names, options),
      ]),
    );
  }
  return paths;
}

/** `meter` rather than `meter.key`, and `key` where nobody says it shorter. */
function variableNames(sharing: readonly Located[]): readonly string[] {
  const [first] = sharing;
  return present(first, 'a binding').variables.map((_, i) => {
    const paths = sharing.map(({ variables }) => present(variables[i], 'a variable').path);
    const plain = paths.find((path) => !path.includes('.'));
    return plain ?? present(paths[0]?.split('.').at(-1), 'a name');
  });
}

function describeOperation(
  binding: Located,
  names: readonly string[],
  options: ParametersOptions,
): JsonObject {
  const { service, method, index, body, verb } = binding;
  const { commentOf, rpcs } = options;
  const comment = commentOf(method);
  const facts = factsOf(binding, rpcs);
  const { needs } = facts;
  const parameters = describeParameters(binding, names, options);
  const isTagged = taggedFieldOf(method.output) !== undefined;
  return {
    tags: [service],
    operationId: index === 0 ? method.name : `${method.name}_${index + 1}`,
    summary: firstSentence(comment),
    description: comment.includes(needs) ? comment : `${comment}\n\n${needs}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === 'whole' ? { requestBody: requestBody(binding, options) } : {}),
    responses: {
      200: {
        description: commentOf(method.output),
        ...(isTagged ? { headers: { ETag: ETAG } } : {}),
        content: replyContent(method.output, options),
      },
      ...(isTagged && verb === 'GET' ? { 304: { description: 'The known version holds.' } } : {}),
      ...failuresOf(failingOf(binding, comment, facts), 'Status'),
    },
  };
}

function failingOf(
  { verb, body, variables, method }: Located,
  comment: string,
  { deniesAsError }: RpcFacts,
): Failing {
  return {
    needsCredential: true,
    hasBody: body === 'whole',
    mayMiss: variables.length > 0 || comment.includes('NOT_FOUND'),
    // Asked for denials as errors, it answers a suspension so.
    mayConflict: verb !== 'GET' || deniesAsError || saysConflict(comment),
    takesVersion: takesVersion(method.input),
  };
}

/** Whether the comment of an RPC tells of one. */
export function saysConflict(comment: string): boolean {
  return /ALREADY_EXISTS|FAILED_PRECONDITION/.test(comment);
}

const ETAG: JsonObject = {
  description: 'Version of the object, where the reply has one.',
  schema: { type: 'string' },
};

function requestBody(binding: Located, options: ParametersOptions): JsonObject {
  const { schemas, commentOf } = options;
  const { input } = binding.method;
  const inPath = new Set(binding.variables.map(({ field }) => field));
  const schema = schemas.ofMessage(input, 'request');
  const example = exampleOf(input, commentOf, inPath);
  return {
    required: schemas.isNeeded(input),
    content: { 'application/json': { schema, example } },
  };
}

function replyContent(output: DescMessage, { schemas }: ParametersOptions): JsonObject {
  const fileType = fileTypeOf(output);
  return {
    ...(fileType === undefined ? {} : { [fileType]: {} }),
    'application/json': { schema: schemas.ofMessage(output, 'reply') },
  };
}
