// The document that `make generate` writes, and the build puts beside the generated code.

import { readFileSync } from 'node:fs';

const DOCUMENT = new URL('../../../generated/openapi.json', import.meta.url);

export function readOpenApi(): Buffer {
  return readFileSync(DOCUMENT);
}
