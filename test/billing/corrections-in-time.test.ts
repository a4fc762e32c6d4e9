// Corrections where the clock was set, or a scope was idle meanwhile: found by the simulation of
// test/faults/simulation.test.ts.

import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { checkQuota } from '../../src/operations/check-quota.js';
import { amendEvent, voidEvent } from '../../src/operations/corrections/correct.js';
import { record } from '../../src/operations/record.js';
import { createTestClock } from '../support/clock.js';
import { yamlWith } from '../support/quota-rules.js';
import { DEFAULTS, event, type GivenEvent, item } from '../support/requests.js';
import { temporaryDirectory } from '../support/service.js';
import { openSimCore, simConfig } from '../support/sim-core.js';
import { openSimDisk } from '../support/sim-disk.js';

const DAY_MS = 86_400_000;
const ORG = { orgId: 'acme' };
const WHY = { ...ORG, reason: 'wrong', requestId: '', validateOnly: false };

async function opened() {
  const directory = temporaryDirectory();
  const clock = createTestClock();
  const { files } = openSimDisk();
  const config = simConfig(yamlWith('LIFETIME'));
  const { core, stop } = await openSimCore({ directory, files, clock, config });
  onTestFinished(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    clock,
    async wait(days: number) {
      await core.journal.drain();
      clock.advance(days * DAY_MS);
    },
    use: (given: GivenEvent) =>
      record(core, { ...DEFAULTS.record, event: event({ ...ORG, ...given }) }),
    takeBack: (eventId: string) => voidEvent(core, { ...WHY, eventId }),
    amend: (eventId: string, by: GivenEvent) =>
      amendEvent(core, { ...WHY, eventId, replacement: event(by) }),
    used(quotaKey: string, meter: string, dimensions: Record<string, string>) {
      const { reply } = checkQuota(core, { ...ORG, items: [item(meter, { dimensions })] });
      return reply.quotas.find((each) => each.quotaKey === quotaKey)?.used;
    },
  };
}

test('a value that was seen at a later time is still seen once the clock was set back', async () => {
  const { clock, use, takeBack, used } = await opened();
  use({ eventId: 'later', meter: 'users', dimensions: { user: 'u' } });
  clock.setWall(clock.wallMs() - 10 * DAY_MS);
  use({ eventId: 'earlier', meter: 'users', dimensions: { user: 'u' } });
  await takeBack('earlier');
  expect(used('users', 'users', { user: 'other' })).toBe('1');
});

test('an event in the place of one of a scope that was idle since counts whole', async () => {
  const { wait, use, amend, used } = await opened();
  const dimensions = { run: 'r' };
  use({ eventId: 'old', quantity: '30', dimensions });
  await wait(8);
  await amend('old', { eventId: 'new', quantity: '4', dimensions });
  expect(used('run', 'tokens', dimensions)).toBe('4');
});

test('what the scope without a value counted before it was idle is not taken from it after', async () => {
  const { wait, use, takeBack, used } = await opened();
  use({ eventId: 'old', quantity: '30' });
  await wait(8);
  use({ eventId: 'new', quantity: '4' });
  await takeBack('old');
  expect(used('run', 'tokens', {})).toBe('4');
});
