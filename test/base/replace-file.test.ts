import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replaceFile } from '../../src/base/replace-file.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tollgate-replace-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('replacing a small file', () => {
  test('makes it, and then puts a whole new text in place of the old one', async () => {
    await replaceFile(folder, 'identity.json', 'a long first text');
    await replaceFile(folder, 'identity.json', 'short');
    expect(await readFile(join(folder, 'identity.json'), 'utf8')).toBe('short');
    expect(await readdir(folder)).toEqual(['identity.json']);
  });

  test('goes over what a crash left of an earlier try', async () => {
    await writeFile(join(folder, 'identity.json'), 'old');
    await writeFile(join(folder, 'identity.json.tmp'), 'half of a much longer te');
    await replaceFile(folder, 'identity.json', 'new');
    expect(await readFile(join(folder, 'identity.json'), 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['identity.json']);
  });

  test('in a folder that is not there fails with the code of the system', async () => {
    const nowhere = join(folder, 'nowhere');
    await expect(replaceFile(nowhere, 'a', 'text')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
