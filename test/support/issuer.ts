// An issuer's key set by HTTP on loopback, with answers that a test decides.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A text is an answer 200, a number a status without one. */
export type IssuerAnswer = string | number | ((response: ServerResponse) => void);

export interface Issuer {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** From now on. */
  readonly answer: (answer: IssuerAnswer) => void;
}

/** Closed when the test is over. */
export async function openIssuer(first: IssuerAnswer): Promise<Issuer> {
  const asked: string[] = [];
  let answer = first;
  const server = createServer((request: IncomingMessage, response) => {
    asked.push(request.url ?? '');
    if (typeof answer === 'function') answer(response);
    else if (typeof answer === 'number') response.writeHead(answer).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/jwks`,
    asked,
    answer(next) {
      answer = next;
    },
  };
}
