// Which face of HTTP a request is for: the paths of older systems first, then the stream of usage,
// the contract's REST for all else. What HTTP itself refuses has the form that the path's callers
// parse.

import type { FileRegistry } from '@bufbuild/protobuf';
import { SECOND_MS } from '../base/units.js';
import { Refusal } from '../operations/refusal.js';
import { answerAlias, detail } from './aliases/alias.js';
import { type AliasesOptions, openAliases } from './aliases/aliases.js';
import { type Fault, problemOf, problemOfFault } from './problem.js';
import { missedOf } from './routes.js';
import {
  type HttpCall,
  type HttpReply,
  openTranscoder,
  type RefusedReply,
  refuse,
  replyOf,
} from './transcode.js';
import { openWatch } from './watch.js';

export interface FrontOptions extends AliasesOptions {
  readonly contract: FileRegistry;
}

export interface Front {
  readonly answer: (call: HttpCall) => Promise<HttpReply>;
  readonly refuse: (
    call: Pick<HttpCall, 'verb' | 'path'>,
    fault: Fault,
    text: string,
  ) => RefusedReply;
}

export function openFront({ contract, ...options }: FrontOptions): Front {
  const { host, routes } = openAliases(options);
  const transcode = openTranscoder(options.edge, options.rpcs, contract);
  const watch = openWatch(options.edge);
  return {
    async answer(call) {
      const found = routes.find(call.verb, call.path);
      if (found.kind === 'no such path') return watch(call) ?? transcode(call);
      if (found.kind === 'found') return answerAlias(host, found.route, found.values, call);
      const { fault, text, headers } = missedOf(found, call.path);
      return detail(problemOfFault(fault, text).status, text, headers);
    },
    refuse({ verb, path }, fault, text) {
      if (routes.find(verb, path).kind === 'no such path') return refuse(fault, text);
      const { status, headers } = problemOfFault(fault, text);
      return detail(status, text, headers);
    },
  };
}

const CONTRACT = '/v1/';
const STARTING_TEXT = 'the journal is being replayed; try again soon';

/** While the journal is replayed: whoever calls is told to come again. */
export const STARTING: Front = {
  async answer({ path }) {
    const problem = problemOf(
      new Refusal('UNAVAILABLE', 'NOT_READY', STARTING_TEXT, { retryMs: SECOND_MS }),
    );
    if (path.startsWith(CONTRACT)) return replyOf(problem);
    return detail(problem.status, 'Billing not initialized', problem.headers);
  },
  refuse: (_call, fault, text) => refuse(fault, text),
};
