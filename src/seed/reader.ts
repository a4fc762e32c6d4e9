// Takes parts out of a catalogue by their path and notes what is wrong with each, in our words
// rather than zod's. The catalogue is texts in lists and mappings, as YAML gives it; what a call
// says is brought into the same form.

import { z } from 'zod';
import { didYouMean, type Path, type Placed, type Report } from './problem.js';
import { isMapping, nodeAt, type YamlMapping, type YamlNode } from './yaml.js';

export interface Reader {
  readonly report: Report;
  /** The part at `at`; undefined where its shape is wrong. `absent` stands in for no part. */
  readonly part: <T>(at: Path, shape: z.ZodType<T>, absent?: YamlNode) => T | undefined;
  /** The same with its place: one item, or none where its shape is wrong. */
  readonly placed: <T>(at: Path, shape: z.ZodType<T>) => readonly Placed<T>[];
  /** Where the items of the list at `at` stand; none where there is no list. */
  readonly items: (at: Path) => readonly Path[];
  /** The texts that `field` has in `items`, whatever else is wrong with the item. */
  readonly texts: (items: readonly Path[], field: string) => readonly Placed<string>[];
}

export function openReader(root: YamlMapping, report: Report): Reader {
  function part<T>(at: Path, shape: z.ZodType<T>, absent?: YamlNode): T | undefined {
    const node = nodeAt(root, at) ?? absent;
    const result = shape.safeParse(node);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path.filter((step) => typeof step !== 'symbol');
      const place = [...at, ...path];
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const known = path.length === 0 ? keysOf(shape) : [];
          report([...place, key], `unknown key${didYouMean(key, known)}`);
        }
      } else report(place, ruleOf(issue, nodeAt(root, place)));
    }
    return undefined;
  }

  return {
    report,
    part,
    placed(at, shape) {
      const value = part(at, shape);
      return value === undefined ? [] : [{ at, value }];
    },
    items(at) {
      const node = nodeAt(root, at);
      if (node === undefined || node === '') return [];
      if (Array.isArray(node)) return node.map((_, index) => [...at, index]);
      report(at, 'must be a list');
      return [];
    },
    texts(items, field) {
      return items.flatMap((item) => {
        const at = [...item, field];
        const value = nodeAt(root, at);
        return typeof value === 'string' ? [{ at, value }] : [];
      });
    },
  };
}

function ruleOf(issue: z.core.$ZodIssue, node: YamlNode | undefined): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (node === undefined) return 'is required';
  if (issue.expected === 'array') return 'must be a list';
  if (issue.expected === 'string') {
    return `must be a single value, not a ${isMapping(node) ? 'mapping' : 'list'}`;
  }
  return 'must be a mapping';
}

function keysOf(shape: z.ZodType): readonly string[] {
  const object = shape instanceof z.ZodPipe ? shape.in : shape;
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}
