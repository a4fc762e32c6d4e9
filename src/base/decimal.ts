// Exact decimals: an integer and a scale, value = units × 10^−scale. No float touches a quantity or
// an amount; a double that was measured is read as its shortest decimal text.

import { divideHalfAway, divideHalfEven } from './division.js';

export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

export const ZERO: Decimal = { units: 0n, scale: 0 };

/** Longest decimal text accepted anywhere: 19 digits of a quantity, a dot, and room to be wrong. */
const TEXT_CHARS_MAX = 64;
const POWERS: readonly bigint[] = Array.from({ length: 64 }, (_, i) => 10n ** BigInt(i));

export function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

export type DecimalFault = 'empty' | 'malformed' | 'too_many_decimals' | 'too_long';

export function isFault(value: bigint | DecimalFault): value is DecimalFault {
  return typeof value === 'string';
}

/**
 * Reads `digits[.digits]` as an integer of 10^−scale. No sign, exponent, blank, NaN or infinity;
 * more decimals than `scale` is a fault, never a silent rounding. Hot path: one pass, and no BigInt
 * parsing up to 15 digits.
 */
export function parseUnits(text: string, scale: number): bigint | DecimalFault {
  const length = text.length;
  if (length === 0) return 'empty';
  if (length > TEXT_CHARS_MAX) return 'too_long';
  let dot = -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 && dot < 0 && i > 0 && i < length - 1) dot = i;
    else if (code < 48 || code > 57) return 'malformed';
    else value = value * 10 + (code - 48);
  }
  const decimals = dot < 0 ? 0 : length - dot - 1;
  if (decimals > scale) return 'too_many_decimals';
  const small = length <= 15;
  const units = small ? BigInt(value) : BigInt(dot < 0 ? text : text.replace('.', ''));
  return decimals === scale ? units : units * powerOfTen(scale - decimals);
}

/** Reads a decimal of any scale up to `scaleMax`, a leading minus allowed. */
export function parseDecimal(text: string, scaleMax: number): Decimal | DecimalFault {
  const negative = text.startsWith('-');
  const magnitude = negative ? text.slice(1) : text;
  const dot = magnitude.indexOf('.');
  const scale = dot < 0 ? 0 : magnitude.length - dot - 1;
  if (scale > scaleMax) return 'too_many_decimals';
  const units = parseUnits(magnitude, scale);
  if (isFault(units)) return units;
  return { units: negative ? -units : units, scale };
}

/** The decimal that a double shows as: 0.03125 is 0.03125, 1e-7 is 0.0000001. Finite input only. */
export function decimalFromDouble(value: number): Decimal {
  const [mantissa = '0', exponentText = '0'] = String(value).split('e');
  const negative = mantissa.startsWith('-');
  const digits = negative ? mantissa.slice(1) : mantissa;
  const dot = digits.indexOf('.');
  const decimals = dot < 0 ? 0 : digits.length - dot - 1;
  const magnitude = BigInt(digits.replace('.', ''));
  const scale = decimals - Number(exponentText);
  const units = negative ? -magnitude : magnitude;
  return scale >= 0 ? { units, scale } : { units: units * powerOfTen(-scale), scale: 0 };
}

/** Without trailing zeros: 6000 at scale 4 is "0.6". */
export function formatUnits(units: bigint, scale: number): string {
  if (scale === 0) return units.toString();
  const text = formatFixed(units, scale);
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  if (text.charCodeAt(end - 1) === 46) end--;
  return text.slice(0, end);
}

/** With exactly `scale` decimals: 581 at scale 2 is "5.81". */
export function formatFixed(units: bigint, scale: number): string {
  if (scale === 0) return units.toString();
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, '0');
  const split = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, split)}.${digits.slice(split)}`;
}

export function formatDecimal(value: Decimal): string {
  return formatUnits(value.units, value.scale);
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: unitsAt(a, scale) + unitsAt(b, scale), scale };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { units: -b.units, scale: b.scale });
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale };
}

export function compare(a: Decimal, b: Decimal): -1 | 0 | 1 {
  const difference = subtract(a, b).units;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Units at `scale`, a tie away from zero (money: semantics, one rounding per invoice line). */
export function roundHalfAway(value: Decimal, scale: number): bigint {
  if (value.scale <= scale) return unitsAt(value, scale);
  return divideHalfAway(value.units, powerOfTen(value.scale - scale));
}

/** Units at `scale`, a tie to the even neighbour (run units, spend). */
export function roundHalfEven(value: Decimal, scale: number): bigint {
  if (value.scale <= scale) return unitsAt(value, scale);
  return divideHalfEven(value.units, powerOfTen(value.scale - scale));
}

function unitsAt(value: Decimal, scale: number): bigint {
  return value.units * powerOfTen(scale - value.scale);
}
