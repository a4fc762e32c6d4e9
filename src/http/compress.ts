// Answers in gzip where the caller takes it and it is worth it.

import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpReply } from './transcode.js';

const compress: (body: string | Buffer) => Promise<Buffer> = promisify(gzip);
/** A packet: below it nothing is gained. */
const BYTES_MIN = 1400;
const TAKES_GZIP = /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$)))?/i;
const REFUSES_GZIP = /(?:^|,)\s*gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)/i;

export async function compressed(
  request: { readonly headers: { readonly 'accept-encoding'?: string | string[] | undefined } },
  reply: HttpReply,
  pack = compress,
): Promise<HttpReply> {
  const { body, headers } = reply;
  // A stream would wait for more to compress.
  if (body instanceof Readable || body.length < BYTES_MIN) return reply;
  const accepted = String(request.headers['accept-encoding'] ?? '');
  const vary = { ...headers, vary: 'accept-encoding' };
  if (!TAKES_GZIP.test(accepted) || REFUSES_GZIP.test(accepted)) return { ...reply, headers: vary };
  return {
    ...reply,
    headers: { ...vary, 'content-encoding': 'gzip' },
    body: await pack(body),
  };
}

/** Of a body that is the same for everybody: strangers cannot have it packed again and again. */
export function packedOnce(body: Buffer): () => Promise<Buffer> {
  let packed: Promise<Buffer> | undefined;
  return () => {
    packed ??= compress(body);
    return packed;
  };
}
