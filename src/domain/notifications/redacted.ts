// A record as it may be shown: whatever stands under `secret` is masked, at any depth, and what
// `secrets` lists. Whoever shows records of the ledger (the audit log) shows them through this.

const MASK = '[redacted]';

export function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  const shown = Object.entries(value).map(([key, member]): [string, unknown] => {
    return [key, key === 'secret' ? MASK : key === 'secrets' ? masked(member) : redacted(member)];
  });
  return Object.fromEntries(shown);
}

/** What is no record of secrets is one itself. */
function masked(secrets: unknown): unknown {
  if (Array.isArray(secrets)) return secrets.map(masked);
  return typeof secrets === 'object' ? redacted(secrets) : MASK;
}
