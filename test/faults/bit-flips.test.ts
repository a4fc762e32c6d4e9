// One bit of the journal that is another one, anywhere. In a batch or in a compressed segment it is
// found at the next start; the last acknowledged batch is no exception. What fills the header of a
// segment and repeats in its trailer says nothing: there it is found, or everything is served as it
// was written.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.js';
import { realFiles } from '../../src/journal/files.js';
import { drawsOf } from '../support/draws.js';
import { uncompressed } from '../support/fault-files.js';
import {
  type Batch,
  journalFolder,
  note,
  openTestJournal,
  scanAll,
  segmentsOf,
} from '../support/fault-journal.js';
import { openSimDisk } from '../support/sim-disk.js';

const FLIPS = Number(process.env['TOLLGATE_BIT_FLIPS'] ?? 300);
const SIZES = [200, 400, 900, 5000, 20_000];
const WRITTEN = Array.from({ length: 40 }, (_, i) => note(SIZES[i % SIZES.length] ?? 200, i));
const FOUND: ReadonlySet<string> = new Set(['JOURNAL_DAMAGED', 'FORMAT_UNKNOWN']);

interface Written {
  readonly directory: string;
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly batches: readonly Batch[];
}

async function written(files = realFiles): Promise<Written> {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory, files });
  for (const entry of WRITTEN) await opened.write(entry);
  await opened.journal.close();
  const names = readdirSync(segmentsOf(directory));
  const contents = new Map(
    names.map((name) => [name, readFileSync(join(segmentsOf(directory), name))]),
  );
  return { directory, contents, batches: scanAll(directory).batches };
}

test.each([
  ['as they were written', uncompressed],
  ['sealed and compressed', realFiles],
])('in segments %s', { timeout: 120_000 }, async (_how, files) => {
  const { directory, contents, batches } = await written(files);
  const last = batches.at(-1);
  if (last === undefined) throw new Error('nothing was written');
  const lastName = last.path.slice(last.path.lastIndexOf('/') + 1);
  const draw = drawsOf(7);
  const places = [...contents].flatMap(([name, bytes]) => {
    // Behind the last batch there is nothing yet.
    const end = name === lastName ? last.offset + last.bytes : bytes.length;
    return name > lastName ? [] : [{ name, end }];
  });
  const missed: string[] = [];
  for (let flip = 0; flip < FLIPS; flip++) {
    const { name, end } = places[draw(places.length)] ?? { name: '', end: 0 };
    // One in three in the last batch that was acknowledged.
    const inLast = flip % 3 === 0;
    const target = inLast ? lastName : name;
    const at = inLast ? last.offset + draw(last.bytes) : draw(end);
    const bytes = Buffer.from(contents.get(target) ?? '');
    bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
    const disk = openSimDisk(new Map([...contents, [target, bytes]]));
    const found = await openTestJournal({ directory, files: disk.files }).then(
      async ({ journal, replayed }) => {
        await journal.close();
        const entries = replayed.map(({ entry }) => entry);
        return isDeepStrictEqual(entries, WRITTEN) ? 'as it was written' : 'another journal';
      },
      (error: unknown) => (error instanceof Failure ? error.code : String(error)),
    );
    const isData =
      target.endsWith('.segz') ||
      batches.some(({ path, offset, bytes: length }) => {
        return path.endsWith(target) && at >= offset && at < offset + length;
      });
    const isWell = FOUND.has(found) || (!isData && found === 'as it was written');
    if (!isWell) missed.push(`${target} at ${at} of ${end}: ${found}`);
  }
  expect(missed).toEqual([]);
});
