// What every face of the server serves calls with.

import type { Gate } from '../access/gate.js';
import type { Core } from '../operations/core.js';
import { Refusal, type RefusalStatus } from '../operations/refusal.js';
import type { RpcRecorder } from '../telemetry/rpc-metrics.js';
import type { Rpc } from './rpc.js';

export interface Edge {
  readonly core: Core;
  readonly gate: Gate;
  /** Whether every denial is a status, or those are that ask for it. */
  readonly denyAsError: 'always' | 'asked';
  readonly recorder: (method: string) => RpcRecorder;
  /** An error that is no refusal: logged, and fatal where the state can no longer be trusted. */
  readonly onError: (method: string, error: unknown) => void;
  /** Calls under way, for draining. */
  openCalls: number;
}

/** The header, or metadata, by which a caller asks for denials as errors. */
export const DENY_AS_ERROR = 'tollgate-deny-as-error';

/** Eighty methods would be too many series, so these share one. */
const ADMINISTRATIVE = 'administrative';

export function recorderOf(edge: Edge, method: string, { kind }: { readonly kind: Kind }) {
  return edge.recorder(kind === 'metering' ? method : ADMINISTRATIVE);
}

type Kind = Rpc<never, never>['kind'];

const OF_STATE: ReadonlySet<RefusalStatus> = new Set([
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
]);

/** What a refusal says of the state must be durable too: a conflict, an ended reservation. */
export function saysState(error: unknown): boolean {
  return error instanceof Refusal && OF_STATE.has(error.status);
}
