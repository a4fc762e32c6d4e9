// Part of the state was found damaged while serving: it is moved away, the process restarts, and
// the journal builds it again.

import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure } from '../base/failure.js';
import { setStateAside } from './state-file.js';

/** Returns whether the failure was one of derived state, which is set aside now. */
export function setAside(directory: string, failure: Failure): boolean {
  if (failure.code === 'STATE_DAMAGED') {
    setStateAside(directory);
    return true;
  }
  if (failure.code !== 'INDEX_DAMAGED') return false;
  const path = join(directory, 'index');
  rmSync(`${path}.aside`, { recursive: true, force: true });
  if (existsSync(path)) renameSync(path, `${path}.aside`);
  return true;
}
