// The worked example of README.md, run: its lines and amounts are those of the invoices.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeAt, invoicesOf, moveTo } from '../support/billing.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, timeText } from '../support/cold.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { ROOT, tableOf } from './document.js';

async function use(running: Running, orgId: string, calls: number, tokens: number): Promise<void> {
  for (let left = calls; left > 0; left -= 400) {
    const each = event({ orgId, meter: 'tool_calls' });
    await ask(running, 'recordBatch', { orgId, events: Array(Math.min(400, left)).fill(each) });
  }
  if (tokens === 0) return;
  const given = { orgId, meter: 'tokens', quantity: `${tokens}` };
  await ask(running, 'record', { event: event(given) });
}

function rowsOf(orgId: string, invoices: readonly Json[]): string[][] {
  return invoices.flatMap((invoice) => {
    const issued = new Date(timeText(invoice.issue_time));
    const month = issued.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' });
    const head = `${orgId}, ${issued.getUTCDate()} ${month}`;
    return invoice.lines.map(({ description, amount }: Json, i: number) => {
      return [i === 0 ? head : '', description, amount];
    });
  });
}

test('the worked example of the README is what two organisations are billed', async () => {
  const yaml = readFileSync(join(ROOT, 'deploy/examples/billing.yaml'), 'utf8');
  const clock = createTestClock('2026-11-01T00:00:00Z');
  const running = await start({ yaml, clock });
  try {
    const sub = (method: string, request: object) => cold(running, 'Subscription', method, request);
    await sub('CreateSubscription', { org_id: 'acme', plan: 'starter' });
    await sub('CreateSubscription', { org_id: 'bolt', plan: 'starter', seats: 3 });
    moveTo(clock, '2026-11-10T09:00:00Z');
    await use(running, 'acme', 1200, 2_500_000);
    await use(running, 'bolt', 400, 0);
    moveTo(clock, '2026-11-16T00:00:00Z');
    await sub('ChangeSubscription', { org_id: 'acme', plan: 'pro' });
    await use(running, 'acme', 800, 4_000_000);
    await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme', 'bolt');
    const acme = await invoicesOf(running, 'acme');
    moveTo(clock, '2026-12-02T00:00:00Z');
    const late = { orgId: 'bolt', meter: 'tokens', quantity: '100000' };
    await ask(running, 'record', { event: event({ ...late, at: '2026-11-30T22:00:00Z' }) });
    await closeAt(running, clock, '2027-01-01T01:00:00Z', 'bolt');
    const bolt = await invoicesOf(running, 'bolt');
    const shown = tableOf('Billing').map(([invoice = '', line = '', amount = '']) => {
      return [invoice, line.replace(/: (?:[\d,]+ at|two beyond).*$/, ''), amount];
    });
    expect([...rowsOf('acme', acme), ...rowsOf('bolt', bolt)]).toEqual(shown);
  } finally {
    await running.stop();
  }
});
