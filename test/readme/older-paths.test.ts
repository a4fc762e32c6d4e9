// The table of older paths has every one of them, and no other.

import { expect, test } from 'vitest';
import { everyAlias } from '../../src/http/aliases/aliases.js';
import { openRpcs } from '../../src/rpc/rpcs.js';
import { start } from '../support/service.js';
import { tableOf } from './document.js';

test('every older path stands there, and is served', async () => {
  const { core, stop } = await start();
  const served = everyAlias(openRpcs(), { core, payments: 'simulated' });
  await stop();
  const listed = tableOf('Older paths').map(([verb, path]) => `${verb} ${path}`);
  expect(listed).toHaveLength(24);
  expect([...listed].sort()).toEqual(
    served.map(({ verb, template }) => `${verb} ${template}`).sort(),
  );
});
