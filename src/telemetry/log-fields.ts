// Log fields as plain JSON values: BigInts as text, errors with code and cause, no secrets, and a
// bound on depth, width and length, so that no value can make a line that harms its reader.

/** What the key of a secret ends in: `x-api-key`, `clientSecret`; not `tokens`, `api_key_file`. */
const SECRET_ENDINGS = [
  'authorization',
  'cookie',
  'apikey',
  'privatekey',
  'token',
  'secret',
  'password',
  'passwd',
  'passphrase',
  'credential',
  'credentials',
];
const REDACTED = '[redacted]';
/** Set by the logger itself; a field of the same name gets a trailing underscore. */
const RESERVED: ReadonlySet<string> = new Set(['level', 'time', 'service', 'instance', 'event']);

const DEPTH_MAX = 5;
const MEMBERS_MAX = 100;
/** Longer than a stack of ten frames. */
const TEXT_CHARS_MAX = 4096;

export function plainFields(fields: object): Record<string, unknown> {
  const entries = Object.entries(plainMembers(Object.entries(fields), DEPTH_MAX));
  return Object.fromEntries(
    entries.map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]),
  );
}

function plainMembers(entries: [string, unknown][], depth: number): Record<string, unknown> {
  const members = entries
    .slice(0, MEMBERS_MAX)
    .map(([key, value]): [string, unknown] => [
      key,
      isSecret(key) ? REDACTED : plain(value, depth),
    ]);
  const omitted = entries.length - members.length;
  if (omitted > 0) members.push(['omitted_members', omitted]);
  // fromEntries defines properties, so the key `__proto__` is one like any other.
  return Object.fromEntries(members);
}

function isSecret(key: string): boolean {
  const letters = key.replace(/[-_ ]/g, '').toLowerCase();
  return SECRET_ENDINGS.some((ending) => letters.endsWith(ending));
}

function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return clip(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : plainObject(value, depth - 1);
    default:
      return value;
  }
}

function plainObject(value: object, depth: number): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString();
  // Also what ends a cycle.
  if (depth <= 0) return '[deeper]';
  if (value instanceof Error) return plainError(value, depth);
  if (Array.isArray(value)) return plainList(value, depth);
  if (value instanceof Set) return plainList([...value], depth);
  if (value instanceof Map) {
    return plainMembers(
      [...value].map(([key, member]) => [String(key), member]),
      depth,
    );
  }
  return plainMembers(Object.entries(value), depth);
}

function plainList(values: readonly unknown[], depth: number): unknown[] {
  const list = values.slice(0, MEMBERS_MAX).map((value) => plain(value, depth));
  const omitted = values.length - list.length;
  return omitted > 0 ? [...list, `[${omitted} more]`] : list;
}

function plainError(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: clip(error.message),
    ...(code === undefined ? {} : { code: plain(code, depth) }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth) }),
    ...(error.stack === undefined ? {} : { stack: clip(error.stack) }),
  };
}

function clip(text: string): string {
  if (text.length <= TEXT_CHARS_MAX) return text;
  return `${text.slice(0, TEXT_CHARS_MAX)}… ${text.length - TEXT_CHARS_MAX} more characters`;
}
