// The first key, for the operator: it may everything, so that the others can be made with it. It is
// made where no key of its kind is live, and its text stands in a file that only the server's own
// user can read; the log has the path and never the key.
//
// The file comes first, then the key: a crash between the two leaves a file that opens nothing, and
// the next start makes another one. The other way round nobody could get in.

import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.js';
import type { EpochMs } from '../base/units.js';
import { isLive } from '../domain/access/api-key.js';
import { EVERY_ORG } from '../domain/access/principal.js';
import { newKeyChanges, newKeyText } from '../operations/access/new-key.js';
import type { Core } from '../operations/core.js';
import { listAll } from '../operations/paging.js';
import type { Log } from '../telemetry/log.js';

export const BOOTSTRAP_KEY = 'bootstrap.key';

const OWNER_ONLY = 0o600;
const ROLE = 'platform_admin';
const ACTOR = 'system';

export async function ensureBootstrapKey(directory: string, log: Log, core: Core): Promise<void> {
  const atMs = core.clock.wallMs();
  if (await isAnyLive(core, atMs)) return;
  const made = newKeyText();
  await replaceFile(directory, BOOTSTRAP_KEY, `${made.text}\n`, OWNER_ONLY);
  const fields = {
    display_name: 'bootstrap',
    org_id: '',
    roles: [ROLE],
    allowed_orgs: [EVERY_ORG],
    expire_ms: null,
    created_by: ACTOR,
  } as const;
  await core.ledger.commit({
    atMs,
    actor: ACTOR,
    action: 'api_keys.create',
    orgId: '',
    reason: 'no platform key was live at the start',
    changes: () => newKeyChanges(fields, made, atMs),
  });
  log.warn('bootstrap_key', {
    key_id: made.keyId,
    file: join(directory, BOOTSTRAP_KEY),
    hint: 'may everything: make other keys with it, then revoke it and remove the file',
  });
}

/** It must be for every organisation too: another one could not make all keys. */
async function isAnyLive(core: Core, nowMs: EpochMs): Promise<boolean> {
  const all = await listAll(core.ledger, { kind: 'api_key', where: { org_id: [''] } });
  return all.some(({ value }) => {
    const isWhole = value.roles.includes(ROLE) && value.allowed_orgs.includes(EVERY_ORG);
    return isWhole && isLive(value, nowMs);
  });
}
