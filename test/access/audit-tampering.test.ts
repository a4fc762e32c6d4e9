// Who can write the files can also make every checksum fit again. What cannot be made to fit is the
// chain of the audit trail: each entry has the hash of all before it.

import { readFileSync, rmSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { eachFrame, readBatchHeader, sealBatch } from '../../src/journal/batch.js';
import { cold } from '../support/cold.js';
import { overwrite, scanAll } from '../support/fault-journal.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { until } from '../support/notifying.js';
import { runCommand } from '../support/server-process.js';
import { start, temporaryDirectory } from '../support/service.js';

const REASON = 'left in a train';

async function trail(): Promise<string> {
  const directory = temporaryDirectory();
  const running = await start({ flags: AUTH_ON, directory });
  const admin = bearer(bootstrapKey(running));
  const { key_id, secret } = await makeKey(running, { org_id: 'acme', roles: ['viewer'] });
  const foreign = cold(running, 'Metering', 'GetUsage', { org_id: 'bolt' }, bearer(secret));
  await expect(foreign).rejects.toThrow('PERMISSION_DENIED');
  await until(
    async () => JSON.stringify(await cold(running, 'Admin', 'ListAuditEntries', {}, admin)),
    (entries) => entries.includes('ORG_MISMATCH'),
  );
  await cold(running, 'Access', 'RevokeApiKey', { key_id, reason: REASON }, admin);
  await makeKey(running, { org_id: 'acme', roles: ['viewer'] });
  await running.stop();
  return directory;
}

/** Puts one text in the place of another as long, and makes every checksum behind it fit. */
function forge(directory: string, from: string, to: string): number {
  const { batches } = scanAll(directory);
  let forged = 0;
  let previousCrc: number | undefined;
  for (const { path, offset, bytes } of batches) {
    const batch = readFileSync(path).subarray(offset, offset + bytes);
    const header = readBatchHeader(batch, 0);
    if (header === undefined) throw new Error('a batch without a header');
    for (let at = batch.indexOf(from); at >= 0; at = batch.indexOf(from, at + 1)) {
      batch.write(to, at, 'latin1');
      forged++;
    }
    eachFrame(batch, 0, header, (_sequence, _crc, start, end) => {
      batch.writeUInt32LE(crc32(batch.subarray(start, end)), start - 4);
      return false;
    });
    previousCrc = sealBatch(batch, { ...header, previousCrc: previousCrc ?? header.previousCrc });
    overwrite(path, batch, offset);
  }
  return forged;
}

test('a trail that nobody touched is whole', async () => {
  const directory = await trail();
  expect(forge(directory, REASON, REASON)).toBeGreaterThan(0);
  const { code, output } = await runCommand(['verify', '--data-dir', directory]);
  expect([code, output]).toEqual([0, expect.stringContaining('whole')]);
  rmSync(directory, { recursive: true });
});

test.each([
  ['the reason of a revocation', REASON, 'left in a drain'],
  ['the organisation of a denial', 'ORG_MISMATCH', 'NOT_MISMATCH'],
  ['the way it came', '127.0.0.1:', '127.0.0.9:'],
])('%s that was changed is found by verify', async (_what, from, to) => {
  const directory = await trail();
  expect(forge(directory, from, to)).toBeGreaterThan(0);
  const { code, output } = await runCommand(['verify', '--data-dir', directory]);
  expect([code, output]).toEqual([3, expect.stringContaining('the audit trail is broken here')]);
  rmSync(directory, { recursive: true });
});
