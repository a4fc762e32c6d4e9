// What the contract does not say of an RPC and its row in the tables does.

import type { Needs } from '../../rpc/rpc.js';
import { everyRpc, openRpcs } from '../../rpc/rpcs.js';

export interface RpcFacts {
  /** What a caller needs, a sentence. */
  readonly needs: string;
  /** Whether a denial is an error to callers that ask for it. */
  readonly deniesAsError: boolean;
}

/** By `Service/Method`. One for every unary RPC. */
export function rpcFacts(): ReadonlyMap<string, RpcFacts> {
  return new Map(
    everyRpc(openRpcs()).map(({ service, method, rpc }) => [
      `${service}/${method}`,
      { needs: needsText(rpc.needs), deniesAsError: rpc.denial !== undefined },
    ]),
  );
}

export function needsText(needs: Needs): string {
  if (needs === 'credential') return 'Needs a credential and no permission.';
  if (typeof needs === 'string') return `Needs \`${needs}\`.`;
  return `Needs \`${needs.one}\` for one organisation, \`${needs.every}\` for all of them.`;
}
