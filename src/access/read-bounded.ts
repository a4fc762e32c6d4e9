// A file that somebody else replaces: secrets and key sets, mounted or renamed into place.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Failure, messageOf } from '../base/failure.js';

/**
 * The whole file, through symbolic links. What is longer than `bytesMax` or no plain file rejects
 * with a `Failure` of code FILE_UNREADABLE, as what cannot be read does.
 */
export async function readBounded(path: string, bytesMax: number): Promise<Buffer> {
  try {
    // A pipe would be waited for without O_NONBLOCK.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('it is no plain file');
      if (stats.size > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
      const bytes = await file.readFile();
      // It may have grown since.
      if (bytes.length > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Failure('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, {
      retriable: true,
      cause: error,
    });
  }
}
