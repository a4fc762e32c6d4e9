// The one shape of a unary handler: decide, wait until what the reply depends on is durable, reply.
// Metrics and errors are handled here and nowhere else.

import {
  type handleUnaryCall,
  type Metadata,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { MonotonicMs } from '../base/units.js';
import type { Answer, Core } from '../operations/core.js';
import { Refusal, type RefusalStatus } from '../operations/refusal.js';
import type { RpcRecorder } from '../telemetry/rpc-metrics.js';
import { internalError, toServiceError } from './status.js';

export interface Edge {
  readonly core: Core;
  /** gRPC counts as ready: before it every call is NOT_READY. */
  readonly recorder: (method: string) => RpcRecorder;
  /** An error that is no refusal: logged, and fatal where the state can no longer be trusted. */
  readonly onError: (method: string, error: unknown) => void;
  /** Calls under way, for draining. */
  openCalls: number;
}

export type Operation<Request, Reply> = (core: Core, request: Request) => Answer<Reply>;
export type SlowOperation<Request, Reply> = (
  core: Core,
  request: Request,
) => Promise<Answer<Reply>>;

/** Turns a reply into a refusal where the caller asked for that. */
export type Objection<Request, Reply> = (
  core: Core,
  request: Request,
  reply: Reply,
  metadata: Metadata,
) => Refusal | undefined;

export function unary<Request, Reply>(
  edge: Edge,
  method: string,
  operation: Operation<Request, Reply>,
  object?: Objection<Request, Reply>,
): handleUnaryCall<Request, Reply> {
  const { core } = edge;
  const { journal } = core;
  const finish = finisher<Request, Reply>(edge, method);
  return (call, callback) => {
    const startedMs = start(edge);
    try {
      const { reply, after } = operation(core, call.request);
      const refusal = object?.(core, call.request, reply, call.metadata);
      journal.whenSynced(after, () => finish(call, callback, startedMs, refusal, reply));
    } catch (error) {
      // What a refusal says of the state must be durable too: a conflict, an ended reservation.
      const after = saysState(error) ? journal.lastSequence() : 0;
      journal.whenSynced(after, () => finish(call, callback, startedMs, error));
    }
  };
}

const OF_STATE: ReadonlySet<RefusalStatus> = new Set([
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
]);

function saysState(error: unknown): boolean {
  return error instanceof Refusal && OF_STATE.has(error.status);
}

const ADMINISTRATIVE = 'administrative';

/** For operations that work in slices: reads that may take long. */
export function slowUnary<Request, Reply>(
  edge: Edge,
  method: string,
  operation: SlowOperation<Request, Reply>,
  /** Of an administrative service: eighty methods would be too many series, so they share one. */
  service = '',
): handleUnaryCall<Request, Reply> {
  const { core } = edge;
  const finish = finisher<Request, Reply>(edge, method, service === '' ? method : ADMINISTRATIVE);
  return (call, callback) => {
    const startedMs = start(edge);
    // What is refused before the first await is refused like the rest.
    (async () => operation(core, call.request))().then(
      ({ reply, after }) =>
        core.journal.whenSynced(after, () => finish(call, callback, startedMs, undefined, reply)),
      (error: unknown) => {
        const after = saysState(error) ? core.journal.lastSequence() : 0;
        core.journal.whenSynced(after, () => finish(call, callback, startedMs, error));
      },
    );
  };
}

function start(edge: Edge): MonotonicMs {
  edge.openCalls++;
  return edge.core.clock.monotonicMs();
}

type Finish<Request, Reply> = (
  call: ServerUnaryCall<Request, Reply>,
  callback: sendUnaryData<Reply>,
  startedMs: MonotonicMs,
  error: unknown,
  reply?: Reply,
) => void;

function finisher<Request, Reply>(
  edge: Edge,
  method: string,
  counted = method,
): Finish<Request, Reply> {
  const { clock } = edge.core;
  const recorder = edge.recorder(counted);
  return (call, callback, startedMs, error, reply) => {
    edge.openCalls--;
    let code = status.OK;
    if (error === undefined && reply !== undefined) {
      callback(null, reply);
      if (call.cancelled) code = status.CANCELLED;
    } else {
      const answer = errorReply(edge, method, error);
      callback(answer);
      code = answer.code;
    }
    recorder.done(code, clock.monotonicMs() - startedMs);
  };
}

export function errorReply(edge: Edge, method: string, error: unknown) {
  if (error instanceof Refusal) return toServiceError(error);
  edge.onError(method, error);
  return internalError();
}
