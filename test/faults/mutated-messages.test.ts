// Messages that no client would send: valid ones of every RPC, with bytes changed, cut, doubled and
// moved. Each is refused or taken for what it says; nothing else happens.

import { create, type DescField, type DescMessage, ScalarType, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readContract } from '../../src/http/bindings.js';
import { heldBytes } from '../support/besieged.js';
import { type Draw, drawsOf } from '../support/draws.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const MESSAGES = Number(process.env['TOLLGATE_MUTATED_MESSAGES'] ?? 20_000);
const AT_ONCE = 64;
const MIB = 1024 * 1024;
/** Of bytes that are no message. */
const NO_MESSAGE = /^request: is no \w+: /;

const TEXTS: Readonly<Record<string, string>> = {
  org_id: 'acme',
  meter: 'executions',
  meter_key: 'executions',
  quantity: '1',
  plan: 'free',
  page_token: '',
  etag: '',
};

const contract = readContract();
const methods = [...contract].flatMap((type) => {
  if (type.kind !== 'service' || !type.typeName.startsWith('tollgate.v1.')) return [];
  return type.methods
    .filter(({ methodKind }) => methodKind === 'unary')
    .map((method) => ({
      path: `/${type.typeName}/${method.name}`,
      bytes: Buffer.from(toBinary(method.input, filled(method.input))),
    }));
});

let running: Running;
let client: Client;
let known: Metadata;

beforeAll(async () => {
  running = await start({ flags: AUTH_ON });
  client = new Client(running.address, credentials.createInsecure());
  known = Metadata.fromHttp2Headers(bearer(bootstrapKey(running)));
});
afterAll(async () => {
  client.close();
  await running.stop();
});

test(`${MESSAGES} of them harm nobody`, { timeout: 300_000 }, async () => {
  const draw = drawsOf(1);
  const answers = new Map<string, number>();
  await recordOne('before');
  const before = await heldBytes();
  let sent = 0;
  let noMessages = 0;
  const attack = async () => {
    while (sent < MESSAGES) {
      const { path, bytes } = methods[sent++ % methods.length] ?? { path: '', bytes: Buffer.of() };
      const { code, details } = await send(path, mutated(bytes, draw));
      const isOurs = code === status.INTERNAL || code === status.UNKNOWN;
      if (NO_MESSAGE.test(details)) noMessages++;
      const answer = isOurs ? `${path}: ${details}` : (status[code] ?? '');
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, attack));
  await recordOne('after');
  const known: readonly string[] = Object.keys(status);
  expect([...answers.keys()].filter((answer) => !known.includes(answer))).toEqual([]);
  // Some were still good, others no messages at all, and most were refused for what they said.
  for (const answer of ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND']) {
    expect(answers.get(answer), answer).toBeGreaterThan(MESSAGES / 200);
  }
  expect(noMessages).toBeGreaterThan(MESSAGES / 200);
  expect(running.fatal).toEqual([]);
  expect(running.logLines.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  expect((await heldBytes()) - before).toBeLessThan(50 * MIB);
});

async function recordOne(eventId: string): Promise<void> {
  const given = event({ orgId: 'good', eventId, meter: 'executions', quantity: '1' });
  expect((await ask(running, 'record', { event: given }, known)).sequence).toBeGreaterThan(0n);
}

function send(path: string, bytes: Buffer): Promise<{ code: number; details: string }> {
  return new Promise((resolve) => {
    const same = (each: Buffer) => each;
    client.makeUnaryRequest(path, same, same, bytes, known, (error) =>
      resolve({ code: error?.code ?? status.OK, details: error?.details ?? '' }),
    );
  });
}

/** Every field of a message, one item of each list, the first of each group. */
function filled(message: DescMessage, depth = 0): ReturnType<typeof create> {
  const init: Record<string, unknown> = {};
  for (const field of message.fields) {
    if (field.oneof !== undefined) {
      if (field.oneof.fields[0] === field) {
        init[field.oneof.localName] = { case: field.localName, value: sampleOf(field, depth) };
      }
      continue;
    }
    const value = sampleOf(field, depth);
    if (value !== undefined) init[field.localName] = value;
  }
  return create(message, init);
}

function sampleOf(field: DescField, depth: number): unknown {
  switch (field.fieldKind) {
    case 'map':
      return field.mapKind === 'scalar' && field.scalar === ScalarType.STRING
        ? { tool: 'x' }
        : undefined;
    case 'list':
      if (field.message !== undefined) return depth < 4 ? [filled(field.message, depth + 1)] : [];
      return field.scalar === ScalarType.STRING ? [textOf(field.name)] : [];
    case 'message':
      return depth < 4 ? filled(field.message, depth + 1) : undefined;
    case 'enum':
      return field.enum.values[1]?.number ?? 0;
    case 'scalar':
      return scalarOf(field.scalar, field.name);
  }
}

function scalarOf(scalar: ScalarType, name: string): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return textOf(name);
    case ScalarType.BYTES:
      return Uint8Array.of(1, 2, 3);
    case ScalarType.BOOL:
      return false;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 1n;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return 0.5;
    default:
      return 1;
  }
}

function textOf(name: string): string {
  return TEXTS[name] ?? 'x';
}

/** One to four changes of a few bytes each. */
function mutated(bytes: Buffer, draw: Draw): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = draw(4); changes >= 0; changes--) {
    const at = draw(result.length + 1);
    const to = Math.min(result.length, at + draw(9));
    const part = result.subarray(at, to);
    switch (draw(6)) {
      case 0:
        if (at < result.length) result[at] = draw(256);
        break;
      case 1:
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << draw(8));
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(to)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, to), part, result.subarray(to)]);
        break;
      case 4:
        result = Buffer.concat([result, part]);
        break;
      default:
        result = Buffer.concat([result.subarray(0, at), noise(draw), result.subarray(at)]);
    }
  }
  return result;
}

function noise(draw: Draw): Buffer {
  return Buffer.from(Array.from({ length: 1 + draw(8) }, () => draw(256)));
}
