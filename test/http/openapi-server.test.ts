// A server answers as the document says: every operation, called with the example of its body.

import type { JsonValue } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { everyAlias } from '../../src/http/aliases/aliases.js';
import { openRpcs } from '../../src/rpc/rpcs.js';
import { createTestClock } from '../support/clock.js';
import { http } from '../support/http.js';
import { answerProblems, type Described, operations } from '../support/openapi.js';
import { type Running, start } from '../support/service.js';
import { watch } from '../support/watching.js';

type Names = Readonly<Record<string, string>>;

const STREAM = 'text/event-stream';
const OLDER = 'Older paths';

/** What there is; every other name in a path is one of nothing. */
const NAMES: Names = { org_id: 'acme', meter: 'run_units' };
const OLDER_NAMES: Names = { tenant_id: 'acme', tenant: 'acme', 'x-tollgate-org': 'acme' };
const OLDER_QUERY: Names = {
  period: '2026-11',
  start_date: '2026-10-01',
  end_date: '2026-11-20',
  limit: '10',
  feature_keys: 'run_units,service_usage',
  period_start: '2026-10-01',
  period_end: '2026-11-01',
  plan_code: 'team',
  is_active: 'true',
  meter_key: 'service_usage',
  from_date: '2026-10-01',
  to_date: '2026-10-31',
  days: '30',
};

const RECORD = '/v1/orgs/acme/usage:record';
/** So that lists are not empty, and an invoice has lines. */
const USED: readonly object[] = [
  { meter: 'run_units', run: { latency_ms: 250 } },
  {
    meter: 'service_usage',
    quantity: '30',
    event_time: '2026-10-20T00:00:00Z',
    dimensions: { service: 'marketplace', usage_type: 'wpk_upload' },
  },
];

const isOlder = ({ operation }: Described) => operation.tags.includes(OLDER);
const isStream = ({ operation: { responses } }: Described) =>
  Object.keys(responses['200']?.['content'] ?? {}).includes(STREAM);
const called = operations.filter((each) => !isStream(each));

test('every operation of the contract answers with a status and a body that the document has', async () => {
  const running = await started();
  const statuses: number[] = [];
  for (const each of called.filter((each) => !isOlder(each))) {
    statuses.push((await callAsDescribed(running, each, NAMES)).status);
  }
  expect(running.fatal).toEqual([]);
  expect(statuses).not.toContain(500);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(40);
});

test('so does every older path', async () => {
  const running = await started();
  for (const event of USED) {
    expect((await http(running, 'POST', RECORD, { body: { event } })).status).toBe(200);
  }
  let names = { ...OLDER_NAMES, ...OLDER_QUERY };
  const refused: string[] = [];
  for (const each of called.filter(isOlder)) {
    const { status, json } = await callAsDescribed(running, each, names);
    if (status >= 300) refused.push(`${each.operation.operationId} ${status}`);
    // The invoice that was made is the one that is read and closed.
    const { invoice_id } = (json ?? {}) as { readonly invoice_id?: string };
    if (invoice_id !== undefined) names = { ...names, invoice_id };
  }
  expect(running.fatal).toEqual([]);
  expect(refused).toEqual(['OlderVoidInvoice 409']);
  const inQuery = called
    .filter(isOlder)
    .flatMap(({ operation: { parameters = [] } }) => parameters);
  expect(Object.keys(OLDER_QUERY)).toEqual(
    expect.arrayContaining(inQuery.filter((each) => each.in === 'query').map(({ name }) => name)),
  );
});

test('the older paths are those that the server has, and no others', async () => {
  const { core } = await started();
  const described = operations.filter(isOlder).map(({ verb, path, operation: { security } }) => ({
    path: `${verb.toUpperCase()} ${path}`,
    access: security === undefined ? 'credential' : 'none',
  }));
  const served = everyAlias(openRpcs(), { core, payments: 'simulated' }).map(
    ({ verb, template, access }) => ({
      path: `${verb} ${template}`,
      access: access === 'none' ? 'none' : 'credential',
    }),
  );
  expect(described.length).toBe(served.length);
  expect(described).toEqual(expect.arrayContaining(served));
});

test('the stream of usage is one, and is refused as the document says', async () => {
  const running = await started();
  const streams = operations.filter(isStream);
  expect(streams.map(({ path }) => path)).toEqual(['/v1/orgs/{org_id}/usage:watch']);
  const { status, headers } = await watch(running);
  expect([status, headers['content-type']]).toEqual([200, STREAM]);
  const { json } = await http(running, 'GET', '/v1/orgs/acme/usage:watch?after=x');
  expect(streams.map((each) => answerProblems(each, 400, json))).toEqual([[]]);
});

function started(): Promise<Running> {
  // No invoice is made but those that are asked for.
  const flags = ['--invoice-grace', '366d'];
  const running = start({ clock: createTestClock('2026-11-20T12:00:00Z'), flags });
  onTestFinished(async () => (await running).stop());
  return running;
}

/** The answer, which is one that the operation has. */
async function callAsDescribed(running: Running, described: Described, names: Names) {
  const { path, verb, operation } = described;
  const { status, json } = await call(running, described, names);
  expect([verb, path, Object.keys(operation.responses)]).toEqual([
    verb,
    path,
    expect.arrayContaining([`${status}`]),
  ]);
  const wrong = answerProblems(described, status, json);
  expect([verb, path, status, wrong]).toEqual([verb, path, status, []]);
  return { status, json };
}

async function call(running: Running, { verb, path, operation }: Described, names: Names) {
  const { parameters = [], requestBody } = operation;
  const query = parameters.filter(
    (each) => each.in === 'query' && (each.required === true || each.name in names),
  );
  const search = query.map(({ name }) => `${name}=${names[name] ?? '1'}`).join('&');
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => names[name] ?? 'other');
  const known = parameters.filter((each) => each.in === 'header' && each.name in names);
  const headers = {
    accept: 'application/json',
    ...Object.fromEntries(known.map(({ name }) => [name, names[name] ?? ''])),
  };
  const body = requestBody?.content['application/json'].example;
  const given = body === undefined ? { headers } : { headers, body };
  const { status, json } = await http(running, verb.toUpperCase(), `${filled}?${search}`, given);
  return { status, json: json as JsonValue };
}
