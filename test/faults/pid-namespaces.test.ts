// Two containers with one volume: everyone is process 1, so process ids say nothing.

import { rmSync } from 'node:fs';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { record, total } from '../support/load.js';
import { unableTo } from '../support/privileges.js';
import { runServer, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

/** The server is process 1 in there, and dies with `unshare`. */
const CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const unable = unableTo('PID namespaces', ...CONTAINER, 'true');

beforeAll(() => ensureBuilt());

test.skipIf(unable !== '')('of two servers that are process 1, the second gives way', async () => {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const first = await spawnServer(directory, { within: CONTAINER });
  onTestFinished(() => first.kill());
  expect(pidIn(first.output())).toBe(1);
  expect(await record(first.client, 'acme', 'before')).toBe('recorded');

  const second = await runServer(directory, { within: CONTAINER });
  expect(second.code).toBe(1);
  expect(second.output).toContain(`DIRECTORY_LOCKED: another process is using ${directory}`);
  // One outside sees the socket as well.
  expect((await runServer(directory)).code).toBe(1);
  expect(await record(first.client, 'acme', 'beside')).toBe('recorded');

  await first.kill();
  const third = await spawnServer(directory, { within: CONTAINER });
  onTestFinished(() => third.kill());
  expect(pidIn(third.output())).toBe(1);
  expect(third.output()).toContain('"last_stop":"unclean"');
  expect(await total(third.client, 'acme')).toBe(2);
  expect(await record(third.client, 'acme', 'before')).toBe('duplicate');
  expect(await record(third.client, 'acme', 'after')).toBe('recorded');
});

function pidIn(output: string): unknown {
  const line = output.split('\n').find((text) => text.includes('"event":"serving"'));
  return JSON.parse(line ?? '{}').pid;
}
