import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { record, total } from '../support/load.js';
import { runCommand, runServer, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const original = temporaryDirectory();
const SEGMENT = 'journal/00000001.seg';
const FIRST_BATCH = 4096;
let end = 0;

beforeAll(async () => {
  const server = await spawnServer(original);
  for (let n = 0; n < 50; n++) await record(server.client, 'acme', `e-${n}`);
  await server.kill();
  const bytes = readFileSync(join(original, SEGMENT));
  end = bytes.length;
  while (bytes[end - 1] === 0) end--;
});

afterAll(() => rmSync(original, { recursive: true }));

function copy(): string {
  const directory = temporaryDirectory();
  const filter = (path: string) => !path.includes('lock.');
  cpSync(original, directory, { recursive: true, filter });
  return directory;
}

function flipBit(directory: string, at: number): void {
  const path = join(directory, SEGMENT);
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

describe('one flipped bit', () => {
  const places: readonly [where: string, at: () => number][] = [
    ['in the header of the first batch', () => FIRST_BATCH + 20],
    ['in its body', () => FIRST_BATCH + 200],
    ['in the middle', () => Math.floor((FIRST_BATCH + end) / 2)],
    ['in the last acknowledged batch', () => end - 20],
    ['in its last byte', () => end - 1],
  ];
  test.each(places)('%s: refuses to start, and says where', async (_where, at) => {
    const directory = copy();
    flipBit(directory, at());
    const exit = await runServer(directory);
    expect(exit.code).toBe(3);
    expect(exit.output).toMatch(/00000001\.seg is damaged at byte \d+/);
    rmSync(directory, { recursive: true });
  });

  test('verify finds it, repair cuts it, and what is before it is served', async () => {
    const directory = copy();
    flipBit(directory, end - 20);
    const found = await runCommand(['verify', '--data-dir', directory, '--json']);
    expect(found.code).toBe(3);
    expect(JSON.parse(found.output)).toMatchObject({ whole: false });
    const plan = await runCommand(['repair', '--data-dir', directory]);
    expect(plan).toMatchObject({ code: 3 });
    expect(plan.output).toContain('Nothing was changed');
    const done = await runCommand(['repair', '--data-dir', directory, '--apply']);
    expect(done.code).toBe(0);
    expect(readdirSync(join(directory, 'quarantine'))).toHaveLength(1);
    const server = await spawnServer(directory);
    expect(await total(server.client, 'acme')).toBe(49);
    expect(await record(server.client, 'acme', 'e-48')).toBe('duplicate');
    expect(await record(server.client, 'acme', 'e-49')).toBe('recorded');
    expect(await total(server.client, 'acme')).toBe(50);
    await server.stop();
    expect((await runCommand(['verify', '--data-dir', directory])).code).toBe(0);
    rmSync(directory, { recursive: true });
  });
});

test('a whole directory is verified as such, and both sides of the books agree', async () => {
  const directory = copy();
  const server = await spawnServer(directory);
  await server.stop();
  const exit = await runCommand(['verify', '--data-dir', directory, '--json']);
  expect(exit.code).toBe(0);
  expect(JSON.parse(exit.output)).toMatchObject({
    whole: true,
    difference: 0,
    entries: { record: 50 },
  });
  rmSync(directory, { recursive: true });
});

const MISSING: readonly [what: string, harm: (directory: string) => void, text: RegExp][] = [
  ['an emptied journal', (d) => emptyFolder(join(d, 'journal')), /JOURNAL_MISSING/],
  ['a missing identity', (d) => rmSync(join(d, 'identity.json')), /IDENTITY_MISSING/],
  ['a broken identity', (d) => writeFileSync(join(d, 'identity.json'), '{'), /IDENTITY_DAMAGED/],
];

test.each(MISSING)('%s: refuses to start with exit code 3', async (_what, harm, text) => {
  const directory = copy();
  harm(directory);
  const exit = await runServer(directory);
  expect(exit.code).toBe(3);
  expect(exit.output).toMatch(text);
  rmSync(directory, { recursive: true });
});

test('an empty directory is refused where data is required', async () => {
  const directory = temporaryDirectory();
  const exit = await runServer(directory, { env: { TOLLGATE_REQUIRE_DATA: 'true' } });
  expect(exit.code).toBe(1);
  expect(exit.output).toContain('DATA_MISSING');
  rmSync(directory, { recursive: true });
});

function emptyFolder(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
}
