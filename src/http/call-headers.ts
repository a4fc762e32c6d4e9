// Headers that stand for fields of the messages: `idempotency-key` for the id that makes a repeat
// one, `if-match` for the version that a change replaces, `etag` for the version that is answered.

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { Faults } from '../operations/parse.js';
import { fieldOf } from './bind.js';

export interface Headers {
  readonly read: (request: object, header: (name: string) => string, faults: Faults) => void;
  readonly write: (reply: object) => Record<string, string>;
}

const IDEMPOTENCY_KEY = 'idempotency-key';
const IF_MATCH = 'if-match';
/** The first that a request has, and that is no part of its path. */
const REPEAT_FIELDS = ['request_id', 'event.event_id', 'reservation_id'] as const;

export function headersOf(
  request: DescMessage,
  reply: DescMessage,
  variables: readonly string[],
): Headers {
  const repeats = repeatFieldOf(request, variables);
  const repeat = repeats === undefined ? undefined : fieldOf(request, repeats);
  // Each event of a batch has an id of its own.
  const isBatch = repeats === undefined && hasText(request, 'events.event_id');
  const version = takesVersion(request) ? fieldOf(request, 'etag') : undefined;
  const tagged = taggedFieldOf(reply);
  return {
    read(message, header, faults) {
      const key = unquoted(header(IDEMPOTENCY_KEY));
      if (key !== '' && repeat !== undefined) {
        if (repeat.fill(message, key) !== key) faults.add(repeat.path, `is not ${IDEMPOTENCY_KEY}`);
      } else if (key !== '' && isBatch) {
        faults.add(IDEMPOTENCY_KEY, 'is no help here: give each event its own event_id');
      }
      const tag = unquoted(header(IF_MATCH));
      if (tag === '' || tag === '*' || version === undefined) return;
      if (version.fill(message, tag) !== tag) faults.add(version.path, `is not ${IF_MATCH}`);
    },
    write(message) {
      const object = tagged && (Reflect.get(message, tagged.localName) as object | undefined);
      const tag: unknown = object && Reflect.get(object, 'etag');
      return typeof tag === 'string' && tag !== '' ? { etag: `"${tag}"` } : {};
    },
  };
}

/** What `idempotency-key` stands for. */
export function repeatFieldOf(
  request: DescMessage,
  variables: readonly string[],
): string | undefined {
  const repeats = REPEAT_FIELDS.find((path) => hasText(request, path));
  return repeats === undefined || variables.includes(repeats) ? undefined : repeats;
}

/** Whether `if-match` stands for something. */
export function takesVersion(request: DescMessage): boolean {
  return hasText(request, 'etag');
}

/** The object whose version `etag` is. */
export function taggedFieldOf(reply: DescMessage): DescField | undefined {
  return reply.fields.find((field) => isTagged(field));
}

function hasText(message: DescMessage, path: string): boolean {
  const [name, rest] = path.split('.');
  const field = message.fields.find((each) => each.name === name);
  if (rest === undefined) return field?.fieldKind === 'scalar';
  return field?.message !== undefined && hasText(field.message, rest);
}

function isTagged({ fieldKind, message }: DescField): boolean {
  return fieldKind === 'message' && message.fields.some(({ name }) => name === 'etag');
}

/** Both are quoted by their standards, and often are not. */
function unquoted(text: string): string {
  return /^(?:W\/)?"(.*)"$/.exec(text)?.[1] ?? text;
}
