// Cross-origin requests (https://fetch.spec.whatwg.org/#http-cors-protocol): pages of other origins
// may call where the operator names their origin, and nowhere else.
//
// Browsers are never allowed to add what they hold by themselves (cookies, client certificates): a
// page has to bring a credential of its own.

import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MINUTE_MS, SECOND_MS } from '../base/units.js';

export interface CorsOptions {
  /** As browsers spell them: `https://console.example`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
}

/** What callers send beside what every page may. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'last-event-id',
  'tollgate-deny-as-error',
  'x-api-key',
  'x-request-id',
  'x-tollgate-org',
];
/** What they read beside what every page may. */
const REPLY_HEADERS = ['etag', 'retry-after', 'x-request-id'];
const PREFLIGHT_MS = 10 * MINUTE_MS;

export function allowOrigins(app: FastifyInstance, { origins, methods }: CorsOptions): void {
  app.register(cors, {
    origin: [...origins],
    methods: [...methods],
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: REPLY_HEADERS,
    maxAge: PREFLIGHT_MS / SECOND_MS,
    credentials: false,
  });
}

/** A browser asks whether a page may send the request. */
export function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && 'origin' in headers && 'access-control-request-method' in headers;
}
