// The conservation of usage: Σ events in the journal = totals in the state, by organisation and
// meter. First the totals are read, then the journal up to the moment of each; what was used while
// its totals were read, which only long ones leave time for, is left out.

import { formatUnits } from '../../base/decimal.js';
import { DAY_MS, type Quanta, type Sequence } from '../../base/units.js';
import type { CorrectionRecord } from '../../domain/metering/correction.js';
import type { Meter } from '../../domain/metering/meter.js';
import { SPEND } from '../../domain/metering/spend.js';
import type { Entry } from '../../journal/entry.js';
import { CORRECTION } from '../../state/apply-correction.js';
import { keys, LABEL_SETS_PER_PAGE } from '../../state/tables.js';
import type { Series } from '../../state/values.js';
import { type Core, catalogueOf } from '../core.js';
import { scanRecords } from './scan-records.js';
import type { Steps } from './steps.js';
import type { Begun } from './verify.js';

interface Sum {
  events: number;
  quanta: Quanta;
}

interface Pair {
  readonly orgId: string;
  readonly meter: Meter;
  readonly totals: Sum;
  readonly journal: Sum;
  /** Its totals were read between these entries. */
  readonly from: Sequence;
  readonly to: Sequence;
  moved: boolean;
}

type Pairs = ReadonlyMap<string, Pair>;

export async function verifyTotals(core: Core, steps: Steps): Promise<Begun> {
  const pairs = await readTotals(core, steps);
  return {
    through: core.journal.lastSequence(),
    visit: (entry, sequence) => addEntry(pairs, entry, sequence),
    finish() {
      const still = [...pairs.values()].filter(({ moved }) => !moved);
      const moved = pairs.size - still.length;
      const skipped = moved === 0 ? '' : `${moved} meters of organisations were used meanwhile`;
      return { count: still.length, differences: still.flatMap(differenceOf), skipped };
    },
  };
}

async function readTotals(core: Core, steps: Steps): Promise<Pairs> {
  const { organisations, series: table } = core.fold.tables;
  const pairs = new Map<string, Pair>();
  for await (const { id } of scanRecords(core, steps, 'organization')) {
    const number = organisations.peek(keys.organisation(id))?.number;
    if (number === undefined) continue;
    for (const meter of catalogueOf(core).everyMeter.values()) {
      const series = table.peek(keys.series(number, meter.key));
      if (series === undefined || series.lastMs === 0) continue;
      const from = core.journal.lastSequence();
      const totals = await sumOf(core, steps, series);
      const to = core.journal.lastSequence();
      const journal = { events: 0, quanta: 0n };
      pairs.set(pairKey(id, meter.key), {
        orgId: id,
        meter,
        totals,
        journal,
        from,
        to,
        moved: false,
      });
    }
  }
  return pairs;
}

function pairKey(orgId: string, meter: string): string {
  return `${orgId}\u0004${meter}`;
}

async function sumOf(core: Core, steps: Steps, series: Series): Promise<Sum> {
  const { organisation, meter, firstMs, lastMs, labelSets } = series;
  const count = Math.ceil(labelSets / LABEL_SETS_PER_PAGE);
  const sum = { events: 0, quanta: 0n };
  for (let dayMs = Math.floor(firstMs / DAY_MS) * DAY_MS; dayMs <= lastMs; dayMs += DAY_MS) {
    for (let number = 0; number < count; number++) {
      const key = keys.page(organisation, meter, 'day', dayMs, number);
      for (const cell of core.fold.tables.pages.peek(key)?.cells.values() ?? []) {
        sum.events += cell.count;
        sum.quanta += cell.quanta;
      }
      if (steps.due()) await steps.turn();
    }
  }
  return sum;
}

function addEntry(pairs: Pairs, entry: Entry, sequence: Sequence): void {
  if (entry.kind === 'record') {
    const { orgId, meter, quanta, spend } = entry;
    add(pairs.get(pairKey(orgId, meter)), sequence, 1, quanta);
    if (spend !== undefined) add(pairs.get(pairKey(orgId, SPEND)), sequence, 1, spend.quanta);
  }
  if (entry.kind !== 'ledger') return;
  for (const { kind, value } of entry.writes) {
    if (kind !== CORRECTION) continue;
    const { org_id, meter, quanta, spend } = JSON.parse(value) as CorrectionRecord;
    add(pairs.get(pairKey(org_id, meter)), sequence, -1, -BigInt(quanta));
    if (spend !== undefined) {
      add(pairs.get(pairKey(org_id, SPEND)), sequence, -1, -BigInt(spend.quanta));
    }
  }
}

function add(pair: Pair | undefined, sequence: Sequence, events: number, quanta: Quanta): void {
  if (pair === undefined || sequence > pair.to) return;
  if (sequence > pair.from) pair.moved = true;
  pair.journal.events += events;
  pair.journal.quanta += quanta;
}

/** Only sums and counts have a plain sum. */
function differenceOf({ orgId, meter, totals, journal }: Pair): string[] {
  const adds = meter.aggregation === 'SUM' || meter.aggregation === 'COUNT';
  const isSame = totals.events === journal.events;
  if (isSame && (!adds || totals.quanta === journal.quanta)) return [];
  const said = ({ events, quanta }: Sum) =>
    `${events} ${events === 1 ? 'event' : 'events'}` +
    (adds ? ` (${formatUnits(quanta, meter.scale)})` : '');
  return [
    `organisation "${orgId}", meter ${meter.key}: the journal has ${said(journal)}, ` +
      `the state ${said(totals)}`,
  ];
}
