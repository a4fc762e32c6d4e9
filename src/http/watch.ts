// Watching usage: server-sent events for one organisation. HTTP only, and no RPC, since a stream of
// gRPC needs none of what this is: a URL that a browser or curl follows.

import { takeTurns } from '../access/take-turns.js';
import type { Sequence } from '../base/units.js';
import { draining } from '../operations/core.js';
import { checkOrgId, createFaults, type Faults, refuseFaults } from '../operations/parse.js';
import { authorise } from '../rpc/authorise.js';
import { type Edge, recorderOf } from '../rpc/edge.js';
import { WATCH, type WatchRequest } from '../rpc/metering.js';
import { missedOf, openRoutes } from './routes.js';
import { answering, type HttpCall, type HttpReply, refuse } from './transcode.js';
import { openWatchStream } from './watch-stream.js';
import { openRender } from './watch-text.js';

/** Undefined: the path is another one. */
export type Watch = (call: HttpCall) => Promise<HttpReply> | undefined;

export const WATCH_METHOD = 'WatchUsage';
export const WATCH_PATH = '/v1/orgs/{org_id}/usage:watch';
export const WATCH_TYPE = 'text/event-stream';
const HEADERS = {
  'content-type': WATCH_TYPE,
  // nginx would collect events before it sends them on.
  'x-accel-buffering': 'no',
};

interface Request extends WatchRequest {
  readonly after: Sequence | undefined;
}

export function openWatch(edge: Edge): Watch {
  const routes = openRoutes<'watch'>();
  routes.add('GET', WATCH_PATH, 'watch');
  const render = openRender();
  const turns = takeTurns(1);
  const recorder = recorderOf(edge, WATCH_METHOD, { kind: 'administration' });
  const onError = (error: unknown) => edge.onError(WATCH_METHOD, error);

  function open(call: HttpCall, orgId: string): Promise<HttpReply> {
    const answerer = { method: WATCH_METHOD, recorder, orgIdOf: () => orgId };
    return answering(edge, answerer, call, async (session) => {
      const request = readRequest(call, orgId);
      // What it is told is free.
      session.bucket?.take();
      authorise(session.principal, WATCH, request);
      if (edge.core.draining()) throw draining();
      const { after } = request;
      const body = openWatchStream({ session, orgId, after, render, turns, onError });
      return { status: 200, headers: HEADERS, body };
    });
  }

  return (call) => {
    const found = routes.find(call.verb, call.path);
    if (found.kind === 'found') return open(call, found.values[0] ?? '');
    if (found.kind === 'no such path') return undefined;
    const { fault, text, headers } = missedOf(found, call.path);
    const refused = refuse(fault, text);
    return Promise.resolve({ ...refused, headers: { ...refused.headers, ...headers } });
  };
}

/** `Last-Event-ID` is what a browser sends when it comes again: it knows more than the address. */
function readRequest({ query, header }: HttpCall, orgId: string): Request {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  for (const name of new Set(query.keys())) {
    if (name !== 'after') faults.add(name, 'is not a parameter of this path');
    else if (query.getAll(name).length > 1) faults.add(name, 'is given twice');
  }
  const asked = readSequence(query.get('after') ?? '', 'after', faults);
  const known = readSequence(header('last-event-id'), 'last-event-id', faults);
  refuseFaults(faults);
  return { orgId, after: known ?? asked };
}

function readSequence(text: string, field: string, faults: Faults): Sequence | undefined {
  if (text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  faults.add(field, 'must be the sequence of an event');
  return undefined;
}
