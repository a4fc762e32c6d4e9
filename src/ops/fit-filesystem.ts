// Whether the file system of the data directory keeps what the journal promises.

import { Failure } from '../base/failure.js';
import { checkFilesystem } from '../journal/filesystem.js';
import type { Log } from '../telemetry/log.js';

/** Of the configuration. */
export interface Place {
  readonly dataDir: string;
  /** A file system to put up with; '' for none. */
  readonly allowFilesystem: string;
}

/** `warning`: the name of one that works with a drawback. Throws FILESYSTEM_REFUSED. */
export function fitFilesystem(
  { dataDir, allowFilesystem }: Place,
  log: Log,
): { readonly warning: string } {
  const { name, verdict, why } = checkFilesystem(dataDir);
  if (verdict === 'fit') return { warning: '' };
  if (verdict === 'refused' && allowFilesystem !== name) {
    throw new Failure(
      'FILESYSTEM_REFUSED',
      `${dataDir} lies on ${name}, ${why}: the journal cannot keep its promises there. ` +
        `TOLLGATE_ALLOW_FILESYSTEM=${name} insists`,
    );
  }
  log.warn('filesystem', { name, why, data_dir: dataDir });
  return { warning: name };
}
