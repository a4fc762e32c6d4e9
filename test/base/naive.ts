// Second implementations for tests, on the digits of the text: slow, and unlike the ones in src.

export type Tie = 'even' | 'away';

/** Rounds plain decimal text to `places` decimals by looking at the digits that fall away. */
export function roundText(text: string, places: number, tie: Tie): string {
  const negative = text.startsWith('-');
  const [whole = '0', decimals = ''] = (negative ? text.slice(1) : text).split('.');
  const kept = `${whole}${decimals.slice(0, places).padEnd(places, '0')}`;
  const dropped = decimals.slice(places).replace(/0+$/, '');
  const first = dropped.charAt(0);
  const isTie = dropped === '5';
  const up = isTie ? tie === 'away' || '13579'.includes(kept.slice(-1)) : first >= '5';
  const digits = up ? increment(kept) : kept;
  const point = digits.length - places;
  const shown = places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  const plain = shown.replace(/^0+(?=\d)/, '');
  return negative && /[1-9]/.test(plain) ? `-${plain}` : plain;
}

function increment(digits: string): string {
  let out = '';
  let carry = true;
  for (const digit of [...digits].reverse()) {
    out = (carry ? String((Number(digit) + 1) % 10) : digit) + out;
    carry = carry && digit === '9';
  }
  return carry ? `1${out}` : out;
}

/** A double's shortest text with the exponent written out: 1.5e-7 is 0.00000015. */
export function plainText(value: number): string {
  const text = Object.is(value, -0) ? '0' : String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (match === null) throw new Error(`no decimal: ${text}`);
  const [, sign = '', whole = '', decimals = '', exponent = '0'] = match;
  const shift = Number(exponent);
  const digits = whole + decimals;
  const point = whole.length + shift;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** An exact fraction; the denominator is positive. */
export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

export function fractionOf(text: string): Fraction {
  const [whole = '0', decimals = ''] = text.split('.');
  return { over: BigInt(whole + decimals), under: BigInt(`1${'0'.repeat(decimals.length)}`) };
}

export function addFractions(a: Fraction, b: Fraction): Fraction {
  return { over: a.over * b.under + b.over * a.under, under: a.under * b.under };
}

/** To an integer, a tie away from zero. */
export function roundFraction({ over, under }: Fraction): bigint {
  const left = over % under;
  const whole = over / under;
  if (left * 2n >= under) return whole + 1n;
  return left * 2n <= -under ? whole - 1n : whole;
}
