// Two organisations are billed for two months, on a clock that is moved: the server runs in this
// process. Everything is done twice; the second time changes nothing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../dist/esm/src/config.js';
import { openService } from '../../dist/esm/src/service.js';
import { openLog } from '../../dist/esm/src/telemetry/log.js';
import { openClient } from './client.mjs';
import { bold, good, say, table } from './print.mjs';

const CATALOGUE = fileURLToPath(new URL('../../deploy/examples/billing.yaml', import.meta.url));
const START = '2026-11-01T00:00:00Z';
const WAIT_MS = 10_000;
export const PDFS = join(tmpdir(), 'tollgate-demo-invoices');

export async function billingTour(directory) {
  const first = await run(join(directory, 'billing'), say);
  const second = await run(join(directory, 'billing'), () => {});
  if (first !== second) throw new Error('the second run changed something');
  say(`\n   The same calls once more: ${good('the same invoices')}, nothing recorded twice`);
  say(`   PDFs in ${PDFS}`);
}

async function run(directory, tell) {
  const clock = movableClock(START);
  const service = await serve(directory, clock);
  const client = openClient(service.addresses.grpc[0]);
  try {
    return await story(client, clock, tell);
  } finally {
    client.close();
    await service.close();
  }
}

async function story(client, clock, tell) {
  const subscribe = (org_id, plan, more = {}) =>
    client.call('CreateSubscription', { org_id, plan, request_id: 'subscribe', ...more });
  tell('   2026-11-01  acme subscribes to Starter, bolt with three seats');
  await subscribe('acme', 'starter');
  await subscribe('bolt', 'starter', { seats: 3 });
  clock.moveTo('2026-11-10T09:00:00Z');
  await use(client, 'acme', 'november', { calls: 1200, tokens: 2_500_000 });
  await use(client, 'bolt', 'november', { calls: 400, tokens: 0 });
  clock.moveTo('2026-11-16T00:00:00Z');
  tell('   2026-11-16  acme upgrades to Pro: prorated by the second, tiers start anew');
  const change = { org_id: 'acme', plan: 'pro', request_id: 'upgrade' };
  await client.call('ChangeSubscription', change);
  await use(client, 'acme', 'upgraded', { calls: 800, tokens: 4_000_000 });
  clock.moveTo('2026-12-01T01:00:00Z');
  tell('   2026-12-01  November is closed, an hour after its end');
  await invoices(client, { acme: 4, bolt: 2 });
  tell('   2026-12-02  bolt reports 100,000 tokens of 30 November: late, on the next invoice');
  clock.moveTo('2026-12-02T00:00:00Z');
  const late = { org_id: 'bolt', event_id: 'late-1', meter: 'tokens', quantity: '100000' };
  await client.call('Record', { event: { ...late, event_time: time('2026-11-30T22:00:00Z') } });
  clock.moveTo('2027-01-01T01:00:00Z');
  tell('   2027-01-01  December is closed\n');
  const all = await invoices(client, { acme: 5, bolt: 3 });
  for (const invoice of all) show(invoice, tell);
  await writePdfs(client, all);
  return JSON.stringify(all);
}

/** Calls one by one, as an orchestrator reports them; tokens in one event. */
async function use(client, org_id, batch, { calls, tokens }) {
  for (let from = 0; from < calls; from += 400) {
    const events = Array.from({ length: Math.min(400, calls - from) }, (_, i) => ({
      event_id: `${batch}-call-${from + i}`,
      meter: 'tool_calls',
      dimensions: { tool: 'search' },
    }));
    await client.call('RecordBatch', { org_id, events });
  }
  if (tokens === 0) return;
  const event = { org_id, event_id: `${batch}-tokens`, meter: 'tokens', quantity: `${tokens}` };
  await client.call('Record', { event: { ...event, dimensions: { model: 'small' } } });
}

/** All with their lines, oldest first, once there are as many as must be. */
async function invoices(client, wanted) {
  const untilMs = performance.now() + WAIT_MS;
  const all = [];
  for (const [org_id, count] of Object.entries(wanted)) {
    let found = [];
    while (found.length < count) {
      found = (await client.call('ListInvoices', { org_id })).invoices;
      if (performance.now() > untilMs) throw new Error(`${org_id} has ${found.length} invoices`);
      if (found.length < count) await wait(50);
    }
    for (const { invoice_id } of found.reverse()) {
      all.push((await client.call('GetInvoice', { org_id, invoice_id })).invoice);
    }
  }
  return all;
}

function show(invoice, tell) {
  const kind = invoice.kind.replace('INVOICE_KIND_', '').toLowerCase();
  tell(
    `   ${bold(invoice.number)}  ${invoice.org_id}, ${kind}, ${invoice.currency} ${bold(invoice.total)}`,
  );
  const rows = invoice.lines.map(({ description, quantity, amount }) => {
    return [`  ${description}`, quantity, amount];
  });
  if (tell === say && rows.length > 0) table(rows, [1, 2]);
}

async function writePdfs(client, all) {
  mkdirSync(PDFS, { recursive: true });
  for (const { org_id, invoice_id } of all) {
    const { pdf, file_name } = await client.call('GetInvoicePdf', { org_id, invoice_id });
    writeFileSync(join(PDFS, file_name), pdf);
  }
}

async function serve(directory, clock) {
  const listen = ['--grpc-listen', '127.0.0.1:0', '--ops-listen', '127.0.0.1:0'];
  listen.push('--http-listen', 'off', '--auth', 'off');
  const argv = ['--config', CATALOGUE, '--data-dir', directory, ...listen];
  const loaded = loadConfig({ argv, env: {}, readFile: (path) => readFileSync(path, 'utf8') });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const destination = { write: () => true };
  const log = openLog({ level: 'error', format: 'json', destination });
  const onFatal = (error) => {
    throw error;
  };
  return openService({ config: loaded.config, log, clock, onFatal });
}

function movableClock(start) {
  let wallMs = Date.parse(start);
  let monotonicMs = 0;
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    moveTo(text) {
      const byMs = Date.parse(text) - wallMs;
      wallMs += byMs;
      monotonicMs += byMs;
    },
  };
}

function time(text) {
  return { seconds: Date.parse(text) / 1000 };
}
