// What many organisations that do nothing take in memory.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { residentBytes, settle } from './server-facts.js';
import { openServer } from './server-process.js';
import type { StoredOptions } from './stored-options.js';
import { judged, type MeasuredRow } from './table.js';
import { useMeters } from './use-meters.js';

const METERS = ['calls', 'tokens', 'pages', 'minutes', 'gigabytes'];
const CATALOGUE = `catalogue:
  default_plan: free
  meters:
${METERS.map((key) => `    - {key: ${key}, unit: unit, scale: 3, aggregation: SUM}`).join('\n')}
  plans:
    - id: free
      quotas:
${METERS.map((meter) => `        - {key: ${meter}, meter: ${meter}, limit: "1000000"}`).join('\n')}
`;

export async function measureIdle(options: StoredOptions): Promise<MeasuredRow[]> {
  const { organisations, restSeconds, idleSeconds } = options.sizes;
  const directory = join(options.directory, 'idle');
  mkdirSync(directory);
  const config = join(directory, 'bench.yaml');
  writeFileSync(config, CATALOGUE);
  const open = () => openServer(directory, { TOLLGATE_CONFIG: config });
  try {
    const server = await open();
    const client = new MeteringServiceClient(server.address, credentials.createInsecure());
    await useMeters(client, organisations, METERS);
    client.close();
    await settle(server);
    await wait(restSeconds * 1000);
    const soon = residentBytes(server.pid);
    await wait(idleSeconds * 1000);
    const idle = residentBytes(server.pid);
    await server.close();
    const again = await open();
    await wait(restSeconds * 1000);
    const restarted = residentBytes(again.pid);
    await again.close();
    return [
      judged(
        options.sizes,
        `11 RSS, ${organisations} organisations × ${METERS.length} meters, ${idleSeconds} s idle, MB`,
        { must: 250, aim: 120, better: 'lower' },
        [idle / 1e6],
      ),
      { title: `-  the same ${restSeconds} s after their use, MB`, measured: [soon / 1e6] },
      { title: '-  the same after a restart, MB', measured: [restarted / 1e6] },
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
