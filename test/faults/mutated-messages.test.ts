// Messages that no client would send: valid ones of every RPC, with bytes changed, cut, doubled and
// moved. Each is refused or taken for what it says; nothing else happens.

import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heldBytes } from '../support/besieged.js';
import { drawsOf } from '../support/draws.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { mutated, validCalls } from '../support/mutations.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const MESSAGES = Number(process.env['TOLLGATE_MUTATED_MESSAGES'] ?? 20_000);
const AT_ONCE = 64;
const MIB = 1024 * 1024;
/** Of bytes that are no message. */
const NO_MESSAGE = /^request: is no \w+: /;

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
  const calls = validCalls();
  const answers = new Map<string, number>();
  await recordOne('before');
  const before = await heldBytes();
  let sent = 0;
  let noMessages = 0;
  const attack = async () => {
    while (sent < MESSAGES) {
      const { path, bytes } = calls[sent++ % calls.length] ?? { path: '', bytes: Buffer.of() };
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
