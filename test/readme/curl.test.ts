// The curl lines of README.md, as curl would send them.

import { expect, test } from 'vitest';
import { http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { start } from '../support/service.js';
import { commands } from './document.js';

interface Line {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

test('every curl line of the HTTP API is one that the server answers', async () => {
  const running = await start({ flags: AUTH_ON });
  const answers: string[] = [];
  for (const line of commands().filter((each) => each.startsWith('curl -H'))) {
    const { method, path, headers, body } = read(line, bearer(bootstrapKey(running)));
    const given = body === undefined ? { headers } : { headers, body };
    const { status, json } = await http(running, method, path, given);
    answers.push(`${status} ${Object.keys(json).slice(0, 2).join(' ')}`);
    if (!path.endsWith(':record')) continue;
    expect(json).toMatchObject({ event_id: 'thread-1/call-11/step-1', quantity: '0.35' });
  }
  await running.stop();
  expect(answers).toEqual([
    '200 rows totals',
    '200 outcome event_id',
    '200 allowed reason',
    '200 invoice',
  ]);
});

function read(line: string, auth: Record<string, string>): Line {
  const headers: Record<string, string> = { ...auth };
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
  const url = new URL(words.at(-1) ?? '');
  expect(url.host).toBe('127.0.0.1:8080');
  let body: string | undefined;
  for (const [index, word] of words.entries()) {
    const value = words[index + 1] ?? '';
    if (word === '-d') body = value;
    if (word !== '-H' || value === '$AUTH') continue;
    const [name = '', text = ''] = value.split(/: (.*)/);
    headers[name] = text;
  }
  const method = body === undefined ? 'GET' : 'POST';
  return { method, path: `${url.pathname}${url.search}`, headers, body };
}
