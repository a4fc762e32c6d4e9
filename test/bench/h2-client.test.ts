// The bench's client against node:http2: what it reports must be what the server sent.

import { createServer, type Http2Server, type ServerHttp2Stream, type Settings } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { createIdSource, UUID_PLACEHOLDER } from './event-ids.js';
import { type H2Client, openH2Client } from './h2-client.js';
import { type Body, createStream } from './h2-stream.js';
import type { ReplyHeaders } from './hpack.js';

type Handler = (stream: ServerHttp2Stream, request: Buffer) => void;

const open: { client: H2Client; server: Http2Server }[] = [];

afterEach(() => {
  for (const { client, server } of open.splice(0)) {
    client.close();
    server.close();
  }
});

describe('the raw HTTP/2 client', () => {
  it.each([
    ['0', 'OK'],
    ['8', 'quota "free" <100> exceeded; see {docs} | ~#$&*+,/=?@[]^_`!'],
    ['14', 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 %E2%82%AC (;:.-)'],
  ])('reads status %s and its message from the trailers', async (status, message) => {
    const call = await serve((stream) => reply(stream, Buffer.alloc(0), status, message));
    for (let count = 0; count < 3; count++) {
      const answer = await call(Buffer.alloc(0));
      expect(answer.headers).toMatchObject({ grpcStatus: status, grpcMessage: message });
    }
  });

  it('keeps its header table right while values come and go', async () => {
    let count = 0;
    const call = await serve((stream) => {
      count++;
      reply(stream, Buffer.alloc(0), String(count % 17), `message ${'x'.repeat(count % 300)}`);
    });
    for (let expected = 1; expected <= 400; expected++) {
      const { headers } = await call(Buffer.alloc(0));
      expect(headers.grpcStatus).toBe(String(expected % 17));
      expect(headers.grpcMessage).toBe(`message ${'x'.repeat(expected % 300)}`);
    }
  });

  it('sends and receives messages larger than every window and frame', async () => {
    const settings = { initialWindowSize: 1000, maxFrameSize: 16_384 };
    const call = await serve((stream, request) => reply(stream, request, '0', 'OK'), settings);
    const message = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    const answers = await Promise.all([call(message), call(message.subarray(7)), call(message)]);
    expect(answers.map((answer) => answer.message.length)).toEqual([300_000, 299_993, 300_000]);
    expect(answers[0]?.message.equals(message)).toBe(true);
  });

  it('goes on with a new connection after GOAWAY and when its stream ids are used up', async () => {
    let sessions = 0;
    let calls = 0;
    const call = await serve(
      (stream) => {
        calls++;
        if (calls === 5) stream.session?.goaway(0);
        reply(stream, Buffer.alloc(0), '0', 'OK');
      },
      {},
      { onSession: () => sessions++, streamIdMax: 21 },
    );
    for (let count = 0; count < 40; count++) {
      expect((await call(Buffer.alloc(0))).headers.grpcStatus).toBe('0');
    }
    expect(sessions).toBeGreaterThan(3);
  });

  it('fails loudly when the server resets a stream or goes away with an error', async () => {
    const reset = await serve((stream) => stream.close(8));
    await expect(reset(Buffer.alloc(0))).rejects.toThrow('reset stream 1 with code 8');
    const away = await serve((stream) => stream.session?.goaway(11, 0, Buffer.from('calm')));
    await expect(away(Buffer.alloc(0))).rejects.toThrow('GOAWAY with code 11: calm');
  });
});

describe('the ids of the load', () => {
  it('are UUIDs of version 4 and never the same', () => {
    const ids = createIdSource();
    const target = Buffer.from(UUID_PLACEHOLDER);
    const seen = new Set<string>();
    for (let count = 0; count < 10_000; count++) {
      ids.writeUuid(target, 0);
      expect(target.toString()).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
      expect(target.toString('latin1', 14, 15)).toBe('4');
      expect('89ab').toContain(target.toString('latin1', 19, 20));
      seen.add(target.toString());
    }
    expect(seen.size).toBe(10_000);
  });
});

interface Answer {
  readonly message: Buffer;
  readonly headers: ReplyHeaders;
}

interface ServeOptions {
  readonly onSession?: () => void;
  readonly streamIdMax?: number;
}

/** A server on a free port; returns a unary call to it. */
async function serve(
  handler: Handler,
  settings: Settings = {},
  options: ServeOptions = {},
): Promise<(message: Buffer) => Promise<Answer>> {
  const server = createServer({ settings });
  server.on('session', () => options.onSession?.());
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => handler(stream, Buffer.concat(chunks).subarray(5)));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  let failed: (error: Error) => void = () => undefined;
  const broken = new Promise<never>((_resolve, reject) => {
    failed = reject;
  });
  broken.catch(() => undefined);
  const { streamIdMax } = options;
  const client = await openH2Client({
    address: `127.0.0.1:${port}`,
    method: '/test.Service/Method',
    connections: 1,
    failed,
    ...(streamIdMax === undefined ? {} : { streamIdMax }),
  });
  open.push({ client, server });
  return (message) => Promise.race([broken, callOnce(client, message)]);
}

function callOnce(client: H2Client, message: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const stream = createStream({
      message(bytes, start, end) {
        received = Buffer.from(bytes.subarray(start, end));
      },
      end: (headers) => resolve({ message: received, headers }),
      writable: () => undefined,
    });
    client.call(0, stream, asBody(message));
    client.flush();
  });
}

function asBody(message: Buffer): Body {
  return { bytes: message.length, write: (target, at) => void message.copy(target, at) };
}

function reply(stream: ServerHttp2Stream, message: Buffer, status: string, text: string): void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': status, 'grpc-message': text }),
  );
  stream.end(Buffer.concat([prefix, message]));
}
