// A write or a sync of the journal that fails. Linux keeps such pages as if they had been written: a
// restart reads them, and a power loss after it takes them away. So what a restart found, and may
// have answered by, is written anew before anything else.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { journalFolder, note, openTestJournal } from '../support/fault-journal.js';
import { openSimDisk } from '../support/sim-disk.js';

const SIZES = [300, 5000, 900, 20_000, 400];
const ENTRIES = 60;
/** Nothing of what was not synced is kept. */
const NOTHING = () => 0;

/** Another place, with the same identity: the process before may be writing its own still. */
function movedTo(directory: string): string {
  const other = journalFolder();
  copyFileSync(join(directory, 'identity.json'), join(other, 'identity.json'));
  return other;
}

describe.each(['write', 'sync'] as const)('a failed %s', (call) => {
  test.each(Array.from({ length: 10 }, (_, i) => i + 1))(
    'number %i loses nothing that was acknowledged, nor what a restart has read',
    async (nth) => {
      const directory = journalFolder();
      const disk = openSimDisk();
      const first = await openTestJournal({ directory, files: disk.files });
      disk.failAt(call, nth);
      let acked = 0;
      for (let i = 1; i <= ENTRIES && first.fatal.length === 0; i++) {
        first.journal.append(note(SIZES[i % SIZES.length] ?? 300, i));
        const isDurable = new Promise<'durable'>((resolve) =>
          first.journal.whenSynced(i, () => resolve('durable')),
        );
        const ended = (async () => {
          while (first.fatal.length === 0) await new Promise((resolve) => setImmediate(resolve));
          return 'ended' as const;
        })();
        if ((await Promise.race([isDurable, ended])) === 'durable') acked = i;
      }
      const wasFelt = first.fatal.length + first.trouble.length;
      expect(wasFelt, 'the failure was met').toBeGreaterThan(0);
      if (call === 'write') expect(first.fatal).toHaveLength(1);

      // The process is gone; what it wrote is visible, on the medium or not.
      const second = await openTestJournal({ directory: movedTo(directory), files: disk.files });
      const read = second.replayed.length;
      expect(read).toBeGreaterThanOrEqual(acked);

      const third = await openTestJournal({
        directory: movedTo(directory),
        files: disk.crash(NOTHING).files,
      });
      expect(third.replayed.length).toBe(read);
      expect(third.replayed.map(({ entry }) => entry)).toEqual(
        second.replayed.map(({ entry }) => entry),
      );
      await third.journal.close();
    },
  );
});
