// A quota of `/api/billing` and a rule of the contract: `{quota_key, quota_limit,
// enforcement_mode}`. A limit of null is none.

import { QuotaMode, QuotaSource } from '../../../generated/ts/tollgate/v1/quota.js';
import { QuotaRule } from '../../../generated/ts/tollgate/v1/quota_rule.js';
import { invalidField } from '../../operations/refusal.js';
import { decimalIn, type Fields, fieldsOf, requiredText, textIn } from './fields.js';
import { toNumberOrNull } from './figures.js';
import { message } from './message.js';

export const MODES: Readonly<Record<string, QuotaMode>> = {
  HARD: QuotaMode.QUOTA_MODE_HARD,
  SOFT: QuotaMode.QUOTA_MODE_SOFT,
  SHADOW: QuotaMode.QUOTA_MODE_SHADOW,
};

/** What is there stays where nothing else is said; a new rule has the name of its meter. */
export function ruleFrom(
  given: unknown,
  name: string,
  before: (key: string) => QuotaRule | undefined = () => undefined,
): QuotaRule {
  const fields = fieldsOf(given, name);
  const key = requiredText(fields, 'quota_key');
  const known = before(key);
  const rule = known ?? message(QuotaRule, { key, meter: key, mode: QuotaMode.QUOTA_MODE_HARD });
  return { ...rule, ...limitIn(fields, known), ...modeIn(fields) };
}

function limitIn(fields: Fields, known: QuotaRule | undefined): Pick<QuotaRule, 'limit'> {
  if (fields['quota_limit'] === null) return { limit: undefined };
  const limit = decimalIn(fields, 'quota_limit');
  if (limit !== undefined) return { limit };
  if (known !== undefined) return { limit: known.limit };
  throw invalidField('quota_limit', 'is required; null is no limit');
}

function modeIn(fields: Fields): Partial<QuotaRule> {
  const text = textIn(fields, 'enforcement_mode');
  if (text === undefined) return {};
  const mode = Object.hasOwn(MODES, text) ? MODES[text] : undefined;
  if (mode !== undefined) return { mode };
  throw invalidField('enforcement_mode', `must be one of ${Object.keys(MODES).join(', ')}`);
}

export function toQuota(rule: QuotaRule | undefined) {
  return {
    quota_key: rule?.key ?? '',
    quota_limit: toNumberOrNull(rule?.limit),
    enforcement_mode: Object.keys(MODES).find((name) => MODES[name] === rule?.mode) ?? 'HARD',
  };
}

/** Two sources are known there: a default of the system is like one of the plan. */
export function toSource(source: QuotaSource): 'OVERRIDE' | 'PLAN' {
  return source === QuotaSource.QUOTA_SOURCE_OVERRIDE ? 'OVERRIDE' : 'PLAN';
}
