// Ids are forgotten when they are older than their retention, a day at a time. Nothing else is.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { DAY_MS, HOUR_MS } from '../../src/base/units.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { journalFolder, until } from '../support/fault-journal.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const FIRST = '2026-01-10T12:00:00Z';

async function serve(directory: string, clock: TestClock): Promise<Running> {
  const flags = ['--late-days', '1', '--id-retention-days', '3'];
  return start({ directory, clock, yaml: catalogueYaml(), flags });
}

async function record(running: Running, eventId: string, agent = 'a'): Promise<Outcome> {
  const sent = event({ orgId: 'acme', eventId, meter: 'calls', dimensions: { agent } });
  return (await ask(running, 'record', { event: sent })).outcome;
}

/** Five events on the first day, one on each of the next six, and one day pruned. */
async function aged() {
  const directory = journalFolder();
  const clock = createTestClock(FIRST);
  const running = await serve(directory, clock);
  for (let n = 0; n < 5; n++) await record(running, `first-${n}`);
  for (let day = 1; day <= 6; day++) {
    clock.advance(DAY_MS);
    await record(running, `day-${day}`, 'b');
    await until(() => running.core.indexes.backlog() === 0);
  }
  const runs = running.core.indexes.runs('ids');
  clock.advance(HOUR_MS + 1);
  await until(() => running.core.indexes.runs('ids') < runs);
  return { directory, clock, running };
}

describe('with a retention of three days, after six', () => {
  test('an id of the first day is free again, and one of the last three is not', async () => {
    const { running } = await aged();
    expect(await record(running, 'day-5', 'b')).toBe(Outcome.OUTCOME_DUPLICATE);
    expect(await record(running, 'first-0')).toBe(Outcome.OUTCOME_RECORDED);
    await running.stop();
  });

  test('totals are what they were', async () => {
    const { running } = await aged();
    const { totals } = await ask(running, 'getUsage', { orgId: 'acme', period: '2026-01' });
    expect(totals[0]?.quantity).toBe('11');
    await running.stop();
  });

  // A label that is no rollup key, a time off the grid, the list itself: read event by event.
  const READS = {
    'usage by a label that the totals do not keep': async (running: Running) => {
      const usage = { orgId: 'acme', period: '2026-01', groupBy: ['agent'] };
      const { rows } = await ask(running, 'getUsage', usage);
      return rows.map(({ dimensions, quantity }) => [dimensions.get('agent'), quantity]);
    },
    'the list of events': async (running: Running) => {
      const { events } = await ask(running, 'listUsageEvents', { orgId: 'acme', pageSize: 1000 });
      return events.length;
    },
  };

  test.each(Object.entries(READS))('%s is what it was', async (_name, read) => {
    const { directory, clock, running } = await aged();
    const before = await read(running);
    await running.stop();
    rmSync(join(directory, 'index'), { recursive: true });
    const again = await serve(directory, clock);
    const after = await read(again);
    await again.stop();
    expect(before).toEqual(after);
  });
});

test('one day goes in an hour, and none before the first one is over', async () => {
  const { running, clock } = await aged();
  const runs = running.core.indexes.runs('ids');
  clock.advance(HOUR_MS / 2);
  // The pump has had its turns when it has looked at the clock again.
  for (let turn = 0; turn < 50; turn++) await record(running, `turn-${turn}`);
  expect(running.core.indexes.runs('ids')).toBe(runs);
  clock.advance(HOUR_MS / 2 + 1);
  await until(() => running.core.indexes.runs('ids') === runs - 1);
  await running.stop();
});

test('a wall clock that jumped ahead forgets nothing', async () => {
  const directory = journalFolder();
  const clock = createTestClock(FIRST);
  const running = await serve(directory, clock);
  await record(running, 'first');
  clock.setWall(clock.wallMs() + 100 * DAY_MS);
  await record(running, 'after the jump');
  await until(() => running.core.indexes.backlog() === 0);
  for (let hour = 0; hour < 3; hour++) {
    clock.advance(HOUR_MS + 1);
    for (let turn = 0; turn < 20; turn++) await record(running, `turn-${hour}-${turn}`);
  }
  expect(await record(running, 'first')).toBe(Outcome.OUTCOME_DUPLICATE);
  await running.stop();
});
