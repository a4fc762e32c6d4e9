// A server that is killed while it closes the periods of many organisations, again and again.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { numberFaults } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, type Json, timeText } from '../support/cold.js';
import { ask, event } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { type Running, temporaryDirectory } from '../support/service.js';

const ORGANISATIONS = 50;
const MONTHS = 8;
const KILLS = 4;
const ALL = ORGANISATIONS * MONTHS;

const yaml = catalogueYaml({
  price_lists: `
    - {id: usd, prices: [{meter: tokens, unit_price: 0.10}]}`,
  plans: `
    - {id: free}
    - {id: basic, base_price: 30, prices: [{meter: tokens, unit_price: 0.10}]}`,
});

/** The first days of the last months, oldest first; the running one not among them. */
function monthsBefore(nowMs: number): readonly string[] {
  const now = new Date(nowMs);
  return Array.from({ length: MONTHS }, (_, i) => {
    const month = now.getUTCMonth() - MONTHS + i;
    return new Date(Date.UTC(now.getUTCFullYear(), month, 1)).toISOString();
  });
}

const asRunning = ({ address, client }: ServerProcess) =>
  ({ address, client }) as unknown as Running;

async function everyHead(running: Running): Promise<readonly Json[]> {
  const heads: Json[] = [];
  let page_token = '';
  do {
    const page = await cold(running, 'Invoice', 'ListInvoices', { page_size: 1000, page_token });
    heads.push(...page.invoices);
    page_token = page.next_page_token;
  } while (page_token !== '');
  return heads;
}

/** More usage from month to month. */
async function fill(running: Running, months: readonly string[]): Promise<void> {
  for (let i = 0; i < ORGANISATIONS; i++) {
    const orgId = `org-${i}`;
    const events = months.map((at, month) => {
      return event({ orgId, meter: 'tokens', quantity: `${10 * (month + 1)}`, at });
    });
    await ask(running, 'recordBatch', { orgId, events });
  }
}

test('killed again and again while it closes, it closes each period once, with numbers in order', async () => {
  const directory = temporaryDirectory();
  const config = join(directory, 'tollgate.yaml');
  writeFileSync(config, yaml);
  const env = {
    TOLLGATE_CONFIG: config,
    TOLLGATE_LATE_DAYS: '300',
    TOLLGATE_ID_RETENTION_DAYS: '400',
    TOLLGATE_CHECKPOINT_INTERVAL_MS: '100',
  };
  const months = monthsBefore(Date.now());
  // Nothing is closed while the grace is longer than all of it.
  const first = await spawnServer(directory, { env: { ...env, TOLLGATE_INVOICE_GRACE: '400d' } });
  await fill(asRunning(first), months);
  expect(await everyHead(asRunning(first))).toEqual([]);
  await first.kill();

  let closed = 0;
  let kills = 0;
  const seen = new Map<string, string>();
  for (; kills < KILLS && closed < ALL; kills++) {
    const server = await spawnServer(directory, { env: { ...env, TOLLGATE_INVOICE_GRACE: '0' } });
    const until = closed + Math.floor(Math.random() * (ALL / KILLS)) * 1.5;
    while (closed <= until && closed < ALL) {
      const heads = await everyHead(asRunning(server));
      for (const { number, invoice_id } of heads) seen.set(number, invoice_id);
      closed = heads.length;
    }
    await server.kill();
  }
  expect(kills).toBeGreaterThan(2);

  const last = await spawnServer(directory, { env: { ...env, TOLLGATE_INVOICE_GRACE: '0' } });
  const running = asRunning(last);
  const count = async () => (await everyHead(running)).length;
  await expect.poll(count, { timeout: 20_000, interval: 200 }).toBe(ALL);
  await new Promise((done) => setTimeout(done, 1100));
  const heads = await everyHead(running);
  expect(heads).toHaveLength(ALL);
  expect(numberFaults(heads)).toEqual([]);
  // What was seen before a kill is there after it.
  const ids = new Map(heads.map(({ number, invoice_id }) => [number, invoice_id]));
  expect([...seen].filter(([number, id]) => ids.get(number) !== id)).toEqual([]);
  for (let i = 0; i < ORGANISATIONS; i++) {
    const own = heads.filter(({ org_id }) => org_id === `org-${i}`).reverse();
    expect(own.map((each) => [timeText(each.period_start), each.total])).toEqual(
      months.map((at, month) => [at, `${month + 1}.00`]),
    );
  }
  expect((await last.stop()).code).toBe(0);
  rmSync(directory, { recursive: true });
}, 120_000);
