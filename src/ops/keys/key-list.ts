// Keys as people read them, and as programs do.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import type { ApiKey } from '../../../generated/ts/tollgate/v1/api_key.js';
import type { EpochMs } from '../../base/units.js';

const HEADER = ['KEY', 'NAME', 'FOR', 'ROLES', 'STATE', 'CREATED'];
const GAP = '  ';

/** '' where there are none. */
export function keyTable(keys: readonly ApiKey[], nowMs: EpochMs): string {
  if (keys.length === 0) return '';
  const rows = [HEADER, ...keys.map((key) => rowOf(key, nowMs))];
  const widths = HEADER.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function rowOf(key: ApiKey, nowMs: EpochMs): readonly string[] {
  const { keyId, displayName, roles, createTime } = key;
  return [keyId, displayName, scopeOf(key), roles.join(','), stateOf(key, nowMs), day(createTime)];
}

export function scopeOf({ orgId, allowedOrgs }: ApiKey): string {
  if (orgId !== '') return orgId;
  return allowedOrgs.length === 0 ? 'none' : allowedOrgs.join(',');
}

function stateOf({ revokeTime, expireTime }: ApiKey, nowMs: EpochMs): string {
  if (revokeTime !== undefined) return `revoked ${day(revokeTime)}`;
  if (expireTime === undefined) return 'live';
  return `${msOf(expireTime) <= nowMs ? 'expired' : 'live until'} ${day(expireTime)}`;
}

/** One JSON object a line, with the names of the contract. */
export function keyLines(keys: readonly ApiKey[]): string {
  return keys.map((key) => `${JSON.stringify(toJson(key))}\n`).join('');
}

function toJson(key: ApiKey): object {
  return {
    key_id: key.keyId,
    display_name: key.displayName,
    org_id: key.orgId,
    roles: key.roles,
    allowed_orgs: key.allowedOrgs,
    expire_time: timeText(key.expireTime),
    revoke_time: timeText(key.revokeTime),
    previous_expire_time: timeText(key.previousExpireTime),
    created_by: key.createdBy,
    create_time: timeText(key.createTime),
    update_time: timeText(key.updateTime),
    etag: key.etag,
  };
}

/** Undefined, and so not in the JSON, where absent. */
function timeText(time: Timestamp | undefined): string | undefined {
  return time && new Date(msOf(time)).toISOString();
}

function day(time: Timestamp | undefined): string {
  return timeText(time)?.slice(0, 10) ?? '';
}

function msOf({ seconds, nanos }: Timestamp): EpochMs {
  return Number(seconds) * 1000 + nanos / 1_000_000;
}
