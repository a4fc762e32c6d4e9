// Dimensions are labels on an event. Keys and values hold no control characters (checked at the
// door), so control characters can separate them in keys of the state.

export type Dimensions = ReadonlyMap<string, string>;
/** A set of required labels, sorted by key. */
export type Match = readonly (readonly [key: string, value: string])[];

export const NO_DIMENSIONS: Dimensions = new Map();

export function matches(match: Match, dimensions: Dimensions): boolean {
  for (const [key, value] of match) {
    if (dimensions.get(key) !== value) return false;
  }
  return true;
}

export function toMatch(record: Readonly<Record<string, string>>): Match {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export function matchText(match: Match): string {
  return match.map(([key, value]) => `${key}\u0002${value}`).join('\u0001');
}

export function matchOfText(text: string): Match {
  if (text === '') return [];
  return text.split('\u0001').map((pair): readonly [string, string] => {
    const [key = '', value = ''] = pair.split('\u0002');
    return [key, value];
  });
}

/** The values of `keys` in order; a missing label counts as ''. */
export function valuesOf(keys: readonly string[], dimensions: Dimensions): string {
  if (keys.length === 0) return '';
  if (keys.length === 1) return dimensions.get(keys[0] as string) ?? '';
  return keys.map((key) => dimensions.get(key) ?? '').join('\u0001');
}

/** The labels that `valuesOf` made the text of. */
export function labelsOfValues(keys: readonly string[], text: string): Match {
  const values = text.split('\u0001');
  return keys.map((key, i) => [key, values[i] ?? ''] as const);
}

/** Sorted `key=value` pairs: the same labels in any order give the same text. */
export function dimensionsText(dimensions: Dimensions): string {
  if (dimensions.size === 0) return '';
  if (dimensions.size === 1) {
    for (const [key, value] of dimensions) return `${key}\u0002${value}`;
  }
  return matchText([...dimensions].sort(([a], [b]) => (a < b ? -1 : 1)));
}
