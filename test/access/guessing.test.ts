// Who tries keys, as fast as a connection takes them: each guess costs little and leaves nothing,
// and the audit log counts them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { frameFlag } from '../bench/h2-frames.js';
import { besiege, stopAfterwards } from '../support/besieged.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import {
  callFields,
  data,
  type Field,
  GREETING,
  headerBlock,
  headers,
  message,
  openH2Wire,
} from '../support/h2-wire.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const GUESSES = 20_000;
const AT_ONCE = 100;

let running: Running;
let key: string;

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
  key = (await makeKey(running, { org_id: 'acme', roles: ['operator'] })).secret;
});
afterAll(() => stopAfterwards(running));

const secret = (guess: number) => `${guess}`.padStart(43, 'A');
const SERIES: [what: string, guessAt: (guess: number) => string][] = [
  ['ids that there are not', (guess) => `tg_${`${guess}`.padStart(10, '0')}_${secret(guess)}`],
  ['secrets of one id that there is', (guess) => `${key.slice(0, 14)}${secret(guess)}`],
  ['tokens', (guess) => `eyJhbGciOiJFUzI1NiJ9.${guess}.AAAA`],
];

test.each(SERIES)('%s, by the thousand, hold nobody up and leave nothing', async (_, guessAt) => {
  const bodies = data(1, message(Buffer.alloc(0)), frameFlag.endStream);
  const before = (await denials()).length;
  await besiege({ running, key }, async () => {
    const on = await openH2Wire({ address: running.address });
    on.write(GREETING);
    let seen = 0;
    let count = 0;
    const answered = () => {
      for (; seen < on.frames.length; seen++) {
        const { type = 0, flags = 0 } = on.frames[seen] ?? {};
        if (type === 1 && flags & 1) count++;
      }
      return count;
    };
    for (let guess = 0; guess < GUESSES; guess += AT_ONCE) {
      const calls: Buffer[] = [];
      for (let at = guess; at < guess + AT_ONCE; at++) {
        const own: Field = ['authorization', `Bearer ${guessAt(at)}`];
        const body = Buffer.from(bodies);
        body.writeUInt32BE(1 + 2 * at, 5);
        calls.push(headers(1 + 2 * at, headerBlock(callFields(WHO_AM_I, own))), body);
      }
      on.write(...calls);
      while (answered() < guess + AT_ONCE && !on.socket.destroyed) {
        await new Promise((done) => setTimeout(done, 2));
      }
    }
    expect(answered()).toBe(GUESSES);
    on.socket.destroy();
  });
  expect((await denials()).length - before).toBeLessThan(5);
});

const WHO_AM_I = '/tollgate.v1.AccessService/WhoAmI';

async function denials(): Promise<Json[]> {
  const platform = bearer(bootstrapKey(running));
  const { entries } = await cold(running, 'Admin', 'ListAuditEntries', {}, platform);
  return entries.filter((entry: Json) => entry.outcome === 'AUDIT_OUTCOME_DENIED');
}
