// Schemas of older paths, so that a field with its meaning is a line.

import type { JsonObject } from '@bufbuild/protobuf';
import { limits } from '../../../limits.js';
import { PATH_ID } from '../../../operations/parse.js';

export type Properties = Readonly<Record<string, JsonObject>>;

/** `bounds`: other keywords of JSON Schema, a default too. */
type Shape = (description?: string, bounds?: JsonObject) => JsonObject;

export const text: Shape = ofType('string');
export const number: Shape = ofType('number');
export const whole: Shape = ofType('integer');
export const flag: Shape = ofType('boolean');

function ofType(type: string): Shape {
  return (description, bounds = {}) => ({
    type,
    ...bounds,
    ...(description === undefined ? {} : { description }),
  });
}

/** UTC in replies; a query or body may name a zone, or a day alone. */
export function instant(description?: string): JsonObject {
  return text(description, { format: 'date-time' });
}

export function whenText(description: string): JsonObject {
  return text(`${description} ISO 8601, UTC where no zone is said.`, {
    examples: ['2026-11-20', '2026-11-20T12:00:00Z'],
  });
}

/** Of an organisation, a plan, an invoice. */
export function id(description: string): JsonObject {
  return text(description, { pattern: PATH_ID.source });
}

export function among(values: readonly string[], description?: string): JsonObject {
  return text(description, { enum: [...values] });
}

/** The names of the contract's enum, as older paths write them. */
export function namesOf(enumeration: object, prefix: string): readonly string[] {
  const names = Object.keys(enumeration).filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).filter((name) => name !== 'UNSPECIFIED');
}

/** A number, or its text, which has all digits. */
export function decimal(description: string, bounds: JsonObject = {}): JsonObject {
  const pattern = `^[0-9]+(\\.[0-9]{1,${limits.quantityScale}})?$`;
  return { type: ['number', 'string'], minimum: 0, pattern, ...bounds, description };
}

export function list(items: JsonObject, bounds: JsonObject = {}): JsonObject {
  return { type: 'array', items, ...bounds };
}

export function mapOf(values: JsonObject, description?: string): JsonObject {
  return { ...ofType('object')(description), additionalProperties: values };
}

export function orNull({ type, ...rest }: JsonObject): JsonObject {
  const types = Array.isArray(type) ? type : [type ?? 'object'];
  const { enum: values } = rest;
  return {
    type: [...types, 'null'],
    ...rest,
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  };
}

/** A reply: every field is there. */
export function reply(properties: Properties, description?: string): JsonObject {
  return {
    ...ofType('object')(description),
    required: Object.keys(properties),
    properties: { ...properties },
  };
}

/** A body, with what it must have. Any other field may be null, which is as if it were absent. */
export function body(required: Properties, optional: Properties = {}): JsonObject {
  const names = Object.keys(required);
  const others = Object.entries(optional).map(([name, shape]) => [name, orNull(shape)] as const);
  return {
    type: 'object',
    ...(names.length === 0 ? {} : { required: names }),
    properties: { ...required, ...Object.fromEntries(others) },
  };
}
