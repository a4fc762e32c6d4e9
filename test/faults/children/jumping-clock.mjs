// A server whose wall clock is as far from the machine's as the file CLOCK_FILE says, in
// milliseconds; read at every look at the clock. Otherwise as `serve`.

import { readFileSync } from 'node:fs';
import { systemClock } from '../../../dist/esm/src/base/clock.js';
import { loadConfig } from '../../../dist/esm/src/config.js';
import { openService } from '../../../dist/esm/src/service.js';
import { openLog } from '../../../dist/esm/src/telemetry/log.js';

const { CLOCK_FILE, ...env } = process.env;
const settings = Object.entries(env).filter(([name]) => name.startsWith('TOLLGATE_'));
const readFile = (path) => readFileSync(path, 'utf8');
const loaded = loadConfig({ argv: [], env: Object.fromEntries(settings), readFile });
if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));

const clock = {
  ...systemClock,
  wallMs: () => Date.now() + Number(readFile(CLOCK_FILE)),
};
const log = openLog({ level: 'info', format: 'json' });
const service = await openService({
  config: loaded.config,
  log,
  clock,
  onFatal(error) {
    log.fatalSync('fatal', { error });
    process.exit(1);
  },
});
process.once('SIGTERM', () => service.close());
