// Money is an integer of minor units of one currency. No conversion between currencies.

import { formatFixed } from '../../base/decimal.js';
import { type Fraction, roundFraction } from '../../base/fraction.js';

/** ISO 4217 currencies whose minor unit is not 2 decimals. Source: ISO 4217:2015, list one. */
const MINOR_DIGITS: Readonly<Record<string, number>> = {
  ...digits(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  ...digits(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...digits(4, 'CLF UYW'),
};

export function minorDigits(currency: string): number {
  return MINOR_DIGITS[currency] ?? 2;
}

export function isCurrency(text: string): boolean {
  return /^[A-Z]{3}$/.test(text);
}

/** The one rounding of an invoice line: half away from zero, to the minor unit. */
export function toMinor(amount: Fraction, currency: string): bigint {
  return roundFraction(amount, minorDigits(currency));
}

/** All minor digits: 581 in USD is "5.81", 581 in JPY is "581". */
export function formatMinor(minor: bigint, currency: string): string {
  return formatFixed(minor, minorDigits(currency));
}

function digits(count: number, currencies: string): Record<string, number> {
  return Object.fromEntries(currencies.split(' ').map((currency) => [currency, count]));
}
