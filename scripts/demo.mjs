// A tour of Tollgate in under a minute: replay, the gate, a crash, usage, invoice, metrics. It
// starts a server of its own on a temporary directory and leaves nothing behind.
//
//   TRACE=usage.csv   replay this file instead (an Azure LLM trace, or org,meter,quantity,…)
//   KEEP=1            leave the server running until Ctrl-C
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { billingTour } from './demo/billing.mjs';
import { openClient } from './demo/client.mjs';
import { bad, bar, bold, dim, good, grouped, say, step, table } from './demo/print.mjs';
import { MAIN, startServer, withoutSettings } from './demo/server.mjs';
import { readTrace, writeTrace } from './demo/trace.mjs';

const directory = mkdtempSync(join(tmpdir(), 'tollgate-demo-'));
let server;
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(130));

try {
  const { TRACE: file = '', KEEP: keep = '' } = process.env;
  const given = file === '' ? { traces: writeTrace(directory), org: 'acme' } : readTrace(file);
  await tour(given);
  if (keep === '') await stop(0);
  else invite();
} catch (error) {
  // Of a command that failed, its own words.
  say(bad(`\nThe demo failed: ${error.stderr || error.message}`));
  await stop(1);
}

async function tour({ traces, org }) {
  const startedMs = performance.now();
  say(bold('Tollgate: may this organisation do this, and what did it use?'));
  step('Start');
  server = await startServer(directory);
  say(`   gRPC on ${server.grpc}, metrics on ${server.ops}, data in ${directory}`);
  step('Replay usage');
  await replayAll(traces);
  let client = openClient(server.grpc);
  step('The gate: plan "free" has 100 run units a month');
  await gate(client);
  step(`Usage of ${org} this month`);
  await showUsage(client, org);
  step(`Invoice of ${org}, as it would be now`);
  const { total, currency } = await showInvoice(client, org);
  step('Metrics');
  await showMetrics();
  step('Pull the plug: kill -9, then start again on the same data');
  const before = await figures(client, org);
  client.close();
  await server.end('SIGKILL');
  server = await startServer(directory, server);
  client = openClient(server.grpc);
  const after = await figures(client, org);
  client.close();
  if (before !== after) throw new Error('the figures after the restart are not those before');
  say(`   ${good('the same figures')}: totals as above, ${currency} ${total} on the invoice`);
  step('Two organisations, two months: plans, an upgrade, late usage, invoices');
  await billingTour(directory);
  say(dim(`\nTook ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`));
}

async function replayAll(traces) {
  for (const { what, path, flags } of traces) {
    const { recorded, duplicates, failed, seconds } = await replay(path, flags);
    const rate = grouped(Math.round((recorded + duplicates) / seconds));
    say(`   ${basename(path)}: ${what}`);
    say(`     ${grouped(recorded)} events recorded, each one on disk, ${rate} per second`);
    if (failed > 0) say(bad(`     ${grouped(failed)} events failed`));
  }
  say('   The same again, as a client does after a broken connection:');
  const repeats = [];
  for (const { path, flags } of traces) repeats.push(await replay(path, flags));
  const sum = (key) => grouped(repeats.reduce((total, repeat) => total + repeat[key], 0));
  say(`     ${sum('recorded')} recorded, ${good(`${sum('duplicates')} known already`)}`);
}

/** By the command that is there for it: `tollgate replay`. */
async function replay(path, flags) {
  const argv = [MAIN, 'replay', path, '--target', server.grpc, '--json', ...flags];
  const options = { env: withoutSettings(process.env), maxBuffer: 2 ** 24 };
  const { stdout } = await promisify(execFile)(process.execPath, argv, options);
  return JSON.parse(stdout);
}

async function gate(client) {
  const org_id = 'hobby';
  const reserve = async (reservation_id, quantity) => {
    const items = [{ meter: 'run_units', quantity }];
    const reply = await client.call('Reserve', { org_id, reservation_id, items });
    const asked = `   Reserve ${quantity.padStart(3)}`;
    const [quota] = reply.quotas;
    if (reply.granted) {
      say(`${asked}  ${good('granted')}`);
      return;
    }
    const { used, reserved, limit, reset_time } = quota;
    say(
      `${asked}  ${bad('denied')}   ${reply.reason}: ${used} used + ${reserved} held of ${limit}`,
    );
    const reset = new Date(Number(reset_time.seconds) * 1000).toISOString().slice(0, 10);
    say(dim(`                         starts anew on ${reset}`));
  };
  await reserve('job-1', '80');
  await reserve('job-2', '30');
  const events = [{ meter: 'run_units', quantity: '61.5', dimensions: { tool: 'build_module' } }];
  await client.call('Settle', { org_id, reservation_id: 'job-1', events });
  say('   Settle   80  as 61.5, which the job really used');
  await reserve('job-3', '30');
  await client.call('Release', { org_id, reservation_id: 'job-3' });
  say('   Release  30  because the job was cancelled');
}

async function figures(client, org_id) {
  const { totals } = await client.call('GetUsage', { org_id });
  const { invoice } = await client.call('GetInvoice', { org_id });
  return JSON.stringify({ totals, lines: invoice.lines, total: invoice.total });
}

async function showUsage(client, org_id) {
  const { totals } = await client.call('GetUsage', { org_id });
  const rows = totals.map(({ meter, quantity, unit, event_count }) => {
    return [meter, grouped(quantity), `${unit}s`, `in ${grouped(event_count)} events`];
  });
  if (rows.length > 0) table(rows, [1, 3]);
  const request = { org_id, meters: ['run_units'], group_by: ['tool'] };
  const byTool = (await client.call('GetUsage', request)).rows;
  if (byTool.length === 0) return;
  say('\n   Run units by tool');
  byTool.sort((a, b) => Number(b.quantity) - Number(a.quantity));
  const most = Number(byTool[0].quantity);
  table(
    byTool.map(({ dimensions, quantity, event_count }) => [
      dimensions.tool,
      bar(Number(quantity), most),
      Number(quantity).toFixed(4),
      `${event_count} calls`,
    ]),
    [2, 3],
  );
}

async function showInvoice(client, org_id) {
  const { invoice } = await client.call('GetInvoice', { org_id });
  const rows = invoice.lines.map((line) => {
    const quantity = grouped(line.quantity);
    if (line.kind === 'INVOICE_LINE_KIND_INCLUDED') return ['  included in it', quantity, '', ''];
    return [line.description, quantity, priceOf(line), line.amount];
  });
  table([...rows, ['total', '', invoice.currency, invoice.total]], [1, 2, 3]);
  say(dim('   Rounded once per line. Each line names the journal entries that prove it.'));
  return invoice;
}

function priceOf({ unit_price, per, unpriced }) {
  if (unit_price === '') return 'no price';
  if (unpriced) return `${unit_price} by default`;
  return per === '1' ? unit_price : `${unit_price} per ${grouped(per)}`;
}

async function showMetrics() {
  const url = `http://${server.ops}/metrics`;
  const text = await (await fetch(url)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const read = (series) => Number(lines.find((line) => line.startsWith(series))?.split(' ')[1]);
  say(`   ${url}: ${lines.length} series, none with an organisation's name`);
  for (const outcome of ['recorded', 'duplicate']) {
    const series = `tollgate_events_total{outcome="${outcome}"}`;
    say(`   ${series} ${read(series)}`);
  }
  const entries = grouped(read('tollgate_journal_entries_total'));
  const syncs = grouped(read('tollgate_journal_sync_duration_seconds_count'));
  say(dim(`   ${entries} journal entries shared ${syncs} syncs to disk.`));
}

function invite() {
  say(bold(`\nThe server goes on. Ctrl-C stops it. Its log: ${server.logPath}`));
  say(`   grpcurl -plaintext ${server.grpc} list`);
  say(
    `   grpcurl -plaintext -d '{"org_id": "hobby"}' ${server.grpc} ` +
      'tollgate.v1.MeteringService/CheckQuota',
  );
}

async function stop(code) {
  process.exitCode ??= code;
  await server?.end('SIGTERM');
  process.exit();
}
