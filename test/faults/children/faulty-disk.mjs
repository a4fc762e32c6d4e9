// A server on a disk that fails: the n-th batch is answered as FAULT says. Otherwise as `serve`.
//   FAULT=fail   an error, and nothing reaches the disk
//   FAULT=tear   an error, and the first half reaches the disk
//   FAULT=lie    an error after all of it was written, as after a failed sync
//   FAULT=hang   no answer at all
//   FAULT=wait   nothing is written before SIGUSR2, as on a disk that is slow
// FAULT_AT: which batch, from 1. CLOCK_RATE: how many times faster the monotonic clock goes.

import { writeSync } from 'node:fs';
import { systemClock } from '../../../dist/esm/src/base/clock.js';
import { loadConfig } from '../../../dist/esm/src/config.js';
import { realFiles } from '../../../dist/esm/src/journal/files.js';
import { openService } from '../../../dist/esm/src/service.js';
import { openLog } from '../../../dist/esm/src/telemetry/log.js';

const { FAULT, FAULT_AT, CLOCK_RATE = '1', ...env } = process.env;
const settings = Object.entries(env).filter(([name]) => name.startsWith('TOLLGATE_'));
const loaded = loadConfig({ argv: [], env: Object.fromEntries(settings), readFile: () => '' });
if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));

let batches = 0;

function write(handle, buffer, bytes, position, done) {
  if (++batches < Number(FAULT_AT)) {
    handle.write(buffer, bytes, position, done);
    return;
  }
  if (batches > Number(FAULT_AT)) {
    if (FAULT !== 'wait') writeSync(1, 'WRITTEN AFTER THE FAULT\n');
    handle.write(buffer, bytes, position, done);
    return;
  }
  writeSync(1, `FAULT ${FAULT}\n`);
  if (FAULT === 'hang') return;
  if (FAULT === 'wait') {
    process.once('SIGUSR2', () => handle.write(buffer, bytes, position, done));
    return;
  }
  // A disk writes a sector whole or not at all.
  const half = Math.floor((position + bytes / 2) / 512) * 512 - position;
  const kept = { fail: 0, tear: Math.max(0, half), lie: bytes }[FAULT];
  if (kept > 0) handle.writeSync(Buffer.from(buffer.subarray(0, kept)), position);
  setImmediate(() => done(Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })));
}

const files = {
  ...realFiles,
  open(path, mode) {
    const handle = realFiles.open(path, mode);
    if (mode !== 'synced') return handle;
    return { ...handle, write: (...given) => write(handle, ...given) };
  },
};

const rate = Number(CLOCK_RATE);
const clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * rate,
};

const log = openLog({ level: 'info', format: 'json' });
await openService({
  config: loaded.config,
  log,
  files,
  clock,
  onFatal(error) {
    log.fatalSync('fatal', { error });
    process.exit(1);
  },
});
