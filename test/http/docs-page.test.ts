// The docs page: complete in itself, under a policy that lets nothing in from elsewhere.

import { expect, test } from 'vitest';
import { openDocsPage } from '../../src/http/docs-page.js';
import { http } from '../support/http.js';
import { AUTH_ON } from '../support/keys.js';
import { start } from '../support/service.js';

const { pages } = openDocsPage();
const textOf = (path: string) => pages.get(path)?.body.toString() ?? '';

test.each(['', '/behind/a/proxy'])('under %j the page finds all that it loads', (prefix) => {
  const at = (base: string, reference = '') => new URL(reference, `http://host${base}`).pathname;
  const loaded = [...textOf('/docs').matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)].map(
    ([, reference]) => at(`${prefix}/docs`, reference),
  );
  const document = at(`${prefix}/docs`, startOptions().url);
  const found = [`${prefix}/docs`, document, ...loaded].map((path) => path.slice(prefix.length));
  expect(found.sort()).toEqual([...pages.keys()].sort());
  const { servers } = JSON.parse(textOf('/openapi.json'));
  expect(servers.map(({ url }: { url: string }) => at(document, url))).toEqual([`${prefix}/`]);
});

test('the page has no script and no style of its own, which its policy would refuse', () => {
  expect(textOf('/docs')).not.toMatch(/<script(?! src=)|<style|\son\w+=|\sstyle=/);
});

test.each([...pages])('%s has its type and the policy', (path, { contentType, headers, body }) => {
  const types = {
    css: 'text/css',
    js: 'text/javascript',
    docs: 'text/html',
    json: 'application/json',
  };
  const end = path.split(/[./]/).at(-1) as keyof typeof types;
  expect(contentType).toBe(`${types[end]}; charset=utf-8`);
  expect(headers['x-content-type-options']).toBe('nosniff');
  const policy = headers['content-security-policy'] ?? '';
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
  expect(policy).not.toMatch(/unsafe|http|\*/);
  expect(body.length).toBeGreaterThan(0);
});

test('it shows the document that it is told, and asks nobody whether that is valid', () => {
  expect(startOptions()).toMatchObject({ dom_id: '#docs', validatorUrl: null });
  expect(textOf('/docs')).toContain('<div id="docs">');
});

test('a server shows them to everybody, also where calls need a credential', async () => {
  const running = await start({ flags: AUTH_ON });
  for (const [path, { body }] of pages) {
    const answer = await http(running, 'GET', path);
    expect([path, answer.status, answer.bytes.equals(body)]).toEqual([path, 200, true]);
  }
  await running.stop();
});

function startOptions(): { readonly url: string } {
  let given = { url: '' };
  const start = new Function('SwaggerUIBundle', textOf('/docs/start.js'));
  start((options: typeof given) => {
    given = options;
  });
  return given;
}
