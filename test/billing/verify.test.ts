import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runVerify } from '../../src/ops/cli/verify.js';
import { closeAt, invoicesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time } from '../support/cold.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

const yaml = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.13, included: 10}
        - {meter: tokens, match: {model: large}, unit_price: 0.7}
        - {meter: tokens, match: {model: large}, unit_price: 0.9, effective_from: 2026-11-20T12:07:03.250Z}
        - {meter: peak, unit_price: 2}
        - {meter: users, unit_price: 3}
        - {meter: seats, unit_price: 4}`,
  plans: `
    - {id: free}
    - {id: pro, base_price: 30, prices: [{meter: calls, unit_price: 1, minimum: 5}]}`,
});

async function verify(directory: string) {
  let out = '';
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: () => true },
  };
  const code = await runVerify(['--data-dir', directory, '--json'], io as never);
  return { code, report: JSON.parse(out) as Json };
}

async function history(running: Running, clock: ReturnType<typeof createTestClock>): Promise<void> {
  const sub = (method: string, more: object) =>
    cold(running, 'Subscription', method, { org_id: 'acme', ...more });
  const all = async (n: number) => {
    const dimensions = { model: n % 2 ? 'large' : 'small', user: `u${n}`, team: `t${n % 3}` };
    for (const orgId of ['acme', 'bolt']) {
      await use(running, { orgId, eventId: `t${n}`, meter: 'tokens', quantity: '9', dimensions });
      await use(running, { orgId, eventId: `c${n}`, meter: 'calls', dimensions });
      await use(running, { orgId, eventId: `p${n}`, meter: 'peak', quantity: `${n}`, dimensions });
      await use(running, { orgId, eventId: `u${n}`, meter: 'users', dimensions });
      await use(running, { orgId, eventId: `s${n}`, meter: 'seats', quantity: `${n}`, dimensions });
    }
  };
  await all(1);
  moveTo(clock, '2026-11-20T12:03:00.100Z');
  await sub('CreateSubscription', { plan: 'pro' });
  await all(2);
  moveTo(clock, '2026-11-20T12:08:00Z');
  await all(3);
  await closeAt(running, clock, '2026-12-21T00:00:00Z', 'acme', 'bolt');
  await all(4);
  await use(running, { orgId: 'bolt', meter: 'tokens', quantity: '5', at: '2026-11-20T11:00:00Z' });
  for (const event_id of ['t2', 'p3', 'u1', 's2', 'c1']) {
    await cold(running, 'Correction', 'VoidEvent', { org_id: 'acme', event_id, reason: 'r' });
  }
  await closeAt(running, clock, '2027-01-22T00:00:00Z', 'acme', 'bolt');
}

test('verify proves every invoice from the journal, over changes, late usage and corrections', async () => {
  const directory = temporaryDirectory();
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock, directory });
  await history(running, clock);
  const invoices = await invoicesOf(running, 'acme');
  expect(invoices.length).toBeGreaterThan(3);
  await running.stop();
  const { code, report } = await verify(directory);
  expect(report.problems).toEqual([]);
  expect(code).toBe(0);
  expect(report.invoices).toMatchObject({ eventsOpen: 0, eventsVoided: 0, eventsInvoiced: 41 });
  rmSync(directory, { recursive: true });
});

test('verify counts what is open, and what a voided invoice had', async () => {
  const directory = temporaryDirectory();
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock, directory });
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '100' });
  const part = {
    org_id: 'acme',
    kind: 'INVOICE_KIND_MANUAL',
    period_start: time('2026-11-20T00:00:00Z'),
    period_end: time('2026-11-20T12:00:00.001Z'),
    finalize: true,
  };
  moveTo(clock, '2026-11-20T13:00:00Z');
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '1' });
  const { invoice } = await cold(running, 'Invoice', 'GenerateInvoice', part);
  const { invoice_id } = invoice;
  await cold(running, 'Invoice', 'VoidInvoice', { org_id: 'acme', invoice_id, reason: 'r' });
  await running.stop();
  const { report } = await verify(directory);
  expect(report.problems).toEqual([]);
  expect(report.invoices).toMatchObject({ invoices: 1, eventsOpen: 1, eventsVoided: 1 });
  rmSync(directory, { recursive: true });
});
