// What the demo writes to the terminal.
const COLOUR = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const BAR_CHARS = 28;

export const bold = (text) => paint(1, text);
export const dim = (text) => paint(2, text);
export const good = (text) => paint(32, text);
export const bad = (text) => paint(31, text);

let steps = 0;

export function step(title) {
  steps += 1;
  say(`\n${bold(`${steps}  ${title}`)}`);
}

export function say(text = '') {
  process.stdout.write(`${text}\n`);
}

/** Rows of texts, columns as wide as their widest; those listed in `right` end at the right. */
export function table(rows, right = []) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      right.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    );
    say(`   ${cells.join('  ').trimEnd()}`);
  }
}

/** A bar as long as `value` is to `max`. */
export function bar(value, max) {
  return '█'.repeat(Math.max(1, Math.round((value / max) * BAR_CHARS))).padEnd(BAR_CHARS);
}

/** "1805314.5" is "1,805,314.5": decimal text keeps all its digits. */
export function grouped(decimal) {
  const [whole, ...fraction] = String(decimal).split('.');
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...fraction].join('.');
}

function paint(code, text) {
  return COLOUR ? `\u001b[${code}m${text}\u001b[0m` : text;
}
