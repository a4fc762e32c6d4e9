// A receiver of webhooks on loopback: real HTTP, and answers that a test decides.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Json } from './cold.js';

export interface Received {
  /** Header `webhook-id`. */
  readonly id: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly json: Json;
}

export type Answer = number | 'hang' | ((response: ServerResponse) => void);

export interface Receiver {
  readonly url: string;
  /** In order of arrival. */
  readonly received: readonly Received[];
  /** From now on, by the number of requests before; the last one stays. */
  readonly answer: (...answers: readonly Answer[]) => void;
  /** Resolves once so many have come in all. */
  readonly got: (count: number) => Promise<readonly Received[]>;
  /** Those that were not answered. */
  readonly hanging: () => number;
}

/** Closed when the test is over. */
export async function openReceiver(...answers: readonly Answer[]): Promise<Receiver> {
  const received: Received[] = [];
  let planned = [...answers];
  let waiters: { readonly count: number; readonly done: () => void }[] = [];
  let hanging = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { headers } = request;
      received.push({ id: `${headers['webhook-id']}`, headers, body, json: JSON.parse(body) });
      const answer = (planned.length > 1 ? planned.shift() : planned[0]) ?? 204;
      if (typeof answer === 'function') answer(response);
      else if (answer === 'hang') hanging++;
      else response.writeHead(answer).end();
      for (const { count, done } of waiters) if (received.length >= count) done();
      waiters = waiters.filter(({ count }) => received.length < count);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answer(...next) {
      planned = [...next];
    },
    got: (count) =>
      new Promise((resolve) => {
        const done = () => resolve(received);
        if (received.length >= count) done();
        else waiters.push({ count, done });
      }),
    hanging: () => hanging,
  };
}
