// Which fields an update changes: those of its mask, or all that can be changed where it has none.

import type { Faults } from './parse.js';

/** `changeable` are the paths of the contract, in snake_case. */
export function fieldsOf(
  mask: readonly string[] | undefined,
  changeable: readonly string[],
  faults: Faults,
): ReadonlySet<string> {
  if (mask === undefined || mask.length === 0) return new Set(changeable);
  for (const path of mask) {
    if (changeable.includes(path)) continue;
    const known = changeable.join(', ');
    faults.add('update_mask', `${JSON.stringify(path)} cannot be changed: ${known} can`);
  }
  return new Set(mask);
}
