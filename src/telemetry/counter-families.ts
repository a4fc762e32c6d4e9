// Families of counters whose every label value is fixed beforehand: all of them stand in the
// exposition from 0.

import type { Exposition, Sample } from './exposition.js';
import { type Counter, makeCounters } from './instruments.js';

/** One counter per value of the one label. */
export function openLabelled<Value extends string>(
  exposition: Exposition,
  family: { name: string; help: string; label: string; values: readonly Value[] },
): Readonly<Record<Value, Counter>> {
  const { name, help, label, values } = family;
  const counters = makeCounters(values);
  exposition.register({
    name: `tollgate_${name}`,
    help,
    type: 'counter',
    samples: () =>
      values.map((value) => ({ labels: { [label]: value }, value: counters[value].value() })),
  });
  return counters;
}

type Reasons = Readonly<Record<string, readonly string[]>>;

/** By listener, and then by the reasons that there are for it. */
export type ByListener<Given extends Reasons> = {
  readonly [Listener in keyof Given]: Readonly<Record<Given[Listener][number], Counter>>;
};

export function openByListener<Given extends Reasons>(
  exposition: Exposition,
  family: { name: string; help: string; reasons: Given },
): ByListener<Given> {
  const { name, help, reasons } = family;
  const counters = Object.entries(reasons).map(
    ([listener, own]) => [listener, makeCounters(own)] as const,
  );
  const samplesOf = ([listener, own]: (typeof counters)[number]): Sample[] =>
    Object.entries(own).map(([reason, counter]) => ({
      labels: { listener, reason },
      value: counter.value(),
    }));
  exposition.register({
    name: `tollgate_${name}`,
    help,
    type: 'counter',
    samples: () => counters.flatMap(samplesOf),
  });
  return Object.fromEntries(counters) as ByListener<Given>;
}
