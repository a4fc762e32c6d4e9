// No credential stands anywhere that it need not: not in the log, the metrics, the audit trail, the
// replies of calls that failed, nor in a file of the data directory. Texts that are recognised are
// planted in whatever may carry a credential, and then looked for everywhere.
//
// Left out: `bootstrap.key`, which is there to be read, and in the journal the secrets of webhook
// endpoints, with which deliveries are signed: they are known to lie there in clear.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { credentials, type Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessServiceClient } from '../../generated/ts/tollgate/v1/access_service.js';
import { makeAuthority, opensslAbsent, opensslNote } from '../support/certificates.js';
import { cold, type Json } from '../support/cold.js';
import { type Given, http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { refuseSecrets } from '../support/no-secrets.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';
import { AUDIENCE, claims, ISSUER, keySet, makeSigner, token } from '../support/tokens.js';

const USAGE = '/v1/orgs/acme/usage';
/** Planted texts, by where they were. */
const planted = new Map<string, string>();
/** Credentials as they are sent, by what they are. */
const whole = new Map<string, string>();
/** What calls that failed were answered, in full. */
const failures: string[] = [];
/** Of both runs. */
const lines: string[] = [];
let running: Running;
let audit = '';
let metrics = '';

/** As long as the secret of a key. */
function canary(where: string): string {
  const text = `canary${planted.size}`.padEnd(43, 'Zq7');
  planted.set(where, text);
  return text;
}

describe.skipIf(opensslAbsent)(`secrets${opensslNote}`, () => {
  const signer = makeSigner('ES256', 'k1');
  const authority = makeAuthority('secrets');
  const server = authority.issue();
  const keysDirectory = temporaryDirectory();
  const keysFile = join(keysDirectory, 'keys.json');
  const settings = [...AUTH_ON, '--jwt-issuer', ISSUER, '--jwt-audience', AUDIENCE];

  beforeAll(async () => {
    writeFileSync(keysFile, keySet(signer));
    const flags = [...settings, '--jwt-keys', keysFile];
    const directory = temporaryDirectory();
    running = await start({ flags, directory });
    const keys = await callWithValid(running);
    await callWithTokens(running, signer);
    await callWithInvalid(running, keys);
    await collect(running);
    const files = ['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile];
    planted.set('the TLS key', server.key.toString().split('\n')[1] ?? '');
    whole.set('the TLS key', server.key.toString());
    running = await running.restart({ flags: [...flags, ...files] });
    await callOverTls(running, authority.cert, keys);
    await running.stop();
    lines.push(...running.logLines);
  });
  afterAll(() => {
    expect(running.fatal).toEqual([]);
    authority.remove();
    for (const directory of [keysDirectory, running.directory])
      rmSync(directory, { recursive: true });
  });

  test('were planted, and calls succeeded and failed', () => {
    expect(planted.size).toBeGreaterThan(20);
    expect(failures.length).toBeGreaterThan(30);
    expect(lines.length).toBeGreaterThan(5);
    expect(audit).toContain('CREDENTIAL_INVALID');
    expect(metrics).toContain('tollgate_');
  });

  test('are in no line of the log', () => {
    expect(foundIn(lines.join('\n'))).toEqual([]);
  });

  test('would be found in the log of any other test', () => {
    for (const [where, credential] of whole) {
      const line = `{"level":"info","text":${JSON.stringify(`a ${credential} b`)}}`;
      expect(() => refuseSecrets(['{}', line]), where).toThrow('a secret stands in the log');
    }
    expect(whole.size).toBeGreaterThan(5);
    expect(() => refuseSecrets(lines)).not.toThrow();
  });

  test('are not in the metrics', () => {
    expect(foundIn(metrics)).toEqual([]);
  });

  test('are not in the audit trail', () => {
    expect(foundIn(audit)).toEqual([]);
  });

  test('are in no reply of a call that failed', () => {
    expect(failures.flatMap((text) => (foundIn(text).length > 0 ? [text] : []))).toEqual([]);
  });

  test('are in no file of the data directory', () => {
    const files = filesUnder(running.directory).filter((path) => !path.endsWith('bootstrap.key'));
    const isThere = (text: string) => files.some((path) => readFileSync(path).includes(text));
    // What is in the journal would be found.
    expect(isThere('CREDENTIAL_INVALID')).toBe(true);
    const found = files.flatMap((path) => {
      const names = foundIn(readFileSync(path).toString('latin1'));
      return names.filter((name) => name !== WEBHOOK).map((name) => `${name} in ${path}`);
    });
    expect(found).toEqual([]);
  });
});

const WEBHOOK = 'the secret of a webhook endpoint';

/** Calls that succeed; resolves with the texts of keys. */
async function callWithValid(to: Running): Promise<readonly string[]> {
  const admin = bootstrapKey(to);
  const made = await makeKey(to, { org_id: 'acme', roles: ['owner'] });
  const access = (method: string, fields: object) =>
    cold(to, 'Access', method, fields, bearer(admin));
  const api_key = { display_name: 'again', org_id: 'acme', roles: ['viewer'] };
  const repeated = await access('CreateApiKey', { api_key, request_id: 'r-1' });
  await access('CreateApiKey', { api_key, request_id: 'r-1' });
  const rotated = await access('RotateApiKey', { key_id: made.key_id, request_id: 'r-2' });
  const keys: readonly string[] = [admin, made.secret, repeated.secret, rotated.secret];
  for (const [i, key] of keys.entries()) {
    planted.set(`the secret of key ${i}`, key.slice(14));
    whole.set(`key ${i}`, key);
  }
  for (const key of keys) {
    await cold(to, 'Access', 'WhoAmI', {}, { 'x-api-key': key });
    const given = { headers: bearer(key), body: { event: { meter: 'executions', quantity: '1' } } };
    await note(http(to, 'POST', `${USAGE}:record`, given));
  }
  const endpoint = { url: 'http://127.0.0.1:9/hook' };
  const hook = await cold(to, 'Notification', 'CreateWebhookEndpoint', { endpoint }, bearer(admin));
  planted.set(WEBHOOK, hook.secret.slice('whsec_'.length));
  whole.set(WEBHOOK, hook.secret);
  return keys;
}

async function callWithTokens(to: Running, signer: ReturnType<typeof makeSigner>): Promise<void> {
  const nowS = Math.floor(Date.now() / 1000);
  const sound = { iat: nowS, exp: nowS + 600, org_id: 'acme', roles: ['viewer'] };
  const texts: Readonly<Record<string, string>> = {
    sound: token(signer, claims(sound)),
    ended: token(signer, claims({ ...sound, exp: nowS - 1 })),
    'of a foreign key': token(makeSigner('ES256', 'k1'), claims(sound)),
    'of an unknown key': token(signer, claims(sound), { kid: canary('the kid of a token') }),
    'that says too much': token(signer, claims({ ...sound, nonce: canary('a claim') })),
  };
  for (const [what, text] of Object.entries(texts)) {
    whole.set(`a token ${what}`, text);
    planted.set(`the signature of a token ${what}`, text.split('.')[2] ?? '');
    planted.set(`the claims of a token ${what}`, text.split('.')[1] ?? '');
    await note(cold(to, 'Access', 'WhoAmI', {}, bearer(text)));
    await note(http(to, 'GET', USAGE, { headers: bearer(text) }));
    await note(http(to, 'POST', `${USAGE}:record`, { headers: bearer(text), body: {} }));
  }
}

/** Calls that fail, or carry what nobody asked for. */
async function callWithInvalid(to: Running, [admin = '']: readonly string[]): Promise<void> {
  const headers: readonly Readonly<Record<string, string>>[] = [
    { authorization: `Bearer tg_0123456789_${canary('a key that is none')}` },
    { authorization: `Bearer ${admin.slice(0, 13)}_${canary('a wrong secret of a key')}` },
    { authorization: `Bearer ${canary('a bearer')}` },
    { authorization: `Basic ${canary('a password')}` },
    { authorization: canary('authorization without a scheme') },
    { 'x-api-key': canary('x-api-key') },
    { 'x-api-key': `tg_0123456789_${canary('x-api-key of a key that is none')}` },
    { ...bearer(admin), 'x-other-token': canary('other metadata') },
    { ...bearer(admin), 'tollgate-deny-as-error': canary('metadata of our own') },
    { cookie: `session=${canary('a cookie')}` },
  ];
  for (const each of headers) {
    await note(cold(to, 'Access', 'WhoAmI', {}, each));
    await note(cold(to, 'Metering', 'GetUsage', { org_id: 'a b' }, each));
    await note(http(to, 'GET', `${USAGE}?period=x`, { headers: each }));
    await note(http(to, 'GET', `${USAGE}:watch?after=x`, { headers: each }));
    await note(http(to, 'POST', '/v1/billing/usage', { headers: each, body: {} }));
  }
  const query = `?access_token=${canary('a query string')}`;
  for (const verb of ['GET', 'POST', 'OPTIONS', 'TRACE']) {
    for (const path of [
      USAGE,
      '/v1/nothing',
      '/nothing',
      '/metrics',
      '/docs',
      '/v1/orgs/%zz/usage',
    ]) {
      await note(http(to, verb, `${path}${query}`));
      await note(http(to, verb, `${path}${query}`, { headers: bearer(admin) }));
    }
  }
  const secret = canary('a body');
  planted.set('a short secret in a body', 'hunter2');
  const bodies: readonly (string | object)[] = [
    `{"secret": "${secret}"`,
    `{"secret": ${secret}}`,
    `${secret}`,
    '{"password": hunter2}',
    'hunter2',
    { secret },
    { event: { meter: 'executions', quantity: '1', api_key: secret } },
    { api_key: { display_name: 'x', roles: ['owner'], secret } },
  ];
  for (const body of bodies) {
    const given: Given = { headers: bearer(admin), body };
    await note(http(to, 'POST', `${USAGE}:record`, given));
    await note(http(to, 'POST', '/v1/keys', given));
    await note(http(to, 'POST', '/v1/billing/usage', given));
  }
  const url = `http://me:${canary('the password of a URL')}@127.0.0.1/`;
  const endpoint = { endpoint: { url } };
  await note(cold(to, 'Notification', 'CreateWebhookEndpoint', endpoint, bearer(admin)));
}

/** What the server says of itself; what was refused is in the audit trail a moment later. */
async function collect(to: Running): Promise<void> {
  const admin = bearer(bootstrapKey(to));
  do {
    const { entries } = await cold(to, 'Admin', 'ListAuditEntries', { page_size: 1000 }, admin);
    audit = JSON.stringify(entries);
  } while (!audit.includes('CREDENTIAL_INVALID'));
  metrics = await new Promise((resolve, reject) => {
    get(`http://${to.service.addresses.ops[0]}/metrics`, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    }).once('error', reject);
  });
  lines.push(...to.logLines);
}

async function callOverTls(to: Running, ca: Buffer, keys: readonly string[]): Promise<void> {
  const client = new AccessServiceClient(to.address, credentials.createSsl(ca));
  await note(
    new Promise((_, reject) => client.whoAmI({}, (error) => reject(error ?? new Error()))),
  );
  client.close();
  const url = new URL(`https://${to.service.addresses.http[0]}`);
  for (const key of [...keys, `tg_0123456789_${canary('a key that is none, over TLS')}`]) {
    await new Promise<void>((resolve, reject) => {
      const { hostname: host, port } = url;
      const headers = bearer(key);
      const servername = 'localhost';
      const path = `/v1/whoami?key=${key.slice(14)}`;
      request({ host, port, path, ca, headers, servername, agent: false }, (response) => {
        response.on('data', (chunk: Buffer) => failures.push(chunk.toString()));
        response.on('end', resolve);
      })
        .once('error', reject)
        .end();
    });
  }
}

/** Remembers what a call was answered that failed, whatever it was. */
async function note(call: Promise<Json>): Promise<void> {
  try {
    const { status = 0, headers, bytes } = await call;
    if (status >= 400) failures.push(`${JSON.stringify(headers)} ${bytes}`);
  } catch (error) {
    const { message, metadata } = error as { message: string; metadata?: Metadata };
    const details = metadata?.get('grpc-status-details-bin') ?? [];
    const all = JSON.stringify(metadata?.getMap() ?? {});
    failures.push(`${message} ${all} ${details.map((each) => each.toString('latin1')).join(' ')}`);
  }
}

function foundIn(text: string): readonly string[] {
  return [...planted].filter(([, secret]) => text.includes(secret)).map(([where]) => where);
}

function filesUnder(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
