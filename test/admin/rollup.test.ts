import { expect, test } from 'vitest';
import { closeAt, invoicesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const METERS = `
    - {key: users, unit: user, scale: 0, aggregation: LAST}
    - {key: agents, unit: agent, scale: 0, aggregation: LAST, source_keys: [region]}
    - {key: executions, unit: execution, scale: 0, aggregation: COUNT}
    - {key: storage_gb, unit: GB, scale: 3, aggregation: LAST}`;
const yaml = catalogueYaml({
  meters: METERS,
  price_lists: '\n    - {id: usd, prices: [{meter: executions, unit_price: 0.10}]}',
  plans: `
    - {id: free}
    - {id: pro, base_price: 60}
    - {id: euro, currency: EUR, prices: [{meter: executions, unit_price: 3}]}`,
});

async function service(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const rollup = async (running: Running, request: object = {}): Promise<Json> => {
  const asked = { org_id: 'acme', ...request };
  return (await cold(running, 'Admin', 'GetOrganizationRollup', asked)).rollup;
};
const level = (running: Running, meter: string, quantity: string, dimensions = {}) =>
  use(running, { orgId: 'acme', meter, quantity, dimensions });
const run = (running: Running, at?: string) =>
  use(running, { orgId: 'acme', meter: 'executions', ...(at === undefined ? {} : { at }) });
const periodOf = ({ period_start, period_end }: Json) =>
  `${timeText(period_start)}/${timeText(period_end)}`;

test('one row of what an organisation has, used and will pay', () =>
  service(async (running) => {
    await level(running, 'users', '3');
    await level(running, 'agents', '4', { region: 'eu' });
    await level(running, 'agents', '6', { region: 'us' });
    await level(running, 'agents', '5', { region: 'eu' });
    await level(running, 'storage_gb', '12.5');
    await run(running);
    await run(running);
    const row = await rollup(running);
    expect(row).toMatchObject({
      org_id: 'acme',
      users: '3',
      agents: '11',
      executions: '2',
      storage_gb: '12.5',
      gateways: '0',
      cost: '0.20',
      currency: 'USD',
    });
    expect(periodOf(row)).toBe('2026-11-01T00:00:00.000Z/2026-12-01T00:00:00.000Z');
  }));

test('levels of a period that is over are those of its end', () =>
  service(async (running, clock) => {
    await level(running, 'users', '3');
    await run(running);
    moveTo(clock, '2026-12-05T00:00:00Z');
    await level(running, 'users', '8');
    await run(running);
    await run(running);
    expect(await rollup(running, { period: '2026-11' })).toMatchObject({
      users: '3',
      executions: '1',
    });
    expect(await rollup(running)).toMatchObject({ users: '8', executions: '2' });
  }));

test('an invoice says what the period cost; where it was voided, what one would be now', () =>
  service(async (running, clock) => {
    for (let i = 0; i < 5; i++) await run(running);
    await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme');
    expect(await rollup(running, { period: '2026-11' })).toMatchObject({ cost: '0.50' });
    await run(running, '2026-11-30T10:00:00Z');
    // It is on the next invoice.
    expect(await rollup(running, { period: '2026-11' })).toMatchObject({
      executions: '6',
      cost: '0.50',
    });
    const [{ invoice_id }] = (await invoicesOf(running, 'acme')) as [Json];
    const voided = { org_id: 'acme', invoice_id, reason: 'x' };
    await cold(running, 'Invoice', 'VoidInvoice', voided);
    expect(await rollup(running, { period: '2026-11' })).toMatchObject({ cost: '0.60' });
  }));

test('invoices that begin in the period are summed, of one currency', () =>
  service(async (running) => {
    await cold(running, 'Subscription', 'CreateSubscription', { org_id: 'acme', plan: 'pro' });
    const row = await rollup(running, { period: '2026-11' });
    expect(row).toMatchObject({ cost: '60.00', currency: 'USD' });
  }));

test('a month is that of the time zone, and the running period that of the plan', () =>
  service(async (running) => {
    const organization = { org_id: 'acme', time_zone: 'Europe/Berlin', plan: 'euro' };
    await cold(running, 'Organization', 'CreateOrganization', { organization });
    await run(running);
    const month = await rollup(running, { period: '2026-11' });
    expect(periodOf(month)).toBe('2026-10-31T23:00:00.000Z/2026-11-30T23:00:00.000Z');
    expect(month).toMatchObject({ executions: '1', cost: '3.00', currency: 'EUR' });
    const times = {
      period_start: time('2026-11-20T12:00:00Z'),
      period_end: time('2026-11-20T12:15:00Z'),
    };
    expect(await rollup(running, times)).toMatchObject({ executions: '1', cost: '3.00' });
    const before = {
      period_start: time('2026-11-20T11:45:00Z'),
      period_end: time('2026-11-20T12:00:00Z'),
    };
    expect(await rollup(running, before)).toMatchObject({ executions: '0', cost: '0.00' });
  }));

test('one without usage, or that nobody knows, has zeros', () =>
  service(async (running) => {
    expect(await rollup(running, { org_id: 'nobody' })).toMatchObject({
      users: '0',
      executions: '0',
      storage_gb: '0',
      cost: '0.00',
      currency: 'USD',
    });
    expect(running.core.fold.records.get('organization', '', 'nobody')).toBeUndefined();
  }));

const NOVEMBER = time('2026-11-01T00:00:00Z');
test.each<[what: string, request: object, fields: string[]]>([
  ['organisation', { org_id: '' }, ['org_id']],
  ['month', { period: '2026-13' }, ['period']],
  ['month beside times', { period: '2026-11', period_start: NOVEMBER }, ['period_end', 'period']],
  ['half a period', { period_end: NOVEMBER }, ['period_start']],
  [
    'long period',
    { period_start: NOVEMBER, period_end: time('2027-11-03T00:00:00Z') },
    ['period_end'],
  ],
])('a bad %s is refused', (_, request, fields) =>
  service(async (running) => {
    const refusal = await refused(rollup(running, request));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
  }),
);
