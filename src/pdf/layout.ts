// The pages of a document, in order: letterhead, table, sums, notes.

import type { Content } from './content.js';
import { createFlow, type Page } from './flow.js';
import { letterhead, runningHead } from './letterhead.js';
import type { Pace } from './pace.js';
import { columnsFor, emptyRow, rowBands, tableHead } from './rows-table.js';
import { noteBlocks, totalsBlocks } from './totals.js';
import type { Typesetter } from './typeset.js';

export async function layOut(
  type: Typesetter,
  content: Content,
  pace: Pace,
): Promise<readonly Page[]> {
  const flow = createFlow(runningHead(type, content));
  flow.place([letterhead(type, content)]);
  await pace();
  const columns = columnsFor(type, content);
  await pace();
  const head = tableHead(type, columns, content.currency);
  const [first, ...others] = content.rows;
  const firstBands =
    first === undefined ? [emptyRow(type, content.noRows)] : rowBands(type, columns, first);
  flow.placeBefore(head, firstBands);
  flow.repeat(head);
  flow.place(firstBands);
  for (const row of others) {
    await pace();
    flow.place(rowBands(type, columns, row));
  }
  flow.repeat(undefined);
  flow.place(totalsBlocks(type, content));
  flow.place(noteBlocks(type, content));
  return flow.pages;
}
