import { expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { call, start } from '../support/service.js';

test('a recorded event is in the totals, also after a restart', async () => {
  let running = await start();
  const event = {
    orgId: 'acme',
    eventId: 'e-1',
    meter: 'run_units',
    amount: { $case: 'quantity' as const, value: '1.5' },
    eventTime: undefined,
    dimensions: new Map([['tool', 'build_module']]),
  };
  const request = { event, durability: 0 as const, enforceQuota: false, validateOnly: false };
  const first = await call(running.client, 'record', request);
  expect(first.outcome).toBe(Outcome.OUTCOME_RECORDED);
  expect(first.quotas[0]?.used).toBe('1.5');
  running = await running.restart();
  const again = await call(running.client, 'record', request);
  expect(again.outcome).toBe(Outcome.OUTCOME_DUPLICATE);
  expect(again.sequence).toBe(first.sequence);
  expect(again.quotas[0]?.used).toBe('1.5');
  await running.stop();
});
