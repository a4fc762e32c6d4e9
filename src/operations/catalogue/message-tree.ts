// A message as the tree of texts that YAML gives, so that the shapes and checks of the file judge
// what a call says too. A field that says nothing is not in the tree: then its default holds, or it
// is found missing.

import type { Duration } from '../../../generated/ts/google/protobuf/duration.js';
import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import { type Path, pathText } from '../../seed/problem.js';
import { openReader, type Reader } from '../../seed/reader.js';
import { LENGTH_MS_MAX } from '../../seed/scalars.js';
import type { YamlMapping, YamlNode } from '../../seed/yaml.js';
import { type Faults, parseDuration, parseTime } from '../parse.js';

type Given = Readonly<Record<string, YamlNode | undefined>>;

/** `texts`: '' says nothing. `kept`: only what is undefined says nothing. */
export function tree(texts: Given, kept: Given = {}): YamlMapping {
  const said = Object.entries(texts).filter(([, node]) => node !== undefined && node !== '');
  const all = [...said, ...Object.entries(kept).filter(([, node]) => node !== undefined)];
  return Object.fromEntries(all) as YamlMapping;
}

/** Fields that are maps: what stands below is a key, written `["key"]`. */
const MAPS: ReadonlySet<string> = new Set(['match', 'features', 'tiers', 'overheads']);

/** Where the tree has another name than the message. */
const NAMES: Readonly<Record<string, string>> = {
  'plan.id': 'plan.plan_id',
  'price_list.id': 'price_list.price_list_id',
  'quota_override.rule.replaces': 'quota_override.replaces',
  'quota_override.rule.expires': 'quota_override.expire_time',
  'quota_override.rule.reason': 'quota_override.reason',
};

export function messageReader(root: YamlMapping, faults: Faults): Reader {
  return openReader(root, (at, rule) => faults.add(fieldText(at), rule));
}

export function fieldText(at: Path): string {
  const place = at.findIndex((step, i) => i > 0 && MAPS.has(`${at[i - 1]}`) && isKey(step));
  if (place >= 0) return `${fieldText(at.slice(0, place))}[${JSON.stringify(at[place])}]`;
  const text = pathText(at);
  return NAMES[text] ?? text;
}

/** Tiers of a price are a list, those of run units a map. */
function isKey(step: string | number | undefined): boolean {
  return typeof step === 'string';
}

export function listTree(values: readonly (string | number)[]): YamlNode | undefined {
  return values.length === 0 ? undefined : values.map(String);
}

export function mapTree(
  values: ReadonlyMap<string, string | boolean>,
  field: string,
  faults: Faults,
): YamlNode | undefined {
  if (values.size === 0) return undefined;
  // Objects lose this key on the way, which would widen a match.
  if (values.has('__proto__')) faults.add(field, 'a key must not be __proto__');
  const entries = [...values].map(([key, value]) => [key, `${value}`] as const);
  return Object.fromEntries(entries.filter(([key]) => key !== '__proto__'));
}

/** The name of an enum's value in a file; 0 says nothing. Its shape refuses an unknown one. */
export function enumTree(names: Readonly<Record<string, number>>, value: number): string {
  if (value === 0) return '';
  return Object.keys(names).find((name) => names[name] === value) ?? `${value}`;
}

/** Where a file has a decimal or one of these for "unlimited", a call has a decimal or nothing. */
const WORDS: readonly string[] = ['', 'null', '~', 'unlimited'];
/** No decimal, nor a word of the file: its shape says what it must be. */
const NO_DECIMAL = '-';

export function quantityTree(text: string | undefined): string | undefined {
  return text !== undefined && WORDS.includes(text) ? NO_DECIMAL : text;
}

export function timeTree(
  time: Timestamp | undefined,
  field: string,
  faults: Faults,
): string | undefined {
  const ms = parseTime(time, field, faults);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

export function lengthTree(
  length: Duration | undefined,
  field: string,
  faults: Faults,
): string | undefined {
  if (length === undefined) return undefined;
  if (length.nanos % 1_000_000 !== 0) faults.add(field, 'must be whole milliseconds');
  const bounds = { fallbackMs: 1, maxMs: LENGTH_MS_MAX };
  return `${parseDuration(length, field, bounds, faults)}ms`;
}
