// Checks of the texts of the cold services, each naming its field and the rule.

import { isFault, parseDecimal } from '../base/decimal.js';
import { isZone } from '../domain/metering/calendar.js';
import type { PartyDocument, TaxRateDocument } from '../domain/plans/document.js';
import { limits } from '../limits.js';
import { type Faults, hasControl } from './parse.js';

export interface TextRule {
  readonly max: number;
  readonly min?: number;
  /** Lines may be broken by "\n". */
  readonly lines?: true;
}

export function checkText(text: string, field: string, rule: TextRule, faults: Faults): void {
  const { max, min = 0, lines } = rule;
  const length = [...text].length;
  if (length < min || length > max) {
    const range = min === 0 ? `at most ${max}` : `${min} to ${max}`;
    faults.add(field, `must be ${range} characters`);
  } else if (hasControl(lines ? text.replaceAll('\n', '') : text)) {
    faults.add(field, 'must not hold control characters');
  }
}

/** Why something is done: required where `min` is 1. */
export function checkReason(reason: string, min: 0 | 1, faults: Faults): void {
  checkText(reason, 'reason', { min, max: limits.reasonChars }, faults);
}

export function checkMetadata(
  metadata: ReadonlyMap<string, string>,
  field: string,
  faults: Faults,
): Readonly<Record<string, string>> {
  if (metadata.size > limits.metadataEntries) {
    faults.add(field, `must hold at most ${limits.metadataEntries} entries`);
  }
  for (const [key, value] of metadata) {
    checkText(key, field, { min: 1, max: limits.dimensionKeyChars }, faults);
    checkText(
      value,
      `${field}[${JSON.stringify(key)}]`,
      { max: limits.dimensionValueChars },
      faults,
    );
    if (key === '__proto__') faults.add(field, 'a key must not be __proto__');
  }
  return Object.fromEntries([...metadata].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Party {
  readonly legalName: string;
  readonly address: string;
  readonly taxId: string;
  readonly email: string;
}

export function checkParty(
  party: Party | undefined,
  field: string,
  faults: Faults,
): PartyDocument | null {
  if (party === undefined) return null;
  const { legalName, address, taxId, email } = party;
  checkText(legalName, `${field}.legal_name`, { max: 256 }, faults);
  checkText(address, `${field}.address`, { max: 1024, lines: true }, faults);
  checkText(taxId, `${field}.tax_id`, { max: 64 }, faults);
  checkText(email, `${field}.email`, { max: 256 }, faults);
  if (email !== '' && !/^[^@\s]+@[^@\s]+$/.test(email)) {
    faults.add(`${field}.email`, 'must be a mail address');
  }
  return { legal_name: legalName, address, tax_id: taxId, email };
}

interface Rate {
  readonly name: string;
  readonly percent: string;
}

export function checkTaxRates(
  rates: readonly Rate[],
  field: string,
  faults: Faults,
): readonly TaxRateDocument[] {
  if (rates.length > limits.taxRates) faults.add(field, `must be at most ${limits.taxRates}`);
  for (const [i, { name, percent }] of rates.entries()) {
    checkText(name, `${field}[${i}].name`, { min: 1, max: 64 }, faults);
    const value = parseDecimal(percent, limits.priceScale);
    const isPercent =
      typeof value !== 'string' && !percent.startsWith('-') && !isFault(value.units);
    if (!isPercent || Number(percent) > 100) {
      faults.add(`${field}[${i}].percent`, 'must be a decimal from 0 to 100, like "8.875"');
    }
  }
  return rates.map(({ name, percent }) => ({ name, percent }));
}

export function checkZone(zone: string, field: string, faults: Faults): string {
  if (zone === '') return 'UTC';
  if (!isZone(zone)) {
    faults.add(field, `${JSON.stringify(zone.slice(0, 64))} is not an IANA time zone`);
  }
  return zone;
}
