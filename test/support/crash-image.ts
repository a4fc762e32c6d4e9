// The data directory as a crash now would leave it: what is in the journal's files. State and
// indexes are left out: they are built again.

import { cpSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Running, temporaryDirectory } from './service.js';

const LEFT_OUT = /^(state|index|state\.open|lock\..*|addresses\.json)$/;

/** Removed when the test is over. */
export function crashImage({ directory }: Running): string {
  const image = temporaryDirectory();
  onTestFinished(() => rmSync(image, { recursive: true, force: true }));
  const filter = (path: string) => path === directory || !LEFT_OUT.test(basename(path));
  cpSync(directory, image, { recursive: true, filter });
  return image;
}
