// Messages and enums as schemas. A message that is both sent and answered has two: in a reply every
// field without presence is there, whatever its value; in a request nearly all may be left out.

import type {
  DescEnum,
  DescField,
  DescMessage,
  DescMethod,
  JsonObject,
  JsonValue,
} from '@bufbuild/protobuf';
import type { CommentOf } from './comments.js';
import { describeFields, elementOf, type Side } from './fields.js';
import { reference, shortName, wellKnownSchema } from './values.js';

export interface Schemas {
  readonly ofMessage: (message: DescMessage, side: Side) => JsonObject;
  /** With what callers may send, and without a description. */
  readonly ofField: (field: DescField, required: boolean) => JsonObject;
  /** Whether a request has to say anything that its path does not. */
  readonly isNeeded: (message: DescMessage) => boolean;
  /** Everything that the others refer to, by name, in alphabetical order. */
  readonly all: () => JsonObject;
}

export interface SchemasOptions {
  readonly methods: readonly DescMethod[];
  /** Those of them whose request is a body. */
  readonly withBody: readonly DescMethod[];
  readonly commentOf: CommentOf;
  /** Fields that a path names: a body may leave them out. */
  readonly inPath: ReadonlySet<DescField>;
}

export function describeSchemas(options: SchemasOptions): Schemas {
  const { methods, commentOf, inPath } = options;
  const sent = reachable(options.withBody.map(({ input }) => input));
  const answered = reachable(methods.map(({ output }) => output));
  const patched = patchedMessages(methods);

  const nameOf = (message: DescMessage, side: Side) =>
    side === 'request' && answered.messages.has(message)
      ? `${shortName(message)}Input`
      : shortName(message);

  const fields = describeFields({ commentOf, inPath, patched, nameOf });

  const messageSchema = (message: DescMessage, side: Side): JsonObject => {
    const required = message.fields.filter((field) => fields.isThere(field, side));
    return {
      type: 'object',
      description: [commentOf(message), ...oneofTexts(message, commentOf)].join('\n\n'),
      ...(required.length === 0 ? {} : { required: required.map(({ name }) => name) }),
      properties: Object.fromEntries(
        message.fields.map((field) => [field.name, fields.property(field, side)]),
      ),
      ...oneofBound(message),
      ...(side === 'request' ? { additionalProperties: false } : {}),
    };
  };

  return {
    ofMessage: (message, side) => reference(nameOf(message, side)),
    ofField: fields.sent,
    isNeeded: (message) =>
      message.fields.some(
        (field) =>
          fields.isThere(field, 'request') ||
          (field.fieldKind === 'message' && wellKnownSchema(field.message) === undefined),
      ),
    all() {
      const named = new Map<string, JsonObject>();
      for (const message of sent.messages) {
        named.set(nameOf(message, 'request'), messageSchema(message, 'request'));
      }
      for (const message of answered.messages) {
        named.set(nameOf(message, 'reply'), messageSchema(message, 'reply'));
      }
      const inQuery = methods.flatMap(({ input }) => enumsOf(input));
      for (const enumeration of [...sent.enums, ...answered.enums, ...inQuery]) {
        named.set(shortName(enumeration), enumSchema(enumeration, commentOf));
      }
      return inOrder(named);
    },
  };
}

export function inOrder(named: ReadonlyMap<string, JsonValue>): JsonObject {
  return Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Reached {
  readonly messages: ReadonlySet<DescMessage>;
  readonly enums: ReadonlySet<DescEnum>;
}

function reachable(roots: readonly DescMessage[]): Reached {
  const messages = new Set<DescMessage>();
  const enums = new Set<DescEnum>();
  const visit = (message: DescMessage) => {
    if (messages.has(message) || wellKnownSchema(message) !== undefined) return;
    messages.add(message);
    for (const one of enumsOf(message)) enums.add(one);
    for (const value of message.fields.map(elementOf)) {
      if (value.kind === 'message') visit(value.message);
    }
  };
  for (const root of roots) visit(root);
  return { messages, enums };
}

function enumsOf(message: DescMessage): DescEnum[] {
  return message.fields
    .map(elementOf)
    .flatMap((value) => (value.kind === 'enum' ? value.enum : []));
}

/** What a request changes in part, as its mask says: it needs no field of its own. */
function patchedMessages(methods: readonly DescMethod[]): ReadonlySet<DescMessage> {
  const masked = methods.filter(({ input }) => input.field['updateMask'] !== undefined);
  return new Set(
    masked.flatMap(({ input }) =>
      input.fields.flatMap((field) => (field.fieldKind === 'message' ? [field.message] : [])),
    ),
  );
}

function enumSchema(enumeration: DescEnum, commentOf: CommentOf): JsonObject {
  const values = enumeration.values.map((value) => `- \`${value.name}\`: ${commentOf(value)}`);
  return {
    type: 'string',
    description: `${commentOf(enumeration)}\n\n${values.join('\n')}`,
    enum: enumeration.values.map(({ name }) => name),
  };
}

function oneofTexts(message: DescMessage, commentOf: CommentOf): string[] {
  return message.oneofs.map((oneof) => {
    const names = oneof.fields.map(({ name }) => `\`${name}\``);
    return `At most one of ${names.join(', ')}. ${commentOf(oneof)}`.trim();
  });
}

/**
 * "At most one" as "no two": `oneOf` over alternatives would need one for none of them, and
 * generators of clients make a type of each alternative.
 */
function oneofBound(message: DescMessage): JsonObject {
  const pairs = message.oneofs.flatMap(({ fields }) =>
    fields.flatMap(({ name }, i) =>
      fields.slice(i + 1).map((other): JsonObject => ({ required: [name, other.name] })),
    ),
  );
  const [first, ...others] = pairs;
  if (first === undefined) return {};
  return { not: others.length === 0 ? first : { anyOf: pairs } };
}
