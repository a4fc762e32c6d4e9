// What README.md tells people to type exists: targets, commands, flags, files; and what it shows of
// files is in them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { main } from '../../src/main.js';
import { COMMANDS } from '../../src/ops/cli/command.js';
import { exampleCatalogue } from '../../src/seed/example.js';
import { configOf } from '../config/given.js';
import { compiled } from '../support/compiled.js';
import { codeOf, commands, README, ROOT, tableOf } from './document.js';

const EXAMPLE = readFileSync(join(ROOT, 'deploy/examples/python/metered_tool.py'), 'utf8');
const MAKEFILE = readFileSync(join(ROOT, 'Makefile'), 'utf8');

test('every make target that it names has its line in `make help`, and every one is named', () => {
  const documented = [...MAKEFILE.matchAll(/^([a-z-]+):.*## /gm)].map(([, name]) => name);
  const named = commands().flatMap((line) => {
    const target = /^(?:[A-Z]+=\S+ )?make ([a-z-]+)/.exec(line)?.[1];
    return target === undefined ? [] : [target];
  });
  const listed = tableOf('Develop').flatMap(([cell = '']) =>
    [...cell.matchAll(/make ([a-z-]+)/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !documented.includes(name))).toEqual([]);
  expect([...listed, 'help'].sort()).toEqual([...documented].sort());
});

test('every command of Tollgate that it shows knows the flags', async () => {
  const shown = commands().flatMap((line) => {
    return /^(?:TOLLGATE_\w+=\S+ )?(node dist\/main\.js .*)$/.exec(line)?.[1] ?? [];
  });
  expect(shown.length).toBeGreaterThan(3);
  for (const line of shown) {
    const [name = '', ...words] = line
      .replace(/\s*#.*/, '')
      .split(' ')
      .slice(2);
    expect(Object.keys(COMMANDS)).toContain(name);
    const help = await helpOf(name);
    for (const flag of words.filter((word) => word.startsWith('--'))) {
      expect([flag, flag === '--help' || help.includes(flag)]).toEqual([flag, true]);
    }
  }
});

test('every file that it links to is there', () => {
  const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link);
  const local = links.filter((link) => !link.startsWith('https://'));
  expect(local.length).toBeGreaterThan(5);
  expect(local.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
});

test('every heading that it links to is there', () => {
  const slug = (heading: string) => heading.toLowerCase().replaceAll(' ', '-');
  const slugs = [...README.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => slug(heading));
  const links = [...README.matchAll(/\]\(#([^)]+)\)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !slugs.includes(link))).toEqual([]);
});

test('its Python is that of the example', () => {
  const blocks = codeOf('python');
  expect(blocks).toHaveLength(2);
  for (const block of blocks) expect(EXAMPLE).toContain(block);
});

test('its retry configuration is that of the example, and valid for this service', () => {
  const [block = ''] = codeOf('json');
  const python = /^SERVICE_CONFIG = (\{[\s\S]*?^\})$/m.exec(EXAMPLE)?.[1] ?? '';
  const example = python.replaceAll('True', 'true').replaceAll(/,(?=\s*[}\]])/g, '');
  expect(JSON.parse(block)).toEqual(JSON.parse(example));
  const proto = readFileSync(join(ROOT, 'proto/tollgate/v1/metering_service.proto'), 'utf8');
  const [{ name }] = JSON.parse(block).methodConfig;
  expect(name).toEqual([{ service: 'tollgate.v1.MeteringService' }]);
  expect(proto).toMatch(/^package tollgate\.v1;$[\s\S]*^service MeteringService \{$/m);
});

test('its catalogue is one that a server starts with', () => {
  const yaml = codeOf('yaml').find((block) => block.includes('catalogue:')) ?? '';
  const catalogue = compiled(configOf({ yaml }).catalogue);
  expect([...catalogue.meters.keys()]).toEqual(['run_units', 'tokens', 'agents', 'spend']);
});

test('its certificates are ones that a server starts with', () => {
  const yaml = codeOf('yaml').find((block) => block.includes('certificates:')) ?? '';
  expect(configOf({ yaml }).certificates).toMatchObject([
    { san: 'spiffe://example.org/orchestrator', org_id: '', roles: ['orchestrator'] },
    { san: 'billing.acme.example', org_id: 'acme', roles: ['billing_admin'] },
  ]);
});

test('its sample of usage is for meters of the built-in catalogue', () => {
  const sample = commands().flatMap((line) => /^printf '(.*)' > usage\.csv$/.exec(line)?.[1] ?? []);
  expect(sample).toHaveLength(1);
  const [header, ...rows] = (sample[0] ?? '').split('\\n').filter((line) => line !== '');
  expect(header).toBe('org,meter,quantity');
  const known = exampleCatalogue().meters.map(({ key }) => key);
  expect(rows.length).toBeGreaterThan(1);
  for (const row of rows) expect(known).toContain(row.split(',')[1]);
});

async function helpOf(name: string): Promise<string> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  expect(await main([name, '--help'], { stdout, stderr })).toBe(0);
  return String(stdout.read());
}
