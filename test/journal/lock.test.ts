// One writer per data directory: whoever hears an answer on any `lock.*` gives way.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answers, takeLock } from '../../src/journal/lock.js';
import { journalFolder } from '../support/fault-journal.js';

function locks(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => name.startsWith('lock.'));
}

/** Another process that listens where a server would. */
async function holder(directory: string, name: string): Promise<ChildProcess> {
  const script = `require('net').createServer((s) => s.destroy())
    .listen(process.argv[1], () => console.log('listening'));`;
  const child = spawn(process.execPath, ['-e', script, join(directory, name)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the holder ended')));
  });
  return child;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

describe('a directory in use', () => {
  test('is refused to a second opener of the same process', async () => {
    const directory = journalFolder();
    const lock = await takeLock(directory);
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    expect(locks(directory)).toEqual(['lock.1']);
    await lock.release();
  });

  test.each(['lock.1', 'lock.2', 'lock.41'])(
    'by another process on %s is refused',
    async (name) => {
      const directory = journalFolder();
      await holder(directory, name);
      await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
      expect(locks(directory)).toEqual([name]);
    },
  );

  test('stays refused when many try at once, and at most one of many gets a free one', async () => {
    for (let round = 0; round < 5; round++) {
      const directory = journalFolder();
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(directory)));
      const got = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(got.length).toBeLessThanOrEqual(1);
      for (const each of tries) {
        if (each.status === 'rejected') expect(each.reason.code).toBe('DIRECTORY_LOCKED');
      }
      for (const lock of got) await lock.release();
      const lock = await takeLock(directory);
      await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
      await lock.release();
    }
  });
});

describe('a directory that was in use', () => {
  test('is free after a release, again and again', async () => {
    const directory = journalFolder();
    for (let i = 0; i < 5; i++) {
      const lock = await takeLock(directory);
      await lock.release();
    }
    expect(locks(directory)).toEqual([]);
  });

  test('is free after a kill, and the dead socket goes', async () => {
    const directory = journalFolder();
    const child = await holder(directory, 'lock.1');
    const gone = ended(child);
    child.kill('SIGKILL');
    await gone;
    expect(locks(directory)).toEqual(['lock.1']);
    const lock = await takeLock(directory);
    expect(locks(directory)).toEqual(['lock.2']);
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await lock.release();
    expect(locks(directory)).toEqual([]);
  });

  test('is free after many kills, one after another', async () => {
    const directory = journalFolder();
    for (const name of ['lock.1', 'lock.2', 'lock.7']) {
      const child = await holder(directory, name);
      const gone = ended(child);
      child.kill('SIGKILL');
      await gone;
    }
    const lock = await takeLock(directory);
    expect(locks(directory)).toEqual(['lock.8']);
    await lock.release();
  });

  test('stays refused where one of several sockets answers', async () => {
    const directory = journalFolder();
    const dead = await holder(directory, 'lock.1');
    await holder(directory, 'lock.2');
    const gone = ended(dead);
    dead.kill('SIGKILL');
    await gone;
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    expect(locks(directory)).toContain('lock.2');
  });
});

describe('what is no lock', () => {
  test('is left alone', async () => {
    const directory = journalFolder();
    for (const name of ['lock.', 'lock.x', 'lock.1.tmp', 'clock.1']) {
      writeFileSync(join(directory, name), '');
    }
    const lock = await takeLock(directory);
    await lock.release();
    expect(readdirSync(directory).sort()).toEqual(['clock.1', 'lock.', 'lock.1.tmp', 'lock.x']);
  });

  test('and a file by the name of a lock is nobody', async () => {
    const directory = journalFolder();
    writeFileSync(join(directory, 'lock.3'), '');
    const lock = await takeLock(directory);
    expect(locks(directory)).toEqual(['lock.4']);
    await lock.release();
  });
});

test('a directory with a long path is locked like any other', async () => {
  const directory = join(journalFolder(), ...Array<string>(10).fill('a-name-of-twenty-bytes'));
  mkdirSync(directory, { recursive: true });
  expect(directory.length).toBeGreaterThan(200);
  const lock = await takeLock(directory);
  expect(locks(directory)).toEqual(['lock.1']);
  await expect(takeLock(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
  await lock.release();
});

test('a listener whose queue is full is there all the same', async () => {
  const path = join(journalFolder(), 'lock.1');
  const server = await new Promise<Server>((resolve) => {
    const made = createServer().listen({ path, backlog: 1 }, () => resolve(made));
  });
  const asked = await Promise.all(Array.from({ length: 20 }, () => answers(path)));
  expect(asked.every(Boolean)).toBe(true);
  server.close();
});
