// Paging: sizes are clamped, tokens are opaque, name their list and are checked when they come
// back.

import { limits } from '../limits.js';
import type { Faults } from './parse.js';

/** Absent or 0: the default; below 0: 1; above the bound: the bound. */
export function pageSizeOf(size: number): number {
  if (size === 0) return limits.pageDefault;
  return Math.min(Math.max(size, 1), limits.pageMax);
}

type Place = readonly (string | number)[];

export function encodePageToken(list: string, place: Place): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

/** Undefined for the first page, or where the token is not one of this list's. */
export function decodePageToken(
  token: string,
  list: string,
  faults: Faults,
  field = 'page_token',
): Place | undefined {
  if (token === '') return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(value) && value[0] === list) return value.slice(1);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  faults.add(field, `is not a next_${field} of this list`);
  return undefined;
}
