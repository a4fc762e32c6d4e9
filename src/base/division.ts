// Integer division names its rounding. Sources: half-even, IEEE 754-2019 §4.3.1 (ties to even);
// half away from zero, §4.3.1 (ties to away).

/** a / b towards negative infinity; b > 0. */
export function divideFloor(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient;
}

/** a / b towards positive infinity; b > 0. */
export function divideCeiling(a: bigint, b: bigint): bigint {
  return -divideFloor(-a, b);
}

/** a / b, a tie to the even neighbour; b > 0. */
export function divideHalfEven(a: bigint, b: bigint): bigint {
  const floor = divideFloor(a, b);
  const twice = (a - floor * b) * 2n;
  if (twice < b) return floor;
  if (twice > b) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

/** a / b, a tie away from zero; b > 0. */
export function divideHalfAway(a: bigint, b: bigint): bigint {
  const magnitude = a < 0n ? -a : a;
  const rounded = (magnitude * 2n + b) / (b * 2n);
  return a < 0n ? -rounded : rounded;
}
