// Hebrew and Arabic run from right to left. The font shapes each word; here the words of such a
// stretch change places. This is the part of Unicode's bidirectional algorithm that names and
// addresses in a left-to-right document need; numbers and Latin words keep their own direction.

export interface Run {
  readonly text: string;
  /** Name of the face. */
  readonly face: string;
}

/** Hebrew, Arabic and what lies between, with their presentation forms. */
const LETTERS = String.raw`\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC`;
const RIGHT_TO_LEFT = new RegExp(`[${LETTERS}]`);
const LEFT_TO_RIGHT = /\p{L}/u;
/** Words of one direction, and the spaces between. */
const ATOMS = new RegExp(String.raw`(?:[${LETTERS}]|\u200C|\u200D)+|\s|[^\s${LETTERS}]+`, 'gu');

export function visualOrder(runs: readonly Run[]): Run[] {
  if (!runs.some(({ text }) => RIGHT_TO_LEFT.test(text))) return [...runs];
  const atoms = runs.flatMap(({ text, face }) =>
    (text.match(ATOMS) ?? []).map((atom) => ({ text: atom, face })),
  );
  const ordered: Run[] = [];
  let i = 0;
  while (i < atoms.length) {
    const end = isRightToLeft(atoms[i]) ? endOfStretch(atoms, i) : i + 1;
    ordered.push(...atoms.slice(i, end).reverse());
    i = end;
  }
  return ordered;
}

/** Behind the last right-to-left word or number that comes before a left-to-right word. */
function endOfStretch(atoms: readonly Run[], start: number): number {
  let end = start + 1;
  for (let i = end; i < atoms.length; i++) {
    const text = atoms[i]?.text ?? '';
    if (RIGHT_TO_LEFT.test(text)) end = i + 1;
    else if (LEFT_TO_RIGHT.test(text)) break;
    else if (/\p{Nd}/u.test(text)) end = i + 1;
  }
  return end;
}

function isRightToLeft(atom: Run | undefined): boolean {
  return RIGHT_TO_LEFT.test(atom?.text ?? '');
}
