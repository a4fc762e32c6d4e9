// What each RPC needs, as a sentence of the document.

import type { Needs } from '../../rpc/rpc.js';
import { everyRpc, openRpcs } from '../../rpc/rpcs.js';

/** By `Service/Method`. */
export function permissionTexts(): ReadonlyMap<string, string> {
  return new Map(
    everyRpc(openRpcs()).map(({ service, method, rpc }) => [
      `${service}/${method}`,
      textOf(rpc.needs),
    ]),
  );
}

function textOf(needs: Needs): string {
  if (needs === 'credential') return 'Needs a credential and no permission.';
  if (typeof needs === 'string') return `Needs \`${needs}\`.`;
  return `Needs \`${needs.one}\` for one organisation, \`${needs.every}\` for all of them.`;
}
