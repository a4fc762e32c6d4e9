// The flags of `tollgate replay`, as typed: text, checked for spelling only.

import { parseArgs } from 'node:util';
import { misuseText } from '../cli/misuse.js';
import { usageFailure } from '../cli/usage.js';
import { TARGET_FLAGS } from '../remote/target.js';

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;

const FLAGS = {
  ...TARGET_FLAGS,
  format: text,
  orgs: text,
  org: text,
  'org-column': text,
  meter: text,
  'meter-column': text,
  quantity: text,
  'quantity-column': text,
  'cpu-seconds-column': text,
  'gpu-seconds-column': text,
  'latency-ms-column': text,
  'event-id-column': text,
  'event-id-prefix': text,
  'time-column': text,
  'time-format': text,
  dimension: texts,
  'dimension-column': texts,
  'shift-time': text,
  speed: text,
  limit: text,
  mode: text,
  window: text,
  'batch-size': text,
  concurrency: text,
  retries: text,
  'connect-timeout-ms': text,
  'enforce-quota': flag,
  json: flag,
  help: { type: 'boolean', short: 'h' },
} as const;

export type Flags = ReturnType<typeof parseFlags>['flags'];
export type FlagName = keyof typeof FLAGS;

export function parseFlags(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: FLAGS,
      allowPositionals: true,
      strict: true,
    });
    return { flags: values, files: positionals };
  } catch (error) {
    throw usageFailure(misuseText(error));
  }
}

/** One of `choices`, the first where the flag is absent. */
export function choiceOf<T extends string>(
  flags: Flags,
  name: FlagName,
  choices: readonly [T, ...T[]],
): T {
  const value = flags[name];
  if (value === undefined) return choices[0];
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw usageFailure(`--${name}: expected one of ${choices.join(', ')}, got ${String(value)}`);
}

/** A whole number within the bounds, or `absent` where the flag is not given. */
export function wholeNumberOf(
  flags: Flags,
  name: FlagName,
  { min, max, absent }: { readonly min: number; readonly max: number; readonly absent: number },
): number {
  const value = flags[name];
  if (value === undefined) return absent;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : -1;
  if (number >= min && number <= max) return number;
  const bound = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  throw usageFailure(`--${name}: expected a whole number ${bound}, got ${String(value)}`);
}

/** Two flags for one thing would leave open which one holds. */
export function refuseTogether(flags: Flags, names: readonly FlagName[]): void {
  const given = names.filter((name) => flags[name] !== undefined);
  if (given.length < 2) return;
  throw usageFailure(`${given.map((name) => `--${name}`).join(' and ')} exclude each other`);
}

/** `key=value` pairs of a repeatable flag. `bare` says what a key without "=" stands for. */
export function pairsOf(
  flags: Flags,
  name: 'dimension' | 'dimension-column',
  bare: (key: string) => string | undefined,
): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const argument of flags[name] ?? []) {
    const split = argument.indexOf('=');
    const key = split < 0 ? argument : argument.slice(0, split);
    const value = split < 0 ? bare(key) : argument.slice(split + 1);
    if (key === '' || value === undefined || value === '') {
      throw usageFailure(`--${name}: expected key=value, got ${argument}`);
    }
    if (pairs.has(key)) throw usageFailure(`--${name}: ${key} is given twice`);
    pairs.set(key, value);
  }
  return pairs;
}
