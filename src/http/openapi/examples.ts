// A body to begin with: what a request must have, and what the contract's comments give an example
// of. Nothing that the path has, and nothing that only the server sets.

import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { isRequired } from './bounds.js';
import type { CommentOf } from './comments.js';
import { wellKnownSchema } from './values.js';

/** Texts in a comment: `such as "0.6"`, "for example `run_units`". */
const EXAMPLE = /\b(?:for example|such as) (?:"([^"]+)"|`([^`{]+)`)/;
/** They change with every call, or come from an earlier one. */
const OF_A_CALL: ReadonlySet<string> = new Set(['request_id', 'etag', 'update_mask']);

export function exampleText(comment: string): string | undefined {
  const [, quoted, code] = EXAMPLE.exec(comment) ?? [];
  return quoted ?? code;
}

/** `inPath`: fields that the path names. */
export function exampleOf(
  message: DescMessage,
  commentOf: CommentOf,
  inPath: ReadonlySet<DescField>,
): JsonObject {
  const example: JsonObject = {};
  for (const field of message.fields) {
    const comment = commentOf(field);
    const isOther = field.oneof !== undefined && field.oneof.fields[0] !== field;
    const isSkipped = inPath.has(field) || OF_A_CALL.has(field.name) || isOther;
    if (isSkipped || /\bOutput only\b/.test(comment)) continue;
    const value = exampleValue(field, comment, commentOf, inPath);
    if (value !== undefined) example[field.name] = value;
  }
  return example;
}

function exampleValue(
  field: DescField,
  comment: string,
  commentOf: CommentOf,
  inPath: ReadonlySet<DescField>,
): JsonValue | undefined {
  const required = isRequired(comment);
  if (field.fieldKind === 'map') return undefined;
  if (field.message !== undefined) {
    if (wellKnownSchema(field.message) !== undefined) return undefined;
    const inner = exampleOf(field.message, commentOf, inPath);
    if (field.fieldKind !== 'list') return inner;
    return required || /\b1-[\d,]+\b/.test(comment) ? [inner] : undefined;
  }
  if (field.enum !== undefined) {
    return required ? (field.enum.values[1]?.name ?? '') : undefined;
  }
  if (field.scalar !== ScalarType.STRING || field.fieldKind === 'list') return undefined;
  return exampleText(comment) ?? (required ? anyText(comment) : undefined);
}

function anyText(comment: string): string {
  return /\b(money|decimal text)\b/.test(comment) ? '1' : 'text';
}
