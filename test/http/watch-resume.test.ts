// Many readers that come again at once, as after a restart of what stands between: each reads the
// journal from where it was, and calls go on meanwhile.

import { expect, onTestFinished, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { ask, event } from '../support/requests.js';
import { start } from '../support/service.js';
import { type Watching, watch } from '../support/watching.js';

const ENTRIES = 4000;
const BATCH = 1000;
const ORGS = Math.floor(limits.watchers / limits.watchersPerOrg);

test('a hundred readers that come again hold up no call', async () => {
  const running = await start();
  onTestFinished(() => running.stop());
  for (let i = 0; i < ENTRIES; i += BATCH) {
    const events = Array.from({ length: BATCH }, (_, k) => used('other', `e-${i + k}`));
    await ask(running, 'recordBatch', { orgId: 'other', events });
  }
  const before = await record('quiet', 50);

  const opened: Promise<Watching>[] = [];
  for (let i = 0; i < limits.watchers; i++) {
    opened.push(watch(running, { orgId: `org-${i % ORGS}`, query: '?after=1' }));
  }
  const watchings = await Promise.all(opened);
  expect(watchings.map(({ status }) => status)).toEqual(watchings.map(() => 200));
  const meanwhile = await record('busy', 100);
  for (let org = 0; org < ORGS; org++) {
    await ask(running, 'record', { event: used(`org-${org}`, 'last') });
  }
  const told = await Promise.all(watchings.map((watching) => watching.next()));
  expect(new Set(told.map((said) => said?.data.event_id))).toEqual(new Set(['last']));
  // A slice for each reader between two answers would be a hundred milliseconds and more.
  expect(meanwhile).toBeLessThan(before + 50 * limits.sliceMs);

  function used(orgId: string, eventId: string) {
    return event({ orgId, eventId, meter: 'executions', quantity: '1' });
  }

  /** Median, in milliseconds. */
  async function record(name: string, count: number): Promise<number> {
    const took: number[] = [];
    for (let i = 0; i < count; i++) {
      const startMs = performance.now();
      await ask(running, 'record', { event: used('good', `${name}-${i}`) });
      took.push(performance.now() - startMs);
    }
    return took.sort((a, b) => a - b)[count >> 1] ?? Number.NaN;
  }
});
