// The one shape of a unary handler: admit the caller, authorise, decide, wait until what the reply
// depends on is durable, reply. Metrics and errors are handled here and nowhere else.

import {
  type handleUnaryCall,
  type Metadata,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { CallReader } from '../access/gate.js';
import type { Session } from '../access/session.js';
import type { MonotonicMs } from '../base/units.js';
import type { Answer, Core } from '../operations/core.js';
import { Refusal } from '../operations/refusal.js';
import { DENY_AS_ERROR, type Edge, noteDenied, recorderOf, saysState } from '../rpc/edge.js';
import { perform, type Rpc } from '../rpc/rpc.js';
import { type ServerCall, sessionOf } from './admitted.js';
import { refuseTooMany } from './element-bound.js';
import { createSansOf } from './peer-sans.js';
import { internalError, toServiceError } from './status.js';

export function unary<Request, Reply>(
  edge: Edge,
  method: string,
  rpc: Rpc<Request, Reply>,
): handleUnaryCall<Request, Reply> {
  const { core, gate } = edge;
  const { journal, clock } = core;
  const tooMany = core.metrics.requestsRefused.grpc.too_many_elements;
  const recorder = recorderOf(edge, method, rpc);

  return (call, callback) => {
    edge.openCalls++;
    const startedMs = clock.monotonicMs();
    try {
      const session = sessionOf(call, clock.wallMs()) ?? gate.admit(call, GRPC_CALL);
      if (!(session instanceof Promise)) return answer(session, call, callback, startedMs);
      session.then(
        (admitted) => answer(admitted, call, callback, startedMs),
        (error: unknown) => turnAway(call, callback, startedMs, error),
      );
    } catch (error) {
      turnAway(call, callback, startedMs, error);
    }
  };

  /** Nobody who is known. */
  function turnAway(
    call: ServerUnaryCall<Request, Reply>,
    callback: sendUnaryData<Reply>,
    startedMs: MonotonicMs,
    error: unknown,
  ): void {
    const orgId = rpc.org.read(call.request);
    noteDenied(edge, method, error, { session: undefined, source: call.getPeer(), orgId });
    finish(call, callback, startedMs, error);
  }

  function answer(
    session: Session,
    call: ServerUnaryCall<Request, Reply>,
    callback: sendUnaryData<Reply>,
    startedMs: MonotonicMs,
  ): void {
    const fail = (error: unknown) => {
      const orgId = rpc.org.read(call.request);
      noteDenied(edge, method, error, { session, source: call.getPeer(), orgId });
      const after = saysState(error) ? journal.lastSequence() : 0;
      journal.whenSynced(after, () => finish(call, callback, startedMs, error));
    };
    const succeed = ({ reply, after }: Answer<Reply>) => {
      const refusal = objection(session.core, call, reply);
      journal.whenSynced(after, () => finish(call, callback, startedMs, refusal, reply));
    };
    try {
      const { request } = call;
      refuseTooMany(request, tooMany);
      const source = rpc.kind === 'metering' ? '' : call.getPeer();
      const answered = perform(rpc, session, request, source);
      if (answered instanceof Promise) answered.then(succeed, fail);
      else succeed(answered);
    } catch (error) {
      fail(error);
    }
  }

  function objection(own: Core, call: ServerUnaryCall<Request, Reply>, reply: Reply) {
    if (rpc.denial === undefined) return undefined;
    const refusal = rpc.denial(own, call.request, reply);
    if (refusal === undefined || edge.denyAsError === 'always') return refusal;
    const asked = call.metadata.get(DENY_AS_ERROR).some((value) => String(value) === 'true');
    return asked ? refusal : undefined;
  }

  function finish(
    call: ServerUnaryCall<Request, Reply>,
    callback: sendUnaryData<Reply>,
    startedMs: MonotonicMs,
    error: unknown,
    reply?: Reply,
  ): void {
    edge.openCalls--;
    let code = status.OK;
    if (error === undefined && reply !== undefined) {
      callback(null, reply);
      if (call.cancelled) code = status.CANCELLED;
    } else {
      const refused = errorReply(edge, method, error);
      callback(refused);
      code = refused.code;
    }
    recorder.done(code, clock.monotonicMs() - startedMs);
  }
}

type GrpcCall = ServerCall & { readonly metadata: Metadata };

const sansOf = createSansOf();

export const GRPC_CALL: CallReader<GrpcCall> = {
  header({ metadata }, name) {
    const value = metadata.get(name)[0];
    return typeof value === 'string' ? value : '';
  },
  certificate: sansOf,
};

export function errorReply(edge: Edge, method: string, error: unknown) {
  if (error instanceof Refusal) return toServiceError(error);
  edge.onError(method, error);
  return internalError();
}
