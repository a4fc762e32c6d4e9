// One HTTP POST. What is trusted of the other side is its status: redirects are not followed, of
// the body only a little is read and dropped, and every wait is bounded. Each attempt has a
// connection of its own: one kept open would be found closed by the next attempt.

import { lookup } from 'node:dns';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../base/failure.js';
import { type DurationMs, SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';
import { isRefusedAddress } from '../operations/notifications/check-url.js';

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: DurationMs;
  /** Cuts the attempt off. */
  readonly signal: AbortSignal;
}

export type Posted =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: DurationMs }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'cut off' };

/** Never rejects. */
export function postWebhook({ url, headers, body, timeoutMs, signal }: Post): Promise<Posted> {
  return new Promise((resolve) => {
    let answered: Posted | undefined;
    const timer = setTimeout(() => {
      end({ kind: 'failed', why: `no answer within ${timeoutMs / SECOND_MS} s` });
    }, timeoutMs);
    const cutOff = () => end({ kind: 'cut off' });
    const request = open(url, headers, body);
    /** A status that came counts, whatever became of the body. */
    function end(posted: Posted): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', cutOff);
      resolve(answered ?? posted);
      request.destroy();
    }
    signal.addEventListener('abort', cutOff);
    request.on('error', (error) => end({ kind: 'failed', why: messageOf(error) || error.name }));
    request.on('response', (response) => {
      const retryAfterMs = retryAfterOf(response);
      answered = { kind: 'answered', status: response.statusCode ?? 0, retryAfterMs };
      drop(response, () => end({ kind: 'failed', why: 'no status' }));
    });
    if (signal.aborted) cutOff();
    else request.end(body);
  });
}

function open(url: string, headers: Post['headers'], body: string) {
  const { protocol } = new URL(url);
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' },
    lookup: lookUp,
  };
  return protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
}

/**
 * Looked up in libuv's pool, which lets look-ups have half of its threads at most: names that hang
 * keep no write to the journal waiting.
 */
const lookUp: NonNullable<RequestOptions['lookup']> = (hostname, options, done) => {
  lookup(hostname, options, (error, found, family) => {
    const addresses = typeof found === 'string' ? [found] : (found ?? []).map((f) => f.address);
    const refused = addresses.find(isRefusedAddress);
    if (error === null && refused !== undefined) {
      done(new Error(`${hostname} has the address ${refused}, which is refused`), '', 0);
    } else done(error, found, family);
  });
};

/** Reads to the end, or no further than the bound. */
function drop(response: IncomingMessage, done: () => void): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limits.webhookAnswerBytes) done();
  });
  response.on('error', done);
  response.on('close', done);
}

/** In seconds; a date is not read. */
function retryAfterOf({ headers }: IncomingMessage): DurationMs {
  const text = headers['retry-after'] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) * SECOND_MS : 0;
}
