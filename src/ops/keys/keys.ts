// `tollgate keys`: the API keys of a running server. What is secret goes to standard output, alone;
// all else is said on standard error.

import type { CallOptions, Metadata, ServiceError } from '@grpc/grpc-js';
import { AccessServiceClient } from '../../../generated/ts/tollgate/v1/access_service.js';
import type { ApiKey } from '../../../generated/ts/tollgate/v1/api_key.js';
import { unreachable } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import { Failure, messageOf } from '../../base/failure.js';
import { SECOND_MS } from '../../base/units.js';
import { limits } from '../../limits.js';
import type { CommandIo } from '../cli/command.js';
import { EXIT } from '../cli/trouble.js';
import { isUsage } from '../cli/usage.js';
import { callFailure, detailsOf, isCallStatus } from '../remote/call-error.js';
import { connect, readCredential } from '../remote/target.js';
import { KEYS_HELP } from './help.js';
import { keyLines, keyTable, scopeOf } from './key-list.js';
import { type Order, readOrder } from './order.js';

const CONNECT_MS_MAX = 5 * SECOND_MS;
const CALL_MS_MAX = 10 * SECOND_MS;

/** Exit code: 0 well, 1 failure, 2 bad usage. Never rejects for trouble of server or usage. */
export async function runKeys(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const order = readOrder(argv);
    if (order === 'help') {
      io.stdout.write(KEYS_HELP);
      return EXIT.well;
    }
    const metadata = readCredential(process.env['TOLLGATE_API_KEY_FILE']);
    const client = await connect(AccessServiceClient, order.target, CONNECT_MS_MAX);
    try {
      await carryOut(order, { client, metadata }, io);
      return EXIT.well;
    } finally {
      client.close();
    }
  } catch (error) {
    io.stderr.write(`keys: ${messageOf(error)}\n`);
    return isUsage(error) ? EXIT.misuse : EXIT.failure;
  }
}

interface Server {
  readonly client: AccessServiceClient;
  readonly metadata: Metadata;
}

async function carryOut(order: Order, server: Server, io: CommandIo): Promise<void> {
  const { client } = server;
  switch (order.verb) {
    case 'create': {
      const request = { apiKey: toApiKey(order), requestId: '' };
      const reply = await ask(server, client.createApiKey.bind(client), request);
      io.stdout.write(`${reply.secret}\n`);
      io.stderr.write(`made ${described(reply.apiKey)}\n`);
      return;
    }
    case 'list': {
      const keys = await listAll(server, order.orgId);
      if (order.output === 'json') io.stdout.write(keyLines(keys));
      else io.stdout.write(keyTable(keys, systemClock.wallMs()));
      if (keys.length === 0) io.stderr.write('no keys\n');
      return;
    }
    case 'rotate': {
      const { keyId, overlap, reason } = order;
      const request = { ...SAME, keyId, overlap, reason };
      const reply = await ask(server, client.rotateApiKey.bind(client), request);
      io.stdout.write(`${reply.secret}\n`);
      io.stderr.write(`rotated ${described(reply.apiKey)}\n`);
      return;
    }
    case 'revoke': {
      const { keyId, reason } = order;
      const request = { ...SAME, keyId, reason };
      const reply = await ask(server, client.revokeApiKey.bind(client), request);
      io.stderr.write(`revoked ${described(reply.apiKey)}\n`);
      return;
    }
    default:
      unreachable(order);
  }
}

/** Looked for by its id alone, in whatever version, once. */
const SAME = { orgId: '', requestId: '', etag: '' };

async function listAll(server: Server, orgId: string): Promise<readonly ApiKey[]> {
  const { client } = server;
  const keys: ApiKey[] = [];
  let pageToken = '';
  do {
    const request = { orgId, pageSize: limits.pageMax, pageToken };
    const reply = await ask(server, client.listApiKeys.bind(client), request);
    keys.push(...reply.apiKeys);
    pageToken = reply.nextPageToken;
  } while (pageToken !== '');
  return keys;
}

function toApiKey(order: Extract<Order, { readonly verb: 'create' }>): ApiKey {
  return {
    keyId: '',
    displayName: order.name,
    orgId: order.orgId,
    roles: [...order.roles],
    allowedOrgs: [...order.allowedOrgs],
    expireTime: order.expireTime,
    revokeTime: undefined,
    previousExpireTime: undefined,
    createdBy: '',
    createTime: undefined,
    updateTime: undefined,
    etag: '',
  };
}

function described(key: ApiKey | undefined): string {
  if (key === undefined) throw new Failure('KEYS_PROTOCOL', 'the server answered without the key');
  return `${key.keyId} (${key.displayName}): ${key.roles.join(', ')}, for ${scopeOf(key)}`;
}

type Unary<Request, Reply> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, reply: Reply) => void,
) => unknown;

/** Once: what is not known to have happened is found by `list`. */
function ask<Request, Reply>(
  { metadata }: Server,
  call: Unary<Request, Reply>,
  request: Request,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const deadline = systemClock.wallMs() + CALL_MS_MAX;
    call(request, metadata, { deadline }, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(isCallStatus(error) ? callFailure(error, detailsOf(error), '') : error);
    });
  });
}
