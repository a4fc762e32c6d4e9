// A path of an older system, as data; and what all of them have in common: who calls, for which
// organisation, RPCs through the tables of the contract, and refusals as `{"detail": text}`.
//
// Invariant: nothing is decided here. Permissions and organisations are those of the RPCs that a
// path performs, and a reply goes out when what it says is durable.

import type { Bucket } from '../../access/rate-limit.js';
import type { Session } from '../../access/session.js';
import type { EpochMs } from '../../base/units.js';
import { invalidField, Refusal } from '../../operations/refusal.js';
import { type Edge, noteDenied, performDurably, recorderOf } from '../../rpc/edge.js';
import type { Rpc } from '../../rpc/rpc.js';
import { everyRpc, type Rpcs } from '../../rpc/rpcs.js';
import type { RpcRecorder } from '../../telemetry/rpc-metrics.js';
import type { HttpVerb } from '../bindings.js';
import { problemOf, problemOfFault } from '../problem.js';
import { HTTP_CALL, type HttpCall, type HttpReply, JSON_TYPE, parseBody } from '../transcode.js';

export type Alias = {
  readonly verb: HttpVerb;
  readonly template: string;
} & (
  | {
      /** `report`: a usage report, of which an organisation may send so many a minute. */
      readonly access: 'credential' | 'report';
      readonly run: (call: AliasCall) => Promise<AliasReply>;
    }
  | {
      readonly access: 'none';
      readonly run: (call: HttpCall) => Promise<HttpReply>;
    }
);

export interface AliasCall {
  /** Values of the template's variables, in order. */
  readonly values: readonly string[];
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined where there is none. */
  readonly body: unknown;
  /** '' where absent. */
  readonly header: (name: string) => string;
  readonly nowMs: EpochMs;
  /** The one that the request names, else the credential's, else that of `x-tollgate-org`. */
  readonly org: (named?: string) => string;
  /** Rejects with the refusal. */
  readonly perform: <Request, Reply>(rpc: Rpc<Request, Reply>, request: Request) => Promise<Reply>;
}

export interface AliasReply {
  readonly status: 200 | 201 | 409;
  readonly body: object;
}

export interface AliasHost {
  readonly edge: Edge;
  /** Methods by their rows in the tables: an alias holds the row, metrics want the name. */
  readonly methods: ReadonlyMap<object, Method>;
  /** Of the usage reports of a principal; undefined where they are not limited. */
  readonly reports: (session: Session) => Bucket | undefined;
}

interface Method {
  readonly name: string;
  readonly recorder: RpcRecorder;
}

export const ORG_HEADER = 'x-tollgate-org';
/** google.rpc.Code. */
const OK = 0;
const INTERNAL = problemOfFault('internal', 'internal error; the server log says more');

export function methodsOf(edge: Edge, rpcs: Rpcs): AliasHost['methods'] {
  return new Map(
    everyRpc(rpcs).map(({ rpc, method }) => {
      return [rpc, { name: method, recorder: recorderOf(edge, method, rpc) }];
    }),
  );
}

export async function answerAlias(
  host: AliasHost,
  alias: Alias,
  values: readonly string[],
  call: HttpCall,
): Promise<HttpReply> {
  const { edge } = host;
  edge.openCalls++;
  try {
    if (alias.access === 'none') return await alias.run(call);
    const session = await admit(edge, alias, call);
    session.bucket?.take();
    if (alias.access === 'report') host.reports(session)?.take();
    const { status, body } = await alias.run(callOf(host, session, values, call));
    return { status, headers: JSON_TYPE, body: JSON.stringify(body) };
  } catch (error) {
    if (error instanceof Refusal) return replyOf(error);
    edge.onError(alias.template, error, call.requestId);
    return detail(INTERNAL.status, INTERNAL.body.message);
  } finally {
    edge.openCalls--;
  }
}

async function admit(edge: Edge, { verb, template }: Alias, call: HttpCall): Promise<Session> {
  try {
    return await edge.gate.admit(call, HTTP_CALL);
  } catch (error) {
    const { source } = call;
    noteDenied(edge, `${verb} ${template}`, error, { session: undefined, source, orgId: '' });
    throw error;
  }
}

function callOf(
  host: AliasHost,
  session: Session,
  values: readonly string[],
  { query, header, body, source }: HttpCall,
): AliasCall {
  const { clock } = host.edge.core;
  // One request costs one token, however many RPCs it takes.
  const admitted = { principal: session.principal, core: session.core, bucket: undefined };
  return {
    values,
    query,
    body: parseBody(body),
    header,
    nowMs: clock.wallMs(),
    org: (named = '') => named || session.principal.orgId || orgInHeader(header),
    async perform(rpc, request) {
      const method = host.methods.get(rpc);
      const startedMs = clock.monotonicMs();
      let code = OK;
      try {
        return await performDurably(host.edge, rpc, admitted, request, source);
      } catch (error) {
        const orgId = rpc.org.read(request);
        noteDenied(host.edge, method?.name ?? '', error, { session, source, orgId });
        code = error instanceof Refusal ? problemOf(error).body.code : INTERNAL.body.code;
        throw error;
      } finally {
        method?.recorder.done(code, clock.monotonicMs() - startedMs);
      }
    },
  };
}

function orgInHeader(header: HttpCall['header']): string {
  const orgId = header(ORG_HEADER);
  if (orgId !== '') return orgId;
  throw invalidField(ORG_HEADER, 'is required: the credential is bound to no organisation');
}

/** The same status as on the other paths; these callers know two reasons by their texts. */
function replyOf(refusal: Refusal): HttpReply {
  const { status, headers, body } = problemOf(refusal);
  return detail(status, DETAILS[refusal.reason] ?? body.message, headers);
}

const DETAILS: Readonly<Record<string, string>> = {
  CREDENTIAL_MISSING: 'Missing API key',
  CREDENTIAL_INVALID: 'Invalid API key',
};

export function detail(status: number, text: string, headers: HttpReply['headers'] = {}) {
  const body = JSON.stringify({ detail: text });
  return { status, headers: { ...JSON_TYPE, ...headers }, body };
}

export function ok(body: object): AliasReply {
  return { status: 200, body };
}

export function created(body: object): AliasReply {
  return { status: 201, body };
}

/** What a path of its own refuses, where no RPC does. */
export function conflict(text: string): AliasReply {
  return { status: 409, body: { detail: text } };
}
