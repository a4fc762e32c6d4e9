// Fields as schemas: what a field holds, whether it is there, and in requests what it may hold.

import { type DescField, type DescMessage, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { boundsOf, isRequired, type Sort } from './bounds.js';
import type { CommentOf } from './comments.js';
import { reference, scalarSchema, shortName, type Value, wellKnownSchema } from './values.js';

export type Side = 'request' | 'reply';

export interface Fields {
  /** As callers send it, without a description. */
  readonly sent: (field: DescField, required: boolean) => JsonObject;
  readonly property: (field: DescField, side: Side) => JsonObject;
  /** Whether a message of that side must have it. */
  readonly isThere: (field: DescField, side: Side) => boolean;
}

export interface FieldsOptions {
  readonly commentOf: CommentOf;
  /** Fields that a path names: a body may leave them out. */
  readonly inPath: ReadonlySet<DescField>;
  /** Messages that a request changes in part: it may leave out any field of theirs. */
  readonly patched: ReadonlySet<DescMessage>;
  /** Of a message's schema. */
  readonly nameOf: (message: DescMessage, side: Side) => string;
}

export function describeFields({ commentOf, inPath, patched, nameOf }: FieldsOptions): Fields {
  const valueSchema = (value: Value, side: Side): JsonObject => {
    switch (value.kind) {
      case 'scalar':
        return scalarSchema(value.scalar);
      case 'enum':
        return reference(shortName(value.enum));
      case 'message':
        return wellKnownSchema(value.message) ?? reference(nameOf(value.message, side));
    }
  };

  const fieldSchema = (field: DescField, side: Side): JsonObject => {
    const schema = valueSchema(elementOf(field), side);
    if (field.fieldKind === 'list') return { type: 'array', items: schema };
    if (field.fieldKind === 'map') return { type: 'object', additionalProperties: schema };
    return schema;
  };

  const sent = (field: DescField, required: boolean): JsonObject => ({
    ...fieldSchema(field, 'request'),
    ...boundsOf({
      sort: sortOf(field),
      comment: commentOf(field),
      required,
      optional: hasPresence(field),
    }),
  });

  const isThere = (field: DescField, side: Side): boolean => {
    if (side === 'reply') return !hasPresence(field);
    return isRequired(commentOf(field)) && !inPath.has(field) && !patched.has(field.parent);
  };

  const property = (field: DescField, side: Side): JsonObject => {
    const comment = commentOf(field);
    return {
      ...(side === 'reply' ? fieldSchema(field, side) : sent(field, isThere(field, side))),
      ...(comment === '' ? {} : { description: comment }),
      ...(/\bOutput only\b/.test(comment) ? { readOnly: true } : {}),
    };
  };

  return { sent, property, isThere };
}

export function elementOf(field: DescField): Value {
  switch (field.fieldKind) {
    case 'scalar':
      return { kind: 'scalar', scalar: field.scalar };
    case 'enum':
      return { kind: 'enum', enum: field.enum };
    case 'message':
      return { kind: 'message', message: field.message };
    case 'list':
      if (field.listKind === 'scalar') return { kind: 'scalar', scalar: field.scalar };
      if (field.listKind === 'enum') return { kind: 'enum', enum: field.enum };
      return { kind: 'message', message: field.message };
    case 'map':
      if (field.mapKind === 'scalar') return { kind: 'scalar', scalar: field.scalar };
      if (field.mapKind === 'enum') return { kind: 'enum', enum: field.enum };
      return { kind: 'message', message: field.message };
  }
}

/** Messages, members of a oneof and `optional` fields are left out where they are not set. */
function hasPresence(field: DescField): boolean {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return false;
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT;
}

function sortOf(field: DescField): Sort {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return field.fieldKind;
  if (field.fieldKind !== 'scalar') return 'other';
  if (field.scalar === ScalarType.STRING) return 'text';
  return field.scalar === ScalarType.INT32 ? 'whole' : 'other';
}
