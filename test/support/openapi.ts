// The OpenAPI document, and values held against its schemas.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { present } from '../../src/base/assert.js';
import { readOpenApi } from '../../src/http/openapi/stored-document.js';

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security?: readonly JsonObject[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<'application/json', Body>>;
  };
  readonly responses: Readonly<Record<string, JsonObject>>;
}

export interface Body {
  readonly schema: { readonly $ref: string };
  readonly example: JsonObject;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: JsonObject;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<
    Record<'schemas' | 'responses', Readonly<Record<string, JsonObject>>>
  >;
}

export const documentText = readOpenApi().toString();
export const document: Document = JSON.parse(documentText);
export interface Described {
  readonly path: string;
  /** `get` */
  readonly verb: string;
  readonly operation: Operation;
}

export const operations: readonly Described[] = Object.entries(document.paths).flatMap(
  ([path, item]) => Object.entries(item).map(([verb, operation]) => ({ path, verb, operation })),
);

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(JSON.parse(documentText), 'openapi');
/** The same, and no object has a field that it does not name. */
ajv.addSchema(JSON.parse(documentText, closed), 'closed');

/** What is wrong with a value, by the schema of this name. */
export function problems(name: string, value: JsonValue): unknown {
  const validate = present(ajv.getSchema(`openapi#/components/schemas/${name}`), name);
  return validate(value) ? [] : validate.errors;
}

/** What is wrong with an answer in JSON, as its operation is described; a field more is. */
export function answerProblems(
  { path, verb, operation }: Described,
  status: number,
  value: JsonValue,
): unknown {
  const { $ref } = present(operation.responses[`${status}`], `${status}`);
  const name = encodeURIComponent(path.replaceAll('/', '~1'));
  const at = typeof $ref === 'string' ? $ref : `#/paths/${name}/${verb}/responses/${status}`;
  const pointer = `closed${at}/content/application~1json/schema`;
  const validate = present(ajv.getSchema(pointer), pointer);
  return validate(value) ? [] : validate.errors;
}

function closed(_: string, value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null && 'properties' in value;
  if (!isObject || 'additionalProperties' in value) return value;
  return { ...value, additionalProperties: false };
}
