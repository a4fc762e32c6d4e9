// Numbers as the message has them: no digit is added, dropped or rounded. Only groups of three are
// told apart in the part before the point.

/** "1234567.8910" is "1,234,567.8910". Text that is no decimal number stays as it is. */
export function groupDigits(text: string): string {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (match === null) return text;
  const [, sign = '', digits = '', decimals = ''] = match;
  return `${sign}${digits.replace(/\B(?=(\d{3})+$)/g, ',')}${decimals}`;
}

/** "USD 1,234.50". */
export function moneyText(amount: string, currency: string): string {
  return currency === '' ? groupDigits(amount) : `${currency} ${groupDigits(amount)}`;
}

/** What is taken off, shown as negative: "5.00" is "-5.00", but "0.00" stays. */
export function takenOff(amount: string): string {
  return isZero(amount) || amount.startsWith('-') ? amount : `-${amount}`;
}

export function isZero(amount: string): boolean {
  return /^-?0*(\.0*)?$/.test(amount);
}
