// What the log says of a server's start and stop.

import { expect, test } from 'vitest';
import { version } from '../../src/ops/cli/version.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { openStream } from '../support/streams.js';

test('a start says what runs, where, since when, and what was there', async () => {
  const running = await start();
  expect(lineOf(running, 'data_created')).toMatchObject({
    level: 'warn',
    data_dir: running.directory,
    hint: expect.stringContaining('nothing was there'),
  });
  expect(lineOf(running, 'journal_open')).toMatchObject({ last_stop: 'none' });
  expect(lineOf(running, 'serving')).toMatchObject({
    grpc: [running.address],
    data_dir: running.directory,
    version: version(),
    node: process.version,
    pid: process.pid,
    start_ms: expect.any(Number),
  });
  const again = await running.restart();
  expect(lineOf(again, 'data_created')).toBeUndefined();
  expect(lineOf(again, 'journal_open')).toMatchObject({ last_stop: 'clean' });
  await again.stop();
});

test('a stop says how many calls were open and how long it took', async () => {
  const running = await start();
  const stream = openStream(running);
  stream.options();
  stream.item(1, event({ orgId: 'acme', eventId: 'e', meter: 'executions' }));
  await stream.acked(1);
  await running.stop();
  expect(lineOf(running, 'draining')).toMatchObject({ open_calls: 1 });
  const closed = lineOf(running, 'closed');
  expect(closed).toMatchObject({ stop_ms: expect.any(Number) });
  expect(closed).not.toHaveProperty('calls_cut_off');
});

test('calls that the drain does not wait for are counted', async () => {
  const running = await start({ change: { drainMs: 0 } });
  const { journal } = running.core;
  const { whenSynced } = journal;
  const reached = new Promise<void>((done) => {
    // The first reply never goes out.
    Object.assign(journal, {
      whenSynced() {
        Object.assign(journal, { whenSynced });
        done();
      },
    });
  });
  const answer = ask(running, 'checkQuota', { orgId: 'acme' }).catch(() => 'cut off');
  await reached;
  await running.stop();
  expect(await answer).toBe('cut off');
  expect(lineOf(running, 'closed')).toMatchObject({ calls_cut_off: 1 });
});

function lineOf(running: Running, name: string): Record<string, unknown> | undefined {
  const lines = running.logLines.map((line): Record<string, unknown> => JSON.parse(line));
  return lines.find((line) => line['event'] === name);
}
