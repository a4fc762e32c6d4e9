// The one shape of a unary handler: admit the caller; in the turn of all calls that came with it,
// decode, authorise, decide; wait until what the reply depends on is durable; reply. Metrics and
// errors are handled here and nowhere else.

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
import type { Decode } from './element-bound.js';
import { createSansOf } from './peer-sans.js';
import { internalError, toServiceError } from './status.js';
import type { Turn, TurnCall } from './turn.js';

export interface UnaryOptions<Request, Reply> {
  readonly edge: Edge;
  readonly turn: Turn;
  readonly method: string;
  readonly rpc: Rpc<Request, Reply>;
  /** Throws the refusal of what is no such request. */
  readonly decode: Decode<Request>;
  readonly encode: (reply: Reply) => Buffer;
}

type Call = ServerUnaryCall<Buffer, Buffer>;
type Callback = sendUnaryData<Buffer>;

export function unary<Request, Reply>(
  options: UnaryOptions<Request, Reply>,
): handleUnaryCall<Buffer, Buffer> {
  const { edge, turn, method, rpc, decode, encode } = options;
  const { core, gate } = edge;
  const { journal, clock } = core;
  const recorder = recorderOf(edge, method, rpc);

  return (call, callback) => {
    edge.openCalls++;
    const startedMs = clock.monotonicMs();
    const admit = (session: Session) => turn.add(inTurn(session, call, callback, startedMs));
    try {
      const session = sessionOf(call, clock.wallMs()) ?? gate.admit(call, GRPC_CALL);
      if (!(session instanceof Promise)) admit(session);
      else session.then(admit, (error) => turnAway(call, callback, startedMs, error));
    } catch (error) {
      turnAway(call, callback, startedMs, error);
    }
  };

  /** Nobody who is known. */
  function turnAway(call: Call, callback: Callback, startedMs: MonotonicMs, error: unknown): void {
    noteDenied(edge, method, error, { session: undefined, source: call.getPeer(), orgId: '' });
    finish(call, callback, startedMs, error);
  }

  function inTurn(
    session: Session,
    call: Call,
    callback: Callback,
    startedMs: MonotonicMs,
  ): TurnCall {
    let request: Request | undefined;
    let answered: Answer<Reply> | Promise<Answer<Reply>> | undefined;
    let refused: unknown;

    function succeed({ reply, after }: Answer<Reply>): void {
      let refusal: unknown;
      let bytes: Buffer | undefined;
      try {
        refusal = objection(session.core, call, request as Request, reply);
        if (refusal === undefined) bytes = encode(reply);
      } catch (error) {
        refusal = error;
      }
      journal.whenSynced(after, () => finish(call, callback, startedMs, refusal, bytes));
    }

    function fail(error: unknown): void {
      const orgId = request === undefined ? '' : rpc.org.read(request);
      noteDenied(edge, method, error, { session, source: call.getPeer(), orgId });
      const after = saysState(error) ? journal.lastSequence() : 0;
      journal.whenSynced(after, () => finish(call, callback, startedMs, error));
    }

    return {
      decide() {
        try {
          request = decode(call.request);
          const source = rpc.kind === 'metering' ? '' : call.getPeer();
          answered = perform(rpc, session, request, source);
        } catch (error) {
          refused = error;
        }
      },
      answer() {
        if (answered === undefined) fail(refused);
        else if (answered instanceof Promise) answered.then(succeed, fail);
        else succeed(answered);
      },
    };
  }

  function objection(own: Core, call: Call, request: Request, reply: Reply) {
    if (rpc.denial === undefined) return undefined;
    const refusal = rpc.denial(own, request, reply);
    if (refusal === undefined || edge.denyAsError === 'always') return refusal;
    const asked = call.metadata.get(DENY_AS_ERROR).some((value) => String(value) === 'true');
    return asked ? refusal : undefined;
  }

  function finish(
    call: Call,
    callback: Callback,
    startedMs: MonotonicMs,
    error: unknown,
    reply?: Buffer,
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
