// Clients as tests open them: impatient, and with all trouble written down.

import {
  openTollgate,
  type Tollgate,
  type TollgateOptions,
  type Trouble,
} from '../../src/client/client.js';
import { ask } from '../support/requests.js';
import type { Running } from '../support/service.js';

export interface GivenClient {
  readonly tollgate: Tollgate;
  readonly troubles: readonly Trouble[];
}

export function openClient(target: string, options: Partial<TollgateOptions> = {}): GivenClient {
  const troubles: Trouble[] = [];
  const tollgate = openTollgate({
    target,
    retry: { firstMs: 5, longestMs: 50 },
    onTrouble: (trouble) => troubles.push(trouble),
    ...options,
  });
  return { tollgate, troubles };
}

export interface Total {
  readonly quantity: string;
  readonly events: number;
}

/** What the server has counted of a meter. */
export async function totalOf(
  running: Pick<Running, 'client'>,
  orgId: string,
  meter = 'tokens',
): Promise<Total> {
  const { totals } = await ask(running, 'getUsage', { orgId, meters: [meter] });
  return { quantity: totals[0]?.quantity ?? '', events: Number(totals[0]?.eventCount ?? 0) };
}

/** Resolves once it holds; the test's own timeout is the bound. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
