// The catalogue file changes from start to start, then LMDB and the indexes go. What an event was
// worth stands in its entry, and catalogues stand in the journal between the events: the state that
// is built again from there answers as the one that was kept.

import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import { ensureBuilt } from '../support/fault-build.js';
import { ask, event, item, time } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const ORG = 'acme';

interface Version {
  readonly heavy: string;
  readonly price: string;
  readonly limit: number;
  readonly rollup: string;
}

/** What a run is worth changes, what tokens cost, what is allowed, and what is told apart. */
const FIRST: Version = { heavy: '1.5', price: '0.50', limit: 100, rollup: '[model]' };
const OTHER: Version = { heavy: '4', price: '3', limit: 10, rollup: '[model, region]' };

function yamlOf({ heavy, price, limit, rollup }: Version): string {
  return catalogueYaml({
    meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: ${rollup}}
    - {key: run_units, unit: run_unit, scale: 4, aggregation: SUM, formula: run_units}`,
    price_lists: `
    - {id: list, currency: USD, prices: [{meter: tokens, unit_price: "${price}"}]}`,
    plans: freePlan(`{key: tokens, meter: tokens, limit: ${limit}}`),
    run_units: `{tiers: {heavy: "${heavy}"}, overheads: {default: "0.1"}, floor: "0.01"}`,
  });
}

beforeAll(() => ensureBuilt());

test('a state built again from the journal answers as the one that was kept', async () => {
  const folder = temporaryDirectory();
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [kept, built] = [join(folder, 'kept'), join(folder, 'built')];
  await serve(kept, FIRST, (server) => use(server, 1));
  await serve(kept, OTHER, (server) => use(server, 2));
  // And back, as it was.
  const expected = await serve(kept, FIRST, async (server) => {
    await use(server, 3);
    return answers(server);
  });
  expect(expected.runs).toEqual([FIRST, OTHER, FIRST].map(unitsOf));
  cpSync(kept, built, { recursive: true });
  for (const name of ['state', 'index']) rmSync(join(built, name), { recursive: true });
  expect(await serve(built, FIRST, answers)).toEqual(expected);

  // Also where the file changes at the very start that builds the state.
  const changed = await serve(kept, OTHER, answers);
  expect(changed.runs).toEqual(expected.runs);
  rmSync(join(built, 'state'), { recursive: true });
  expect(await serve(built, OTHER, answers)).toEqual(changed);
}, 120_000);

async function serve<T>(
  directory: string,
  version: Version,
  act: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  const config = `${directory}.yaml`;
  writeFileSync(config, yamlOf(version));
  const server = await spawnServer(directory, { env: { TOLLGATE_CONFIG: config } });
  onTestFinished(() => server.kill());
  const answer = await act(server);
  await server.stop();
  return answer;
}

/** The same events under each catalogue: only its rules make them differ. */
async function use(server: ServerProcess, n: number): Promise<void> {
  const events = [
    event({ orgId: ORG, eventId: `run-${n}`, meter: 'run_units', ...RUN }),
    ...['eu', 'us'].map((region) => {
      const dimensions = { model: 'large', region };
      return event({ orgId: ORG, eventId: `${region}-${n}`, quantity: '7', dimensions });
    }),
  ];
  await ask(server, 'recordBatch', { orgId: ORG, events });
  await ask(server, 'reserve', {
    orgId: ORG,
    reservationId: `r-${n}`,
    items: [item('tokens')],
    ttl: { seconds: 3600n, nanos: 0 },
  });
}

const RUN = { run: { cpuSeconds: 10 }, dimensions: { tier: 'heavy' } };

/** What such a run was worth: ten seconds of the tier, and the default overhead. */
function unitsOf({ heavy }: Version): string {
  return `${Number(heavy) * 10}.1`;
}

async function answers(server: ServerProcess) {
  const asked = { orgId: ORG, groupBy: ['model', 'region'] };
  const [startTime, endTime] = [time(Date.now() - 86_400_000), time(Date.now() + 60_000)];
  const { events } = await ask(server, 'listUsageEvents', { orgId: ORG, startTime, endTime });
  const { invoice } = await cold(server, 'Metering', 'GetInvoice', { org_id: ORG });
  const { meters } = await cold(server, 'Catalog', 'ListMeters');
  const items = [item('tokens', { dimensions: { model: 'large' } })];
  return {
    runs: events
      .filter(({ meter }) => meter === 'run_units')
      .toSorted((a, b) => a.eventId.localeCompare(b.eventId))
      .map(({ quantity }) => quantity),
    events,
    usage: await ask(server, 'getUsage', { ...asked, meters: ['tokens'] }),
    quotas: await ask(server, 'checkQuota', { orgId: ORG, items }),
    holds: await ask(server, 'listReservations', { orgId: ORG }),
    lines: invoice.lines,
    meters: meters.map(({ key, version, rollup_keys }: Json) => ({ key, version, rollup_keys })),
  };
}
