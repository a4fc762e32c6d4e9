// The standard services: grpc.health.v1 and server reflection, v1 and v1alpha.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const { now } = sharedService();

type Method = MethodDefinition<object, object>;
interface HealthReply {
  readonly status: string | number;
}

function method(definition: object, name: string): Method {
  const found = (definition as Readonly<Record<string, Method>>)[name];
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

function check(service: string, running: Running = now()): Promise<HealthReply> {
  const { path, requestSerialize, responseDeserialize } = method(healthService, 'Check');
  return new Promise((resolve, reject) => {
    running.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      (error: ServiceError | null, reply?: object) => {
        if (error === null) resolve(reply as HealthReply);
        else reject(error);
      },
    );
  });
}

describe('grpc.health.v1', () => {
  test.each(['', 'tollgate.v1.MeteringService'])('%j is SERVING', async (service) => {
    expect((await check(service)).status).toBe('SERVING');
  });

  test('a service that does not exist is NOT_FOUND', async () => {
    await expect(check('nothing')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test('a watcher hears NOT_SERVING when the service stops, then its stream ends', {
    timeout: 1_000,
  }, async () => {
    const running = await start();
    const { path, requestSerialize, responseDeserialize } = method(healthService, 'Watch');
    const watch = running.client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service: '' },
    );
    onTestFinished(() => running.stop());
    const heard: (string | number)[] = [];
    const first = new Promise<void>((resolve) => {
      watch.on('data', (reply: HealthReply) => {
        heard.push(reply.status);
        resolve();
      });
    });
    const ended = new Promise<void>((resolve) => {
      watch.on('error', () => resolve());
      watch.on('end', () => resolve());
    });
    await first;
    await running.service.close();
    expect(heard).toEqual(['SERVING', 'NOT_SERVING']);
    await ended;
  });

  test('a service that has stopped answers nothing, on no connection', async () => {
    const running = await start();
    onTestFinished(() => running.stop());
    await ask(running, 'record', { event: event({ orgId: 'o', meter: 'executions' }) });
    await running.service.close();
    const codes: string[] = [];
    for (const name of ['checkQuota', 'getUsage', 'listUsageEvents', 'getInvoice'] as const) {
      const answer = ask(running, name, { orgId: 'o' }).then(
        () => 'OK',
        (error: ServiceError) => status[error.code] ?? '',
      );
      codes.push(await answer);
    }
    expect(running.fatal).toEqual([]);
    expect(codes).toEqual(Array(4).fill('UNAVAILABLE'));
  });
});

describe('server reflection', () => {
  const folder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection'));

  /** One question, one answer. */
  async function reflect(version: string, question: object, running: Running = now()) {
    const file = join(folder, '../proto/grpc/reflection', version, 'reflection.proto');
    const types = loadSync(file, { keepCase: true, defaults: false, oneofs: true });
    const info = types[`grpc.reflection.${version}.ServerReflection`] as object;
    const { path, requestSerialize, responseDeserialize } = method(info, 'ServerReflectionInfo');
    const stream: ClientDuplexStream<object, object> = running.client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
    );
    const answer = new Promise<Answer>((resolve, reject) => {
      stream.on('data', (reply: Answer) => resolve(reply));
      stream.on('error', reject);
    });
    stream.write(question);
    stream.end();
    return answer;
  }
  interface Answer {
    readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
    readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Uint8Array[] };
    readonly error_response?: { readonly error_code: number };
  }

  describe.each(['v1', 'v1alpha'])('%s', (version) => {
    test('lists the services', async () => {
      const reply = await reflect(version, { list_services: '' });
      const names = reply.list_services_response?.service.map(({ name }) => name) ?? [];
      const own = [
        ...['Access', 'Admin', 'Catalog', 'Correction', 'Invoice', 'Metering', 'Notification'],
        ...['Organization', 'Subscription'],
      ];
      const expected = own.map((name) => `tollgate.v1.${name}Service`);
      expect(names.toSorted()).toEqual(['grpc.health.v1.Health', ...expected]);
    });

    const filesOf = async (question: object) => {
      const { file_descriptor_response: found } = await reflect(version, question);
      const bytes = found?.file_descriptor_proto ?? [];
      return bytes.map((file) => fromBinary(FileDescriptorProtoSchema, file));
    };

    test('gives the file of a service with its HTTP options, and all that it imports', async () => {
      const files = await filesOf({ file_containing_symbol: 'tollgate.v1.MeteringService' });
      expect(files[0]?.name).toBe('tollgate/v1/metering_service.proto');
      const record = files[0]?.service[0]?.method.find(({ name }) => name === 'Record');
      // google.api.http
      expect(record?.options?.$unknown?.map(({ no }) => no)).toEqual([72_295_728]);
      const known = new Map(files.map((file) => [file.name, file]));
      for (const { dependency } of known.values()) {
        for (const name of dependency) {
          if (known.has(name)) continue;
          for (const file of await filesOf({ file_by_filename: name })) known.set(file.name, file);
          expect([...known.keys()]).toContain(name);
        }
      }
      expect([...known.keys()]).toContain('google/api/http.proto');
      expect([...known.keys()]).toContain('google/protobuf/timestamp.proto');
    });

    test('gives the health service, too', async () => {
      const reply = await reflect(version, { file_containing_symbol: 'grpc.health.v1.Health' });
      expect(reply.file_descriptor_response?.file_descriptor_proto.length).toBeGreaterThan(0);
    });

    test('says that it does not know a symbol', async () => {
      const reply = await reflect(version, { file_containing_symbol: 'tollgate.v1.Nothing' });
      expect(reply.error_response?.error_code).toBe(status.NOT_FOUND);
    });
  });

  test('can be switched off', async () => {
    const running = await start({ flags: ['--reflection', 'off'] });
    const answer = reflect('v1', { list_services: '' }, running);
    await expect(answer).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
    await running.stop();
  });
});
