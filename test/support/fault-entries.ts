// Any entry that a journal may hold, for properties.

import fc, { type Arbitrary } from 'fast-check';
import { AGGREGATIONS } from '../../src/domain/metering/meter.js';
import type { CounterChange, Entry, HoldItem, Labels } from '../../src/journal/entry.js';

const text = (maxLength = 40) => fc.string({ unit: 'binary', maxLength });
const time = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const word = fc.nat({ max: 0xffff_ffff });
/** Totals have no bound, so neither have the numbers of an entry. */
const big = fc.oneof(fc.bigInt(), fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }));
const labels: Arbitrary<Labels> = fc.array(fc.tuple(text(), text(300)), { maxLength: 16 });
const aggregation = fc.constantFrom(...AGGREGATIONS);

const change: Arbitrary<CounterChange> = fc.record({
  combination: text(),
  scopeValues: text(),
  windowStartMs: time,
  base: fc.option(big, { nil: undefined }),
  sinceMs: fc.option(time, { nil: undefined }),
  delta: big,
});

const item: Arbitrary<HoldItem> = fc.record({
  meter: text(),
  aggregation,
  scale: fc.nat({ max: 9 }),
  quanta: big,
  requested: big,
  labels,
  counters: fc.array(fc.record({ combination: text(), scopeValues: text(), reserved: big }), {
    maxLength: 4,
  }),
});

const changes = {
  counters: fc.array(change, { maxLength: 4 }),
  thresholds: fc.array(
    fc.record({ ruleKey: text(), percent: fc.nat({ max: 100 }), counter: count, limit: big }),
    { maxLength: 4 },
  ),
};

const record = fc.record({
  kind: fc.constant('record' as const),
  atMs: time,
  orgId: text(),
  eventId: text(128),
  meter: text(),
  aggregation,
  scale: fc.nat({ max: 9 }),
  quanta: big,
  amountText: text(),
  eventTimeMs: time,
  late: fc.boolean(),
  timeDefaulted: fc.boolean(),
  unknownTier: fc.boolean(),
  catalogueVersion: count,
  fingerprint: word,
  labels,
  rollup: labels,
  subject: text(300),
  ...changes,
  reservationId: text(),
  spend: fc.option(fc.record({ quanta: big, ...changes }), { nil: undefined }),
});

const end = fc.record({
  kind: fc.constantFrom('settle' as const, 'release' as const, 'expire' as const),
  atMs: time,
  orgId: text(),
  reservationId: text(),
  fingerprint: word,
  createdMs: time,
  expiresMs: time,
  items: fc.array(item, { maxLength: 3 }),
  late: fc.boolean(),
  settleFingerprint: word,
  settled: fc.array(fc.record({ eventId: text(128), recorded: fc.boolean(), reason: text() }), {
    maxLength: 4,
  }),
});

const ledger = fc.record({
  kind: fc.constant('ledger' as const),
  atMs: time,
  actor: text(),
  source: text(),
  action: text(),
  orgId: text(),
  reason: text(300),
  requestId: text(128),
  fingerprint: word,
  writes: fc.array(
    fc.record({
      kind: text(),
      orgId: text(),
      id: text(),
      version: count,
      previous: count,
      value: text(2000),
    }),
    { maxLength: 5 },
  ),
  chain: text(64),
});

export const entryKinds: Readonly<Record<string, Arbitrary<Entry>>> = {
  ledger,
  catalogue: fc.record({
    kind: fc.constant('catalogue' as const),
    atMs: time,
    version: count,
    document: text(100_000),
  }),
  organisation: fc.record({
    kind: fc.constant('organisation' as const),
    atMs: time,
    orgId: text(),
    number: count,
  }),
  record,
  reserve: fc.record({
    kind: fc.constant('reserve' as const),
    atMs: time,
    orgId: text(),
    reservationId: text(),
    fingerprint: word,
    ttlMs: count,
    items: fc.array(item, { maxLength: 3 }),
  }),
  extend: fc.record({
    kind: fc.constant('extend' as const),
    atMs: time,
    orgId: text(),
    reservationId: text(),
    ttlMs: count,
  }),
  'settle, release and expire': end,
  denials: fc.record({
    kind: fc.constant('denials' as const),
    atMs: time,
    orgId: text(),
    ruleKey: text(),
    shadow: fc.boolean(),
    sinceMs: time,
    count,
  }),
};

export const anyEntry: Arbitrary<Entry> = fc.oneof(...Object.values(entryKinds));
