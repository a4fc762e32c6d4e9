// REST: a request of HTTP as the call of an RPC, and its answer as JSON. One table, made once from
// the descriptors; the operations are those of gRPC, and so are the rules about who may call them.

import type { Readable } from 'node:stream';
import type { DescMessage, FileRegistry } from '@bufbuild/protobuf';
import type { CallReader, PeerCertificate } from '../access/gate.js';
import type { Session } from '../access/session.js';
import { present } from '../base/assert.js';
import { createFaults, type Faults, refuseFaults } from '../operations/parse.js';
import { invalidField, Refusal } from '../operations/refusal.js';
import { DENY_AS_ERROR, type Edge, noteDenied, performDurably, recorderOf } from '../rpc/edge.js';
import { everyRpc, type ListedRpc, type Rpcs } from '../rpc/rpcs.js';
import type { RpcRecorder } from '../telemetry/rpc-metrics.js';
import { type Bind, binderOf } from './bind.js';
import { type Binding, bindingsOf } from './bindings.js';
import { type Headers, headersOf } from './call-headers.js';
import { type Encode, encoderOf } from './json/encode.js';
import { type Fault, type Problem, problemOf, problemOfFault } from './problem.js';
import { type Reader, rawOf } from './raw-replies.js';
import { missedOf, openRoutes, variablesOf } from './routes.js';

export interface HttpCall {
  readonly verb: string;
  /** As it came, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** '' where there is none. */
  readonly body: string;
  /** '' where absent. */
  readonly header: (name: string) => string;
  readonly certificate: () => PeerCertificate;
  /** The caller's, or one of ours: it is in the answer, and beside a fault in the log. */
  readonly requestId: string;
  /** Address of the caller. */
  readonly source: string;
}

export const HTTP_CALL: CallReader<HttpCall> = {
  header: ({ header }, name) => header(name),
  certificate: ({ certificate }) => certificate(),
};

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | Readable;
}

/** One that was refused. */
export interface RefusedReply extends HttpReply {
  readonly body: string;
}

interface Route extends ListedRpc {
  readonly bind: Bind;
  readonly headers: Headers;
  readonly encode: Encode;
  readonly recorder: RpcRecorder;
  /** Of a reply that is a file. */
  readonly raw: Reader | undefined;
}

export type Transcoder = (call: HttpCall) => Promise<HttpReply>;

export const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
/** Codes of google.rpc.Status. */
const OK = 0;

export function openTranscoder(edge: Edge, rpcs: Rpcs, contract: FileRegistry): Transcoder {
  const routes = openRoutes<Route>();
  const listed = new Map(everyRpc(rpcs).map((each) => [`${each.service}/${each.method}`, each]));
  for (const binding of bindingsOf(contract)) {
    const name = `${binding.service}/${binding.method.name}`;
    const rpc = present(listed.get(name), `the RPC ${name}`);
    routes.add(binding.verb, binding.template, routeOf(edge, rpc, binding));
  }
  return async (call) => {
    const found = routes.find(call.verb, call.path);
    if (found.kind === 'found') return answer(edge, found.route, found.values, call);
    const { fault, text, headers } = missedOf(found, call.path);
    const refused = refuse(fault, text);
    return { ...refused, headers: { ...refused.headers, ...headers } };
  };
}

function routeOf(edge: Edge, listed: ListedRpc, { method, template, body }: Binding): Route {
  const { input, output } = method;
  return {
    ...listed,
    bind: binderOf(input, variablesOf(template), body),
    headers: headersOf(input, output, variablesOf(template)),
    encode: encoderOf(output),
    recorder: recorderOf(edge, listed.method, listed.rpc),
    raw: rawOf(output as DescMessage),
  };
}

function answer(
  edge: Edge,
  route: Route,
  values: readonly string[],
  call: HttpCall,
): Promise<HttpReply> {
  const { method, recorder, rpc } = route;
  let request: object | undefined;
  const orgIdOf = () => (request === undefined ? '' : rpc.org.read(request));
  return answering(edge, { method, recorder, orgIdOf }, call, async (session) => {
    request = read(route, values, call);
    const reply = await performDurably(edge, rpc, session, request, call.source);
    const refusal = objection(edge, route, session, request, reply, call);
    if (refusal !== undefined) throw refusal;
    return write(route, reply, call);
  });
}

export interface Answerer {
  readonly method: string;
  readonly recorder: RpcRecorder;
  /** Which organisation was asked for; '' where that is not known. */
  readonly orgIdOf: () => string;
}

/** A call of somebody who was admitted; what goes wrong becomes a reply, and is counted. */
export async function answering(
  edge: Edge,
  { method, recorder, orgIdOf }: Answerer,
  call: HttpCall,
  act: (session: Session) => Promise<HttpReply>,
): Promise<HttpReply> {
  const { clock } = edge.core;
  const startedMs = clock.monotonicMs();
  edge.openCalls++;
  let code = OK;
  let session: Session | undefined;
  try {
    session = await edge.gate.admit(call, HTTP_CALL);
    return await act(session);
  } catch (error) {
    noteDenied(edge, method, error, { session, source: call.source, orgId: orgIdOf() });
    const problem = problemFor(edge, method, error, call.requestId);
    code = problem.body.code;
    return replyOf(problem);
  } finally {
    edge.openCalls--;
    recorder.done(code, clock.monotonicMs() - startedMs);
  }
}

function read(route: Route, values: readonly string[], call: HttpCall): object {
  const faults: Faults = createFaults();
  const body = parseBody(call.body);
  const request = route.bind({ body, query: call.query, values }, faults);
  route.headers.read(request, call.header, faults);
  refuseFaults(faults);
  return request;
}

export function parseBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The message of the engine repeats a piece of the body: only the place is taken from it.
    const [place = ''] = / at position \d+/.exec(error.message) ?? [];
    throw invalidField('body', place === '' ? 'must be JSON' : `must be JSON, and is none${place}`);
  }
}

function objection(
  edge: Edge,
  { rpc }: Route,
  { core }: Session,
  request: object,
  reply: object,
  call: HttpCall,
): Refusal | undefined {
  const wanted = edge.denyAsError === 'always' || call.header(DENY_AS_ERROR) === 'true';
  return wanted ? rpc.denial?.(core, request, reply) : undefined;
}

function write({ raw, headers, encode }: Route, reply: object, call: HttpCall): HttpReply {
  const own = headers.write(reply);
  if (own['etag'] !== undefined && call.verb === 'GET') {
    if (call.header('if-none-match') === own['etag']) {
      return { status: 304, headers: own, body: '' };
    }
  }
  const file = raw?.(reply, call.header('accept'));
  if (file !== undefined)
    return { status: 200, headers: { ...own, ...file.headers }, body: file.body };
  return { status: 200, headers: { ...JSON_TYPE, ...own }, body: JSON.stringify(encode(reply)) };
}

function problemFor(edge: Edge, method: string, error: unknown, requestId: string): Problem {
  if (error instanceof Refusal) return problemOf(error);
  edge.onError(method, error, requestId);
  return problemOfFault('internal', 'internal error; the server log says more');
}

export function refuse(fault: Fault, message: string): RefusedReply {
  return replyOf(problemOfFault(fault, message));
}

export function replyOf({ status, headers, body }: Problem): RefusedReply {
  return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) };
}
