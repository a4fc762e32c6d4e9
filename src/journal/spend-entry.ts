// What an event spends, as an event of the meter of money: it is counted and taken back like any.

import { SPEND_METER, spendRollup } from '../domain/metering/spend.js';
import type { RecordEntry } from './entry.js';

export function spendEntry(entry: RecordEntry): RecordEntry | undefined {
  const { spend } = entry;
  if (spend === undefined) return undefined;
  const { key: meter, aggregation, scale } = SPEND_METER;
  const rollup = spendRollup(entry.meter);
  const labels = [...entry.labels.filter(([label]) => label !== 'meter'), ...rollup];
  const own = { meter, aggregation, scale, labels, rollup, subject: '' };
  return { ...entry, ...own, ...spend, spend: undefined };
}
