// The last units of a hard quota are granted exactly once, whatever comes at the same time.

import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, item, nameIn } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const ROUNDS = 50;
const CALLS = 100;
const yaml = rulesYaml(
  '{key: tokens, meter: tokens, limit: 1000}',
  '{key: calls, meter: calls, limit: 37, window: LIFETIME}',
);
const { now, org } = sharedService({ yaml, clock: createTestClock() });

const calls = <T>(make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: CALLS }, (_, index) => make(index)));

async function statusOf(orgId: string, meter: string) {
  const { quotas } = await ask(now(), 'checkQuota', { orgId, items: [item(meter)] });
  return { used: quotas[0]?.used, reserved: quotas[0]?.reserved };
}

const enforced = async (orgId: string, meter: string, quantity?: string) => {
  const given = event({ orgId, meter, ...(quantity === undefined ? {} : { quantity }) });
  const { outcome } = await ask(now(), 'record', { event: given, enforceQuota: true });
  return nameIn(Outcome, outcome) === 'RECORDED';
};
const reserve = async (orgId: string, meter: string, index: number) => {
  const hold = { orgId, reservationId: `r${index}`, items: [item(meter)] };
  return (await ask(now(), 'reserve', hold)).granted === true;
};

describe(`${CALLS} calls at once, ${ROUNDS} rounds`, () => {
  test('enforced Records take exactly what is left', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const orgId = org();
      const left = round + 1;
      await ask(now(), 'record', { event: event({ orgId, quantity: `${1000 - left}` }) });
      const taken = await calls(() => enforced(orgId, 'tokens'));
      expect(taken.filter(Boolean)).toHaveLength(left);
      expect(await statusOf(orgId, 'tokens')).toEqual({ used: '1000', reserved: '0' });
    }
  });

  test('Reserves hold exactly what is left', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const orgId = org();
      const left = round + 1;
      await ask(now(), 'record', { event: event({ orgId, quantity: `${1000 - left}` }) });
      const held = await calls((index) => reserve(orgId, 'tokens', index));
      expect(held.filter(Boolean)).toHaveLength(left);
      expect(await statusOf(orgId, 'tokens')).toEqual({
        used: `${1000 - left}`,
        reserved: `${left}`,
      });
    }
  });

  test('Records, Reserves and CheckQuota among each other', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const orgId = org();
      const granted = await calls(async (index) => {
        if (index % 3 === 0) return (await enforced(orgId, 'calls')) ? 'used' : '';
        if (index % 3 === 1) return (await reserve(orgId, 'calls', index)) ? 'reserved' : '';
        await ask(now(), 'checkQuota', { orgId, items: [item('calls')] });
        return '';
      });
      const count = (kind: string) => granted.filter((each) => each === kind).length;
      expect(count('used') + count('reserved')).toBe(37);
      expect(await statusOf(orgId, 'calls')).toEqual({
        used: `${count('used')}`,
        reserved: `${count('reserved')}`,
      });
    }
  });
});

test('1000 parallel Records and checks lose no update', async () => {
  const orgId = org();
  const attempts = Array.from({ length: 1000 }, (_, index) =>
    index % 2 === 0
      ? ask(now(), 'record', { event: event({ orgId, quantity: '3' }) })
      : ask(now(), 'checkQuota', { orgId, items: [item('tokens')] }),
  );
  await Promise.all(attempts);
  expect((await statusOf(orgId, 'tokens')).used).toBe('1500');
  const { totals } = await ask(now(), 'getUsage', { orgId, meters: ['tokens'] });
  expect(totals[0]).toMatchObject({ quantity: '1500', eventCount: 500n });
});
