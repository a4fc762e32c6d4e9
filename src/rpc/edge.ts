// What every face of the server serves calls with.

import type { Gate } from '../access/gate.js';
import type { Session } from '../access/session.js';
import type { Sequence } from '../base/units.js';
import type { Core } from '../operations/core.js';
import { isPathId } from '../operations/parse.js';
import { Refusal, type RefusalStatus } from '../operations/refusal.js';
import type { RpcRecorder } from '../telemetry/rpc-metrics.js';
import { type Admitted, perform, type Rpc } from './rpc.js';

export interface Edge {
  readonly core: Core;
  readonly gate: Gate;
  /** Whether every denial is a status, or those are that ask for it. */
  readonly denyAsError: 'always' | 'asked';
  readonly recorder: (method: string) => RpcRecorder;
  /** An error that is no refusal: logged, and fatal where the state can no longer be trusted. */
  readonly onError: (method: string, error: unknown, requestId?: string) => void;
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

/** Performs a call, and waits until what its reply or its refusal says is durable. */
export async function performDurably<Request, Reply>(
  { core: { journal } }: Edge,
  rpc: Rpc<Request, Reply>,
  session: Admitted,
  request: Request,
  source: string,
): Promise<Reply> {
  const synced = (after: Sequence) =>
    new Promise<void>((resolve) => journal.whenSynced(after, resolve));
  try {
    const { reply, after } = await perform(rpc, session, request, source);
    await synced(after);
    return reply;
  } catch (error) {
    if (saysState(error)) await synced(journal.lastSequence());
    throw error;
  }
}

const OF_STATE: ReadonlySet<RefusalStatus> = new Set([
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
]);

/** What a refusal says of the state must be durable too: a conflict, an ended reservation. */
export function saysState(error: unknown): boolean {
  return error instanceof Refusal && OF_STATE.has(error.status);
}

/** Tells the audit log of a refusal, where it is one of access. */
export function noteDenied(
  edge: Edge,
  method: string,
  error: unknown,
  call: {
    readonly session: Session | undefined;
    readonly source: string;
    readonly orgId: string;
  },
): void {
  if (!(error instanceof Refusal)) return;
  if (error.status !== 'PERMISSION_DENIED' && error.status !== 'UNAUTHENTICATED') return;
  const { session, source, orgId } = call;
  const actor = session?.principal.name ?? '';
  const { accessDenials, clock } = edge.core;
  const denial = { actor, source, method, orgId: orgIdOr(orgId), reason: error.reason };
  accessDenials.note(denial, clock.monotonicMs());
}

/** What stands in a message need not be an id at all. */
function orgIdOr(orgId: string): string {
  return isPathId(orgId) ? orgId : '';
}
