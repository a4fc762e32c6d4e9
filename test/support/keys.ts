// Keys as tests need them: made by the bootstrap key of a running server.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cold, type Json } from './cold.js';
import type { Running } from './service.js';

export const AUTH_ON = ['--auth', 'required'];

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** The text in the file that the first start wrote. */
export function bootstrapKey({ directory }: Pick<Running, 'directory'>): string {
  return readFileSync(join(directory, 'bootstrap.key'), 'utf8').trim();
}

export interface MadeKey {
  readonly key_id: string;
  readonly secret: string;
}

/** A key with these fields; its display name does not matter. */
export async function makeKey(running: Running, fields: object): Promise<MadeKey> {
  const api_key = { display_name: 'a test', ...fields };
  const made: Json = await cold(
    running,
    'Access',
    'CreateApiKey',
    { api_key },
    bearer(bootstrapKey(running)),
  );
  return { key_id: made.api_key.key_id, secret: made.secret };
}
