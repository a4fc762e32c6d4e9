// What a comment says about the values that a field takes, in the words that the contract uses for
// it. Only of what callers send: a reply is what it is.

import type { JsonObject } from '@bufbuild/protobuf';

export type Sort = 'text' | 'whole' | 'list' | 'map' | 'other';

export interface BoundedField {
  readonly sort: Sort;
  readonly comment: string;
  /** Where it may be left out, it may also be given as "" or 0, which is the same. */
  readonly required: boolean;
  /** Absent is something else than "" and 0. */
  readonly optional: boolean;
}

export function isRequired(comment: string): boolean {
  return /\bRequired(\.|;|, with )/.test(comment);
}

export function boundsOf(field: BoundedField): JsonObject {
  switch (field.sort) {
    case 'text':
      return textBounds(field);
    case 'whole':
      return wholeBounds(field);
    case 'list':
      return listBounds(field);
    case 'map':
      return mapBounds(field);
    case 'other':
      return {};
  }
}

function textBounds({ comment, required }: BoundedField): JsonObject {
  const [, set, range] = /`(\[[^`\]]+\])(\{[\d,]+\})`/.exec(comment) ?? [];
  if (set !== undefined && range !== undefined) {
    return { pattern: required ? `^${set}${range}$` : `^(${set}${range})?$` };
  }
  const [, least, most] = /\b([\d,]+)-([\d,]+) (?:printable ASCII )?characters/.exec(comment) ?? [];
  const [, atMost] = /\bat most ([\d,]+) characters/.exec(comment) ?? [];
  const [, named] = / characters of `(\[[^`]+\])`/.exec(comment) ?? [];
  const pattern = named ?? (/printable ASCII/.test(comment) ? '[ -~]' : undefined);
  const lengthMax = most ?? atMost;
  return {
    ...(required ? { minLength: least === undefined ? 1 : count(least) } : {}),
    ...(lengthMax === undefined ? {} : { maxLength: count(lengthMax) }),
    ...(pattern === undefined ? {} : { pattern: `^${pattern}*$` }),
  };
}

function wholeBounds({ comment, required, optional }: BoundedField): JsonObject {
  const [, least, most] = /(?:^|[ ,])(\d+)-([\d,]*\d)(?=[.,;]|$)/.exec(comment) ?? [];
  if (least === undefined || most === undefined) return {};
  return { minimum: required || optional ? count(least) : 0, maximum: count(most) };
}

function listBounds({ comment, required }: BoundedField): JsonObject {
  const [, atMost] = /\bat most ([\d,]+)(?! [KMG]iB)\b/.exec(comment) ?? [];
  const [, least, most] = /\b(\d+)-([\d,]*\d)\b/.exec(comment) ?? [];
  const itemsMax = atMost ?? most;
  if (itemsMax === undefined) return required ? { minItems: 1 } : {};
  const itemsMin = required || (atMost === undefined && least === '1') ? { minItems: 1 } : {};
  return { ...itemsMin, maxItems: count(itemsMax) };
}

function mapBounds({ comment }: BoundedField): JsonObject {
  const [, entries] = /\bat most ([\d,]+);/.exec(comment) ?? [];
  const [, least, most] = /\bkeys of (\d+)-(\d+)\b/.exec(comment) ?? [];
  if (entries === undefined) return {};
  if (least === undefined || most === undefined) return { maxProperties: count(entries) };
  const propertyNames = { minLength: count(least), maxLength: count(most) };
  return { maxProperties: count(entries), propertyNames };
}

/** "1,000,000" */
function count(text: string): number {
  return Number(text.replaceAll(',', ''));
}
