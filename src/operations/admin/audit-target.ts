// What an entry of the audit trail is about: of all that its transaction wrote, the one object that
// its action names; or, where another one is asked for, that one.

import type { AuditEntry } from '../../ledger/ledger.js';

export type Target = AuditEntry['changed'][number];

export interface Asked {
  /** '' for any. */
  readonly kind: string;
  readonly id: string;
}

/** Kinds of what an action is done to, where they are not its first word without the plural. */
const KINDS: Readonly<Record<string, string>> = {
  events: 'correction',
  periods: 'billing',
  trials: 'subscription',
  quota_overrides: 'override',
  catalogue: 'settings',
  catalog_settings: 'settings',
  deliveries: 'delivery',
};

/** Undefined where it is about something else than what is asked for. */
export function targetOf({ action, changed }: AuditEntry, asked: Asked): Target | undefined {
  const meets = ({ kind, id }: Target) =>
    (asked.kind === '' || kind === asked.kind) && (asked.id === '' || id === asked.id);
  const [things = ''] = action.split('.');
  const own = KINDS[things] ?? things.replace(/s$/, '');
  const main = changed.find(({ kind }) => kind === own) ?? changed[0];
  return main !== undefined && meets(main) ? main : changed.find(meets);
}

export function isAny({ kind, id }: Asked): boolean {
  return kind === '' && id === '';
}
