// Text from outside as it may be printed: composed, without what is invisible or would turn the
// direction of the text around it. Joiners stay, since Arabic and Indic scripts need them.

/** Controls, soft hyphens, marks of direction, zero-width spaces, byte order marks. */
const INVISIBLE =
  /[\p{Cc}\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF]|\uFE0F/gu;
/** Printable ASCII, which the first font has and nothing is to be done about. */
export const PLAIN = /^[\x20-\x7E]*$/;

/** One line: line ends and tabs are spaces. */
export function cleanLine(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .normalize('NFC')
    .replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
    .replace(INVISIBLE, '');
}

/** The lines of a text whose lines are separated by "\n". */
export function cleanLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => cleanLine(line).trim());
}
