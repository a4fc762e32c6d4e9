// All entries of one command lie in one batch, and what the journal cannot take of it is refused
// before any of it is decided.

import { expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { reserve } from '../../src/operations/reserve.js';
import { expireReservations } from '../../src/pumps/expire-reservations.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { journalFolder, scanAll } from '../support/fault-journal.js';
import { ask, duration, event, item } from '../support/requests.js';
import { start } from '../support/service.js';

const MIB = 1024 * 1024;
/** The smallest that a configuration allows. */
const SEGMENT = { segmentBytes: 16 * MIB };
/** As large as labels may be. */
const LABELS = Object.fromEntries(
  Array.from({ length: 16 }, (_, i) => [`k${i}`.padEnd(4), 'v'.repeat(250)]),
);

test('a batch of events that makes new organisations is one batch on the disk', async () => {
  const directory = journalFolder();
  const running = await start({ directory, yaml: catalogueYaml(), clock: createTestClock() });
  const events = Array.from({ length: 300 }, (_, i) =>
    event({ orgId: `org-${i % 50}`, eventId: `e-${i}`, meter: 'calls' }),
  );
  await ask(running, 'recordBatch', { events });
  await running.stop();
  // The catalogue before it; fifty organisations and three hundred events in it.
  expect(scanAll(directory).batches.map(({ count }) => count)).toEqual([1, 350]);
});

// Four labels stand twice in each entry: as sent, and as those of the totals. So the entries are
// larger than the request, and fill the collecting batch.
test('an atomic batch is recorded whole or not at all', async () => {
  const keys = Object.keys(LABELS).slice(0, 4);
  const meters = `
    - {key: calls, unit: call, scale: 0, aggregation: COUNT, rollup_keys: [${keys.join(', ')}]}`;
  const running = await start({ yaml: catalogueYaml({ meters }), change: SEGMENT });
  const events = Array.from({ length: 950 }, (_, i) =>
    event({ orgId: 'acme', eventId: `e-${i}`, meter: 'calls', dimensions: LABELS }),
  );
  const reply = await ask(running, 'recordBatch', { events, atomic: true }).catch(() => undefined);
  const { totals } = await ask(running, 'getUsage', { orgId: 'acme' });
  await running.stop();
  const recorded = (reply?.results ?? []).filter(
    ({ outcome }) => outcome === Outcome.OUTCOME_RECORDED,
  );
  expect(Number(totals[0]?.quantity ?? 0)).toBe(recorded.length);
});

// Up to a thousand holds end in one turn; here they make a batch larger than a segment.
test('holds that end together leave a journal that starts again', async () => {
  const directory = journalFolder();
  const clock = createTestClock();
  const options = { directory, yaml: catalogueYaml(), clock, change: SEGMENT };
  const running = await start(options);
  const items = Array.from({ length: 16 }, () => item('calls', { dimensions: LABELS }));
  const HOLDS = 250;
  for (let n = 0; n < HOLDS; n++) {
    reserve(running.core, {
      orgId: 'acme',
      reservationId: `r-${n}`,
      items,
      ttl: duration(60),
      allowPartial: false,
    });
    await running.core.journal.drain();
  }
  clock.advance(61_000);
  expireReservations(running.core);
  await running.core.journal.drain();
  await running.stop();
  const again = await start(options);
  const { reservations } = await ask(again, 'listReservations', { orgId: 'acme' });
  await again.stop();
  expect(reservations).toEqual([]);
});
