// Fields of bodies and queries of older systems. What is wrong with one is refused by its name;
// names that are not known are passed over, as those systems do.

import { decimalFromDouble, formatDecimal } from '../../base/decimal.js';
import { invalidField } from '../../operations/refusal.js';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(body: unknown, name = 'body'): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields;
  throw invalidField(name, 'must be an object');
}

/** Null is absent, here and below. */
export function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalidField(name, 'must be text');
}

export function requiredText(fields: Fields, name: string): string {
  const value = textIn(fields, name);
  if (value !== undefined && value !== '') return value;
  throw invalidField(name, 'is required');
}

export function flagIn(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalidField(name, 'must be true or false');
}

export function wholeIn(fields: Fields, name: string): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
  throw invalidField(name, 'must be a whole number');
}

/** What a double keeps of any decimal. */
const DIGITS_MAX = 15;

/**
 * A number, or a decimal as text, as the decimal text of the contract, which checks it. A number
 * with more digits than JSON's parser kept could be another one than was sent.
 */
export function decimalIn(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  // JSON has numbers like 1e999, which are infinite.
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalidField(name, 'must be a number');
  }
  const text = formatDecimal(decimalFromDouble(value));
  if (significant(text) <= DIGITS_MAX) return text;
  throw invalidField(name, `has more than ${DIGITS_MAX} digits: send it as text`);
}

function significant(text: string): number {
  return text.replace(/[-.]/g, '').replace(/^0+|0+$/g, '').length;
}

/** The same, of which at least one is asked for; 1 where it is absent. */
export function quantityIn(fields: Fields, name: string): string {
  const text = decimalIn(fields, name) ?? '1';
  if (Number(text) < 1) throw invalidField(name, 'must be 1 or more');
  return text;
}

export function oneOf(query: URLSearchParams, name: string): string | undefined {
  const [first, ...more] = query.getAll(name);
  if (more.length > 0) throw invalidField(name, 'is given more than once');
  return first;
}

/** Repeated, or with commas between, or both. */
export function manyOf(query: URLSearchParams, name: string): readonly string[] {
  const texts = query.getAll(name).flatMap((text) => text.split(','));
  return [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))].sort();
}

export function wholeOf(query: URLSearchParams, name: string): number | undefined {
  const text = oneOf(query, name);
  if (text === undefined) return undefined;
  if (/^[+-]?\d{1,15}$/.test(text.trim())) return Number(text);
  throw invalidField(name, 'must be a whole number');
}

export function flagOf(query: URLSearchParams, name: string): boolean | undefined {
  const text = oneOf(query, name)?.toLowerCase();
  if (text === undefined) return undefined;
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw invalidField(name, 'must be true or false');
}

export function listIn(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? [];
  if (Array.isArray(value)) return value;
  throw invalidField(name, 'must be a list');
}
