// A small file is replaced as a whole: a new one beside it, synced, renamed over it, and the
// directory synced. A crash leaves the old or the new one.

import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

export async function replaceFile(
  directory: string,
  name: string,
  text: string,
  mode = 0o640,
): Promise<void> {
  const path = join(directory, name);
  const file = await open(`${path}.tmp`, 'w', mode);
  try {
    // One that a crash left has a mode already.
    await file.chmod(mode);
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
