// A server answers as the document says: every operation, called with the example of its body.

import type { JsonValue } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { http } from '../support/http.js';
import { type Operation, operations, problems } from '../support/openapi.js';
import { type Running, start } from '../support/service.js';

/** What there is; every other name in a path is one of nothing. */
const NAMES: Readonly<Record<string, string>> = { org_id: 'acme', meter: 'run_units' };

test('every operation answers with a status and a body that the document has', async () => {
  const running = await start({ clock: createTestClock('2026-11-20T12:00:00Z') });
  const statuses: number[] = [];
  for (const { path, verb, operation } of operations) {
    const { status, json } = await call(running, verb, path, operation);
    statuses.push(status);
    expect([verb, path, Object.keys(operation.responses)]).toEqual([
      verb,
      path,
      expect.arrayContaining([`${status}`]),
    ]);
    const wrong = problems(schemaOf(operation, status), json);
    expect([verb, path, status, wrong]).toEqual([verb, path, status, []]);
  }
  await running.stop();
  expect(running.fatal).toEqual([]);
  expect(statuses).not.toContain(500);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(40);
});

async function call(running: Running, verb: string, path: string, operation: Operation) {
  const { parameters = [], requestBody } = operation;
  const query = parameters.filter((each) => each.in === 'query' && each.required === true);
  const search = query.map(({ name }) => `${name}=${NAMES[name] ?? '1'}`).join('&');
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => NAMES[name] ?? 'other');
  const body = requestBody?.content['application/json'].example;
  const headers = { accept: 'application/json' };
  const given = body === undefined ? { headers } : { headers, body };
  const { status, json } = await http(running, verb.toUpperCase(), `${filled}?${search}`, given);
  return { status, json: json as JsonValue };
}

function schemaOf({ responses }: Operation, status: number): string {
  if (status !== 200) return 'Status';
  const content = responses[`${status}`]?.['content'] as Readonly<
    Record<'application/json', { readonly schema: { readonly $ref: string } }>
  >;
  return content['application/json'].schema.$ref.split('/').at(-1) ?? '';
}
