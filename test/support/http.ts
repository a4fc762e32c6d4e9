// One HTTP request to a running server, with what came back.

import { request } from 'node:http';
import type { Json } from './cold.js';
import type { Running } from './service.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  /** Parsed, where it is JSON. */
  readonly json: Json;
}

export interface Given {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it stands. */
  readonly body?: object | string;
}

/** `await http(running, 'GET', '/v1/orgs/acme/usage')`. */
export function http(
  { service }: Pick<Running, 'service'>,
  method: string,
  path: string,
  { headers = {}, body }: Given = {},
): Promise<Answer> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  const type = text === undefined ? {} : { 'content-type': 'application/json' };
  const url = new URL(`http://${service.addresses.http[0]}`);
  return new Promise((resolve, reject) => {
    const call = request(
      { host: url.hostname, port: url.port, method, path, headers: { ...type, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const isJson = String(response.headers['content-type']).startsWith('application/json');
          const isPlain = response.headers['content-encoding'] === undefined;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            json: isJson && isPlain && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined,
          });
        });
      },
    );
    call.once('error', reject);
    call.end(text);
  });
}
