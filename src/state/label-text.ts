import { MINUTE_MS } from '../base/units.js';
import type { Labels } from '../journal/entry.js';

/** The totals' smallest bucket: every UTC offset in use is a multiple of it. */
export const QUARTER_MS = 15 * MINUTE_MS;

/** Text of a label set, which finds its id. */
export function labelText(labels: Labels): string {
  const first = labels[0];
  if (first === undefined) return '';
  if (labels.length === 1) return `${first[0]}\u0002${first[1]}`;
  return labels.map(([key, value]) => `${key}\u0002${value}`).join('\u0001');
}
