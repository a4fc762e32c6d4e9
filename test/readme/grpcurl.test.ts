// The grpcurl lines of README.md, one after the other, as grpcurl would send them: JSON read by the
// descriptors that reflection serves, and the built-in catalogue of `make run`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';
import { commands, ROOT } from './document.js';

const IMAGE = readFileSync(join(ROOT, 'generated/descriptors.binpb'));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, IMAGE));
/** Those that only look at the server itself. */
const LOOKS = ['list', 'describe tollgate.v1.MeteringService', 'grpc.health.v1.Health/Check'];

test('every grpcurl line is one that the server answers as the text says', async () => {
  const running = await start({ flags: AUTH_ON });
  const answers: string[] = [];
  for (const line of commands().filter((command) => command.startsWith('grpcurl '))) {
    const { body, service, method } = read(line);
    if (method === undefined) continue;
    const reply = await send(running, service, method, body);
    answers.push(`${method} ${outcomeOf(reply)}`.trim());
    if (method !== 'Record') continue;
    expect(reply).toMatchObject({ quantity: '1.25' });
    expect(await send(running, service, method, body)).toMatchObject({
      outcome: 'OUTCOME_DUPLICATE',
    });
  }
  await running.stop();
  expect(answers).toEqual([
    'WhoAmI',
    'Record OUTCOME_RECORDED',
    'Reserve true',
    'Settle OUTCOME_RECORDED',
    'Reserve true',
    'Release RESERVATION_STATE_RELEASED',
    'Reserve false',
    'CheckQuota true',
    'GetUsage',
    'ListUsageEvents',
    'GetInvoice',
    'CreateApiKey',
    'CreateApiKey',
    'ListApiKeys',
    'CreateSubscription',
    'PreviewSubscriptionChange',
    'ListInvoices',
  ]);
});

interface Line {
  readonly body: string;
  readonly service: string;
  readonly method: string | undefined;
}

function read(line: string): Line {
  const parts =
    /^grpcurl -plaintext (?:-H "\$AUTH" )?(?:-d '([^']*)' )?(127\.0\.0\.1:50051|unix:\/{3}\S+) (.+)$/;
  const [, body, , rest = ''] = parts.exec(line) ?? [];
  if (body === undefined && LOOKS.includes(rest)) {
    return { body: '', service: '', method: undefined };
  }
  const [service = '', method] = rest.split('/');
  return { body: body ?? '{}', service, method };
}

async function send(
  running: Running,
  service: string,
  method: string,
  body: string,
): Promise<JsonObject> {
  const found = registry.getService(service)?.methods.find(({ name }) => name === method);
  if (found === undefined) throw new Error(`no method ${service}/${method}`);
  const request = Buffer.from(bytesOf(found.input, JSON.parse(body)));
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const same = (value: Buffer) => value;
    const path = `/${service}/${method}`;
    const metadata = Metadata.fromHttp2Headers(bearer(bootstrapKey(running)));
    running.client.makeUnaryRequest(
      path,
      same,
      same,
      request,
      metadata,
      (error, reply?: Buffer) => {
        if (error === null && reply !== undefined) resolve(reply);
        else reject(error);
      },
    );
  });
  return toJson(found.output, fromBinary(found.output, bytes), { registry }) as JsonObject;
}

/** Unknown fields are errors, as with grpcurl. */
function bytesOf(schema: DescMessage, json: JsonValue): Uint8Array {
  return toBinary(schema, fromJson(schema, json, { registry }));
}

function outcomeOf(reply: JsonObject): string {
  const { outcome, granted, allowed, results, reservation } = reply;
  const first = Array.isArray(results) ? (results[0] as JsonObject)['outcome'] : undefined;
  const state = (reservation as JsonObject | undefined)?.['state'];
  return String(outcome ?? granted ?? allowed ?? first ?? state ?? '');
}
