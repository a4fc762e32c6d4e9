// What shapes are made of: a scalar read from its text, a list of them, a map of them.

import { z } from 'zod';
import { isRefused, type Read } from './scalars.js';

export function scalar<T>(read: Read<T>) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (!isRefused(value)) return value;
    context.addIssue({ code: 'custom', message: value.refused });
    return z.NEVER;
  });
}

/** An empty text is an empty list: a key whose items are all commented out. */
export function list<T>(read: Read<T>, itemsMax: number) {
  return z
    .preprocess((given) => (given === '' ? [] : given), z.array(scalar(read)))
    .refine((values) => values.length <= itemsMax, `must have at most ${itemsMax} items`)
    .refine((values) => new Set(values).size === values.length, 'must not name an item twice');
}

export function map<T>(readKey: Read<string>, readValue: Read<T>, entriesMax: number) {
  return z
    .preprocess((given) => (given === '' ? {} : given), z.record(z.string(), z.string()))
    .refine(
      (entries) => Object.keys(entries).length <= entriesMax,
      `must have at most ${entriesMax} entries`,
    )
    .transform((entries, context) => {
      const out: Record<string, T> = {};
      for (const [key, text] of Object.entries(entries)) {
        const value = readValue(text);
        const refused = [readKey(key), value].find(isRefused);
        if (refused !== undefined) {
          context.addIssue({ code: 'custom', path: [key], message: refused.refused });
        } else if (!isRefused(value)) out[key] = value;
      }
      return sorted(out);
    });
}

export function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
