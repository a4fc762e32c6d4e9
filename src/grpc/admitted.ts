// Whom a call was admitted as, kept on its stream: a handler asks for no credential again while
// that one holds.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { isLive, type Session } from '../access/session.js';
import { assert } from '../base/assert.js';
import type { EpochMs } from '../base/units.js';

/** A call of any kind, unary or stream. */
export type ServerCall = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

const SESSION = Symbol('session');

interface Admitted {
  [SESSION]?: Session;
}

export function keepSession(stream: ServerHttp2Stream, session: Session): void {
  (stream as Admitted)[SESSION] = session;
}

/** Undefined where its credential has ended since, or was changed. */
export function sessionOf(call: ServerCall, nowMs: EpochMs): Session | undefined {
  const session = streamOf(call)[SESSION];
  return session !== undefined && isLive(session, nowMs) ? session : undefined;
}

export function connectionOf(call: ServerCall): ServerHttp2Session | undefined {
  return streamOf(call).session;
}

/** What grpc-js keeps in private fields; with interceptors, one within the other. */
interface Inside {
  readonly call?: Inside;
  readonly nextCall?: Inside;
  readonly stream?: Admitted & { readonly session?: ServerHttp2Session };
}

function streamOf(call: ServerCall): NonNullable<Inside['stream']> {
  let inner = (call as unknown as Inside).call;
  while (inner?.nextCall !== undefined) inner = inner.nextCall;
  assert(inner?.stream !== undefined, 'grpc-js has its fields');
  return inner.stream;
}
