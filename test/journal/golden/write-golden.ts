// Writes the golden data directory of the current format. Run it once per released format:
//   TOLLGATE_WRITE_GOLDEN=1 npx vitest run test/journal/golden && npx biome format --write test
// Every later version must read what it wrote. Same code, same bytes: ids, times and batches are
// given.

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Core } from '../../../src/operations/core.js';
import { record } from '../../../src/operations/record.js';
import { extendReservation, release } from '../../../src/operations/reservations.js';
import { reserve } from '../../../src/operations/reserve.js';
import { settle } from '../../../src/operations/settle.js';
import { expireReservations } from '../../../src/pumps/expire-reservations.js';
import { summariseDenials } from '../../../src/pumps/summarise-denials.js';
import { catalogueYaml, freePlan } from '../../support/catalogue.js';
import { createTestClock, type TestClock } from '../../support/clock.js';
import { segmentPath, until } from '../../support/fault-journal.js';
import { duration, event, type GivenEvent, item } from '../../support/requests.js';
import { start, temporaryDirectory } from '../../support/service.js';

export const GOLDEN_UUID = '7011ca7e-0000-4000-8000-000000000001';
export const GOLDEN_SEGMENT_BYTES = 16 * 1024;
export const GOLDEN_START = '2026-11-20T12:00:00Z';

const RULES = [
  '{key: calls, meter: calls, limit: "20", thresholds: [50, 80], window: CALENDAR_DAY}',
  '{key: per-run, meter: tokens, limit: "1000", scope: [run], window: LIFETIME}',
  '{key: shadow, meter: peak, limit: "10", mode: SHADOW}',
];

const FIRST_YAML = catalogueYaml({ plans: freePlan(...RULES) });
export const GOLDEN_YAML = catalogueYaml({
  plans: freePlan(...RULES, '{key: seats, meter: seats, limit: "5", window: LIFETIME}'),
});

export const goldenChange = { segmentBytes: GOLDEN_SEGMENT_BYTES, checkpointIntervalMs: 3_600_000 };

export async function writeGolden(folder: string): Promise<void> {
  const directory = temporaryDirectory();
  writeFileSync(
    join(directory, 'identity.json'),
    JSON.stringify({
      format: 1,
      uuid: GOLDEN_UUID,
      createdMs: Date.parse(GOLDEN_START),
      incarnation: 1,
      forks: [],
      epoch: 0,
      lastSequence: 0,
    }),
  );
  const clock = createTestClock(GOLDEN_START);
  const shared = { directory, clock, change: goldenChange };
  let running = await start({ ...shared, yaml: FIRST_YAML });
  await firstRun(running.core, clock);
  await running.stop();
  clock.advance(60_000);
  running = await start({ ...shared, yaml: GOLDEN_YAML });
  await secondRun(running.core, clock);
  await until(() => existsSync(`${segmentPath(directory, 1)}z`));
  await running.stop();

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'journal'), { recursive: true });
  const keep = readdirSync(join(directory, 'journal')).sort().slice(0, -1);
  for (const name of keep) cpSync(join(directory, 'journal', name), join(folder, 'journal', name));
  cpSync(join(directory, 'identity.json'), join(folder, 'identity.json'));
  rmSync(directory, { recursive: true });
}

async function firstRun(core: Core, clock: TestClock): Promise<void> {
  const put = (given: GivenEvent, enforceQuota = false) =>
    durable(core, clock, () =>
      record(core, { event: event(given), durability: 0, enforceQuota, validateOnly: false }),
    );
  for (let i = 0; i < 10; i++) {
    await put({
      orgId: 'acme',
      eventId: `call-${i}`,
      meter: 'calls',
      dimensions: { tool: `t${i}` },
    });
  }
  await put({
    orgId: 'acme',
    eventId: 'run-1',
    meter: 'run_units',
    run: { cpuSeconds: 0.4, latencyMs: 900 },
    dimensions: { tool: 'build_module', tier: 'heavy' },
  });
  await put({
    orgId: 'acme',
    eventId: 'run-2',
    meter: 'run_units',
    quantity: '12345678901.2345',
    dimensions: { tier: 'unheard of' },
  });
  await put({
    orgId: 'acme',
    eventId: 'late',
    meter: 'tokens',
    quantity: '7',
    at: '2026-10-30T08:00:00Z',
  });
  await put({
    orgId: 'bolt.io',
    eventId: 'tokens-1',
    meter: 'tokens',
    quantity: '900',
    at: '2026-11-20T11:59:59.999Z',
    dimensions: { model: 'größe', run: 'r-1' },
  });
  await put({ orgId: 'bolt.io', eventId: 'peak-1', meter: 'peak', quantity: '99.5' });
  await put({ orgId: 'bolt.io', eventId: 'peak-2', meter: 'peak', quantity: '12' });
  for (const [user, region] of [
    ['u1', 'eu'],
    ['u2', 'eu'],
    ['u1', 'us'],
  ] as const) {
    await put({
      orgId: 'bolt.io',
      eventId: `user-${user}-${region}`,
      meter: 'users',
      dimensions: { user, region },
    });
  }
  await put({
    orgId: 'acme',
    eventId: 'seats-a',
    meter: 'seats',
    quantity: '3',
    dimensions: { team: 'a' },
  });
  await put({
    orgId: 'acme',
    eventId: 'seats-b',
    meter: 'seats',
    quantity: '4',
    dimensions: { team: 'b' },
  });
}

async function secondRun(core: Core, clock: TestClock): Promise<void> {
  const hold = (reservationId: string, calls: number, seconds: number) =>
    durable(core, clock, () =>
      reserve(core, {
        orgId: 'acme',
        reservationId,
        items: [
          item('calls', { dimensions: { tool: 'held' } }),
          ...Array.from({ length: calls - 1 }, () => item('calls')),
        ],
        ttl: duration(seconds),
        allowPartial: false,
      }),
    );
  await hold('settled', 2, 60);
  await hold('released', 1, 60);
  await hold('expired', 1, 1);
  await hold('open', 3, 3600);
  await durable(core, clock, () =>
    extendReservation(core, { orgId: 'acme', reservationId: 'open', ttl: duration(7200) }),
  );
  await durable(core, clock, () =>
    settle(core, {
      orgId: 'acme',
      reservationId: 'settled',
      events: [
        event({ meter: 'calls' }),
        event({ eventId: 'call-0', meter: 'calls', dimensions: { tool: 't0' } }),
      ],
      durability: 0,
    }),
  );
  await durable(core, clock, () => release(core, { orgId: 'acme', reservationId: 'released' }));
  clock.advance(2000);
  expireReservations(core);
  await core.journal.drain();
  for (let i = 0; i < 3; i++) {
    await durable(core, clock, () =>
      reserve(core, {
        orgId: 'acme',
        reservationId: 'too-much',
        items: Array.from({ length: 16 }, () => item('calls')),
        ttl: undefined,
        allowPartial: false,
      }),
    );
  }
  summariseDenials(core);
  await core.journal.drain();
  for (let i = 0; i < 40; i++) {
    await durable(core, clock, () =>
      record(core, {
        event: event({
          orgId: `org-${i % 7}`,
          eventId: `fill-${i}`,
          meter: 'tokens',
          quantity: `${i}`,
        }),
        durability: 0,
        enforceQuota: false,
        validateOnly: false,
      }),
    );
  }
}

/** One command, one batch, one moment. */
async function durable<T>(core: Core, clock: TestClock, act: () => Answer<T>): Promise<void> {
  clock.advance(10);
  act();
  await core.journal.drain();
}
