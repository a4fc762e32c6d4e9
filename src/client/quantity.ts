// Quantities as callers give them. A double that is no whole number has already lost the decimal
// that somebody meant, so it is refused here instead of being billed.

/**
 * Decimal text such as `"0.6"`, a bigint, or a number that is a safe integer. Not negative. How
 * many decimal places there may be is a matter of the meter, and the server's to say.
 */
export type Quantity = string | bigint | number;

/** Throws a TypeError that names the field. */
export function quantityText(quantity: Quantity, field: string): string {
  switch (typeof quantity) {
    case 'string':
      // The server reads it; it knows the meter's scale too.
      return quantity;
    case 'bigint':
      if (quantity >= 0n) return quantity.toString();
      break;
    case 'number':
      if (Number.isSafeInteger(quantity) && quantity >= 0) return quantity.toString();
      break;
  }
  const rule = 'must be decimal text, a bigint or a safe integer, and not negative';
  throw new TypeError(`${field} ${rule}; got ${String(quantity)}`);
}
