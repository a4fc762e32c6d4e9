// One HTTP GET for a small document. What the other side can do is bounded: time, bytes, and where
// it sends us, which is nowhere. No redirect is followed, so none leads to another origin.

import { Failure, messageOf } from '../base/failure.js';
import { type DurationMs, SECOND_MS } from '../base/units.js';

export interface Fetch {
  readonly url: string;
  readonly bytesMax: number;
  /** For all of it, the body included. */
  readonly timeoutMs: DurationMs;
  /** Cuts it off. */
  readonly signal: AbortSignal;
}

/** The bytes of an answer 200; anything else rejects with a `Failure` of code FETCH_FAILED. */
export async function fetchBounded({ url, bytesMax, timeoutMs, signal }: Fetch): Promise<Buffer> {
  const cut = new AbortController();
  const late = new Error(`no whole answer within ${timeoutMs / SECOND_MS} s`);
  const timer = setTimeout(() => cut.abort(late), timeoutMs);
  const cutOff = () => cut.abort(signal.reason);
  signal.addEventListener('abort', cutOff);
  if (signal.aborted) cutOff();
  try {
    const response = await fetch(url, { redirect: 'manual', signal: cut.signal });
    if (response.status !== 200) throw new Error(`the answer is ${response.status}`);
    return await readBody(response, bytesMax);
  } catch (error) {
    const text = `cannot fetch ${url}: ${reasonOf(error)}`;
    throw new Failure('FETCH_FAILED', text, { retriable: true, cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cutOff);
    // Of a body that was not read to its end the connection is closed.
    cut.abort();
  }
}

/** Counted after decompression. */
async function readBody({ body }: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `fetch` says only that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) || cause.name : messageOf(error);
}
