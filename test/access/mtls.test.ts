// TLS and client certificates on a running server, over gRPC and HTTP.

import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WhoAmIResponse } from '../../generated/ts/tollgate/v1/access_service.js';
import { AccessServiceClient } from '../../generated/ts/tollgate/v1/access_service.js';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { openHttpServer } from '../../src/http/server.js';
import { problemsOf } from '../config/given.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
  type Certificate,
  makeAuthority,
  opensslAbsent,
  opensslNote,
} from '../support/certificates.js';
import { createTestClock } from '../support/clock.js';
import { AUTH_ON } from '../support/keys.js';
import { refused } from '../support/refusals.js';
import { event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { openStream } from '../support/streams.js';

const ORCHESTRATOR = 'spiffe://example.org/orchestrator';
const yaml = `
certificates:
  - {san: "${ORCHESTRATOR}", roles: [orchestrator], allowed_orgs: ["team-*"]}
  - {san: billing.acme.example, org_id: acme, roles: [billing_admin]}
`;

describe.skipIf(opensslAbsent)(`TLS${opensslNote}`, () => {
  let ours: ReturnType<typeof makeAuthority>;
  let theirs: ReturnType<typeof makeAuthority>;
  let server: Certificate;
  let running: Running;

  beforeAll(async () => {
    ours = makeAuthority('ours');
    theirs = makeAuthority('theirs');
    server = ours.issue();
    const files = ['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile];
    const flags = [...AUTH_ON, ...files, '--tls-client-ca-file', ours.certFile];
    running = await start({ yaml, flags });
  });
  afterAll(async () => {
    await running.stop();
    ours.remove();
    theirs.remove();
  });

  const client = (certificate?: Certificate) =>
    new AccessServiceClient(
      running.address,
      credentials.createSsl(ours.cert, certificate?.key, certificate?.cert),
    );

  function who(certificate?: Certificate): Promise<WhoAmIResponse> {
    const caller = client(certificate);
    return new Promise<WhoAmIResponse>((resolve, reject) => {
      caller.whoAmI({}, (error, reply) => (error === null ? resolve(reply) : reject(error)));
    }).finally(() => caller.close());
  }

  function overHttp(certificate?: Certificate): Promise<{ status: number; body: string }> {
    const [host = '', port = ''] = (running.service.addresses.http[0] ?? '').split(':');
    const own = certificate && { cert: certificate.cert, key: certificate.key };
    return new Promise((resolve, reject) => {
      const call = request(
        { host, port, path: '/v1/whoami', ca: ours.cert, agent: false, ...own },
        (response) => {
          let body = '';
          response.on('data', (chunk) => {
            body += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      call.once('error', reject);
      call.end();
    });
  }

  test('a certificate stands for whoever the file says, by a URI or a name in it', async () => {
    const one = ours.issue({ sans: [`URI:${ORCHESTRATOR}`], usage: 'clientAuth' });
    expect(await who(one)).toMatchObject({
      principal: `cert:${ORCHESTRATOR}`,
      orgId: '',
      allowedOrgs: ['team-*'],
      permissions: ['usage.read', 'usage.write'],
    });
    const other = ours.issue({
      sans: ['DNS:other.example', 'DNS:billing.acme.example'],
      usage: 'clientAuth',
    });
    expect(await who(other)).toMatchObject({ orgId: 'acme' });
    const { status, body } = await overHttp(other);
    expect([status, JSON.parse(body).principal]).toEqual([200, 'cert:billing.acme.example']);
  });

  test('one that nobody is known by, or of others, or that has ended, is no credential', async () => {
    const unknown = ours.issue({ sans: ['DNS:nobody.example'], usage: 'clientAuth' });
    const foreign = theirs.issue({ sans: [`URI:${ORCHESTRATOR}`], usage: 'clientAuth' });
    const ended = ours.issue({ sans: [`URI:${ORCHESTRATOR}`], usage: 'clientAuth', days: -1 });
    for (const certificate of [unknown, foreign, ended]) {
      expect((await refused(who(certificate))).reason).toBe('CREDENTIAL_INVALID');
      expect((await overHttp(certificate)).status).toBe(401);
    }
    expect((await refused(who())).reason).toBe('CREDENTIAL_MISSING');
    expect((await overHttp()).status).toBe(401);
  });

  test('a stream ends with the certificate that it was opened with', async () => {
    const clock = createTestClock(new Date().toISOString());
    const files = ['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile];
    const flags = [...AUTH_ON, ...files, '--tls-client-ca-file', ours.certFile];
    const all = `${yaml}${catalogueYaml()}`;
    const timed = await start({ yaml: all, flags, clock });
    const sans = [`URI:${ORCHESTRATOR}`];
    const { key, cert } = ours.issue({ sans, usage: 'clientAuth', days: 7 });
    const secure = credentials.createSsl(ours.cert, key, cert);
    const caller = new MeteringServiceClient(timed.address, secure);
    try {
      const stream = openStream({ client: caller });
      const own = (eventId: string) => event({ orgId: 'team-a', eventId, quantity: '1' });
      stream.options();
      stream.item(1, own('a'));
      await stream.acked(1);
      clock.advance(7 * 86_400_000 + 60_000);
      stream.item(2, own('b'));
      expect(await stream.end).toMatchObject({ refused: { reason: 'CREDENTIAL_INVALID' } });
    } finally {
      caller.close();
      await timed.stop();
    }
  });

  test('plain text is not spoken on its ports', async () => {
    const plain = new AccessServiceClient(running.address, credentials.createInsecure());
    const answer = new Promise((resolve, reject) => {
      plain.whoAmI({}, (error, reply) => (error === null ? resolve(reply) : reject(error)));
    }).finally(() => plain.close());
    expect((await refused(answer)).code).toBe('UNAVAILABLE');
  });

  test('of HTTP changes for new connections', async () => {
    const next = ours.issue();
    const http = await openHttpServer({
      corsOrigins: [],
      tls: { material: server, requireClientCertificate: 'off' },
      addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
      pages: new Map(),
      metrics: running.core.metrics,
      onError: (error) => {
        throw error;
      },
    });
    const serial = () =>
      new Promise<string>((resolve, reject) => {
        const port = Number(http.bound[0]?.split(':')[1]);
        const socket = connect({ host: '127.0.0.1', port, ca: ours.cert }, () => {
          resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
          socket.destroy();
        });
        socket.once('error', reject);
      });
    const before = await serial();
    http.replace(next);
    expect(await serial()).not.toBe(before);
    http.drain();
    await http.close();
  });

  test('that cannot be had stops the start, and says why', async () => {
    const broken = join(ours.directory, 'broken.crt');
    writeFileSync(broken, 'not a certificate');
    const files = ['--tls-cert-file', broken, '--tls-key-file', server.keyFile];
    await expect(start({ flags: [...AUTH_ON, ...files] })).rejects.toMatchObject({
      code: 'TLS_FILES_INVALID',
    });
  });
});

const MISTAKES: readonly [what: string, yaml: string, problem: string][] = [
  ['no roles', '{san: a, org_id: acme}', 'certificates[0].roles (t.yaml:2): is required'],
  [
    'two the same',
    '{san: a, org_id: x, roles: [viewer]}\n  - {san: a, org_id: x, roles: [viewer]}',
    'san',
  ],
  [
    'a role of the platform',
    '{san: a, org_id: acme, roles: [orchestrator]}',
    'must be roles of the organisation',
  ],
  ['a role that is none', '{san: a, org_id: acme, roles: [king]}', 'must be one of viewer'],
  [
    'patterns beside an organisation',
    '{san: a, org_id: x, roles: [viewer], allowed_orgs: ["*"]}',
    'must be left out',
  ],
  ['a word that is none', '{san: a, org_id: x, roles: [viewer], rules: []}', 'unknown key'],
];

test.each(MISTAKES)('a certificate in the file with %s is a problem', (_what, text, problem) => {
  const found = problemsOf({ yaml: `certificates:\n  - ${text}\n` });
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(problem);
});
