// What `tollgate keys` is told to do, read from its arguments.

import { parseArgs } from 'node:util';
import type { Duration } from '../../../generated/ts/google/protobuf/duration.js';
import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import { toTimestamp } from '../../operations/parse.js';
import { didYouMean } from '../../seed/problem.js';
import { isMisuse, misuseText } from '../cli/misuse.js';
import { usageFailure } from '../cli/usage.js';
import { readTarget, TARGET_FLAGS, type Target } from '../remote/target.js';

export type Order = { readonly target: Target } & Verb;

type Verb =
  | {
      readonly verb: 'create';
      readonly name: string;
      readonly roles: readonly string[];
      readonly orgId: string;
      readonly allowedOrgs: readonly string[];
      readonly expireTime: Timestamp | undefined;
    }
  | { readonly verb: 'list'; readonly orgId: string; readonly output: 'table' | 'json' }
  | {
      readonly verb: 'rotate';
      readonly keyId: string;
      /** Undefined: what the server takes it to be. */
      readonly overlap: Duration | undefined;
      readonly reason: string;
    }
  | { readonly verb: 'revoke'; readonly keyId: string; readonly reason: string };

const VERBS = ['create', 'list', 'rotate', 'revoke'] as const;
const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/** Throws what usageFailure makes. */
export function readOrder([first = '', ...argv]: readonly string[]): Order | 'help' {
  if (first === '--help' || first === '-h') return 'help';
  const verb = VERBS.find((known) => known === first);
  if (verb === undefined) {
    const given = first === '' ? '' : `, got ${first}${didYouMean(first, VERBS)}`;
    throw usageFailure(`expected one of ${VERBS.join(', ')}${given}`);
  }
  try {
    return READERS[verb](argv);
  } catch (error) {
    throw isMisuse(error) ? usageFailure(misuseText(error)) : error;
  }
}

const READERS = { create: readCreate, list: readList, rotate: readRotate, revoke: readRevoke };

function readCreate(argv: string[]): Order | 'help' {
  const options = { name: text, role: texts, org: text, 'allowed-org': texts, expires: text };
  const { values } = parseArgs({ args: argv, options: { ...TARGET_FLAGS, ...options, ...HELP } });
  if (values.help === true) return 'help';
  if (values.org !== undefined && values['allowed-org'] !== undefined) {
    throw usageFailure('--org and --allowed-org exclude each other');
  }
  return {
    verb: 'create',
    target: readTarget(values),
    name: required('--name', values.name),
    roles: values.role ?? [required('--role', undefined)],
    orgId: values.org ?? '',
    allowedOrgs: values['allowed-org'] ?? [],
    expireTime: values.expires === undefined ? undefined : parseExpires(values.expires),
  };
}

function readList(argv: string[]): Order | 'help' {
  const options = { org: text, json: { type: 'boolean' } as const };
  const { values } = parseArgs({ args: argv, options: { ...TARGET_FLAGS, ...options, ...HELP } });
  if (values.help === true) return 'help';
  const output = values.json === true ? 'json' : 'table';
  return { verb: 'list', target: readTarget(values), orgId: values.org ?? '', output };
}

function readRotate(argv: string[]): Order | 'help' {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { ...TARGET_FLAGS, overlap: text, reason: text, ...HELP },
    allowPositionals: true,
  });
  if (values.help === true) return 'help';
  return {
    verb: 'rotate',
    target: readTarget(values),
    keyId: keyIdOf(positionals),
    overlap: values.overlap === undefined ? undefined : parseOverlap(values.overlap),
    reason: values.reason ?? '',
  };
}

function readRevoke(argv: string[]): Order | 'help' {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { ...TARGET_FLAGS, reason: text, ...HELP },
    allowPositionals: true,
  });
  if (values.help === true) return 'help';
  const keyId = keyIdOf(positionals);
  return { verb: 'revoke', target: readTarget(values), keyId, reason: values.reason ?? '' };
}

function required(flag: string, given: string | undefined): string {
  if (given === undefined || given === '') throw usageFailure(`${flag} is required`);
  return given;
}

const KEY_ID = /^tg_[0-9a-f]{10}$/;

/** The text of a key is not repeated: it would be in whatever keeps the message. */
function keyIdOf(given: readonly string[]): string {
  const [keyId = ''] = given;
  if (given.length === 1 && KEY_ID.test(keyId)) return keyId;
  throw usageFailure('expected the id of one key, like tg_3f9a21c7d0');
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;

function parseExpires(given: string): Timestamp {
  const ms = TIME.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isFinite(ms)) return toTimestamp(ms);
  throw usageFailure(`--expires: expected a time like 2027-01-31T00:00:00Z, got ${given}`);
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

function parseOverlap(given: string): Duration {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(given) ?? [];
  if (digits === undefined) {
    throw usageFailure(`--overlap: expected a duration like 0s, 12h or 7d, got ${given}`);
  }
  return { seconds: BigInt(Number(digits) * SECONDS[unit as keyof typeof SECONDS]), nanos: 0 };
}
