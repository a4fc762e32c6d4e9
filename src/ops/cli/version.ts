// The version stands in the nearest package.json: the project's, or the one that the build writes
// beside what it emits.

import { readFileSync } from 'node:fs';
import { assert } from '../../base/assert.js';

export function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const description: unknown = JSON.parse(text);
  assert(typeof description === 'object' && description !== null, 'package.json is an object');
  assert('version' in description, 'package.json has a version');
  return String(description.version);
}
