// JSON that is made to do harm: it is refused by its fields or taken as data, and costs little.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Answer, http } from '../support/http.js';
import { type Running, start } from '../support/service.js';

let running: Running;
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const MIB = 1024 * 1024;

beforeAll(async () => {
  running = await start();
});

afterAll(() => running.stop());

afterEach(async () => {
  expect((await http(running, 'GET', '/v1/orgs/acme/usage')).status).toBe(200);
  expect(running.fatal).toEqual([]);
});

const record = (body: string, verb = 'record'): Promise<Answer> =>
  http(running, 'POST', `/v1/orgs/acme/usage:${verb}`, { body });

const DEEP = 100_000;
const MANY = 1_300_000;

const HARMFUL: readonly [what: string, body: string, verb?: string][] = [
  ['__proto__ as a field', '{"__proto__": {"event": {}}}'],
  ['constructor as a field', '{"event": {"constructor": {"prototype": {}}}}'],
  ['a number beyond all', '{"event": {"meter": "run_units", "run": {"cpu_seconds": 1e999}}}'],
  ['the same as text', '{"event": {"meter": "run_units", "run": {"cpu_seconds": "1e999"}}}'],
  ['arrays in depth', `{"event": ${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`],
  ['objects in depth', `${'{"event":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`],
  ['depth without an end', '['.repeat(DEEP)],
  ['an end too early', '{"event": {"event_id": "a'],
  ['a NUL', '{"event": \0}'],
  ['a mark of byte order', '\ufeff{"event": {}}'],
  ['many unknown fields', `{${Array.from({ length: MANY / 8 }, (_, i) => `"f${i}":1`)}}`],
  ['many wrong elements', `{"events": [${'0,'.repeat(MANY)}0]}`, 'recordBatch'],
  ['many empty elements', `{"events": [${'{},'.repeat(MANY)}{}]}`, 'recordBatch'],
];

test.each(HARMFUL)('%s is refused', async (_, body, verb) => {
  const { status, json, bytes } = await record(body, verb);
  expect(status).toBe(400);
  expect(json.details[0].reason).toMatch(/^[A-Z_]+$/);
  expect(bytes.length).toBeLessThan(64 * 1024);
  collect();
  expect(process.memoryUsage().heapUsed).toBeLessThan(256 * MIB);
});

test('__proto__ is a dimension like any other', async () => {
  const dimensions = '{"__proto__": "a", "constructor": "b"}';
  const body = `{"event": {"event_id": "p", "meter": "executions", "dimensions": ${dimensions}}}`;
  const { status, json } = await record(body);
  if (status === 200) {
    const { bytes } = await http(running, 'GET', '/v1/orgs/acme/usage/events');
    expect(bytes.toString()).toContain('"__proto__":"a"');
  } else {
    expect(json.details[0].reason).toBe('FIELD_INVALID');
  }
  expect(({} as { a?: string }).a).toBeUndefined();
});

test('of a key that is there twice the last counts', async () => {
  const event = '{"event_id": "x", "event_id": "twice", "meter": "executions"}';
  const { json } = await record(`{"event": {}, "event": ${event}}`);
  expect(json.event_id).toBe('twice');
});

test('a field in both of its spellings is refused: which one another reader took is not known', async () => {
  const fields = '"event_id": "two", "eventId": "one", "meter": "executions", "quantity": "1"';
  const { status, json } = await record(`{"event": {${fields}}}`);
  expect(status).toBe(400);
  const [, violations] = json.details;
  expect(violations.field_violations).toEqual([
    { field: 'event.event_id', description: expect.stringContaining('is given twice: as eventId') },
  ]);
});
