// Finding the values of an organisation: through what its account remembers, else by key in the
// tables. Reads, but for what has to exist before it can be changed.

import {
  ACCOUNTS_REMEMBERED,
  type Account,
  LABEL_SETS_REMEMBERED,
  type MeterAccount,
} from './account.js';
import { emptyCounter } from './counter.js';
import { kept } from './kept.js';
import { keys, type Tables } from './tables.js';
import type { Counter, LabelSet, Levels, Series } from './values.js';

export interface Accounts {
  /** Undefined for an organisation that no entry has named. */
  readonly account: (orgId: string) => Account | undefined;
  /** To read: undefined where the organisation never used the meter. */
  readonly series: (account: Account, meter: string) => Series | undefined;
  /** The meter's part of an account, made where it is new. */
  readonly meterAccount: (account: Account, meter: string) => MeterAccount;
  readonly counter: (
    account: Account,
    meter: string,
    combination: string,
    scopeValues: string,
  ) => Counter | undefined;
  /** The same before a change: made where it is new. */
  readonly counterToChange: (
    account: Account,
    meter: string,
    combination: string,
    scopeValues: string,
  ) => Counter;
  readonly labelSet: (account: Account, meter: string, text: string) => LabelSet | undefined;
  readonly levels: (account: Account, meter: string) => Levels | undefined;
}

export function openAccounts(tables: Tables): Accounts {
  const accounts = new Map<string, Account>();
  // An event asks for the same meter of the same account half a dozen times.
  let lastAccount: Account | undefined;
  let lastMeter = '';
  let lastFound: MeterAccount | undefined;

  // What left the tables would stay in memory here.
  tables.whenSwept(() => {
    for (const [orgId, { organisation, meters }] of accounts) {
      if (!organisation.live) accounts.delete(orgId);
      else for (const [meter, { series }] of meters) if (!series.live) meters.delete(meter);
    }
    lastAccount = undefined;
    lastFound = undefined;
  });

  function remembered(of: Account, meter: string): MeterAccount | undefined {
    if (of === lastAccount && meter === lastMeter) return lastFound;
    lastAccount = of;
    lastMeter = meter;
    lastFound = of.meters.get(meter);
    return lastFound;
  }

  function account(orgId: string): Account | undefined {
    const known = accounts.get(orgId);
    if (known?.organisation.live) {
      known.organisation.used = true;
      return known;
    }
    const organisation = tables.organisations.get(keys.organisation(orgId));
    if (organisation === undefined) return undefined;
    if (accounts.size >= ACCOUNTS_REMEMBERED) accounts.clear();
    const made: Account = { organisation, meters: new Map() };
    accounts.set(orgId, made);
    return made;
  }

  function series(of: Account, meter: string): Series | undefined {
    const known = of.meters.get(meter)?.series;
    const found = known?.live
      ? known
      : tables.series.get(keys.series(of.organisation.number, meter));
    return found === undefined || found.lastMs === 0 ? undefined : found;
  }

  function meterAccount(of: Account, meter: string): MeterAccount {
    const known = remembered(of, meter);
    if (known?.series.live) {
      known.series.used = true;
      return known;
    }
    const { number } = of.organisation;
    const key = keys.series(number, meter);
    const series =
      tables.series.get(key) ??
      tables.series.add({
        key,
        ...kept(),
        organisation: number,
        meter,
        labelSets: 0,
        monthMs: 0,
        labelSetsInMonth: 0,
        firstMs: Number.MAX_SAFE_INTEGER,
        lastMs: 0,
      });
    const made: MeterAccount = {
      series,
      combinations: [],
      counters: [],
      labelSets: new Map(),
      day: undefined,
      quarter: undefined,
      levels: undefined,
      changes: 0,
      positions: undefined,
    };
    of.meters.set(meter, made);
    lastAccount = undefined;
    return made;
  }

  function counter(
    of: Account,
    meter: string,
    combination: string,
    scopeValues: string,
  ): Counter | undefined {
    const at = scopeValues === '' ? remembered(of, meter) : undefined;
    const place = at === undefined ? -1 : at.combinations.indexOf(combination);
    const known = at?.counters[place];
    if (known?.live) {
      known.used = true;
      return known;
    }
    const key = keys.counter(of.organisation.number, meter, combination, scopeValues);
    const found = tables.counters.get(key);
    if (found !== undefined && at !== undefined) {
      const to = place < 0 ? at.combinations.push(combination) - 1 : place;
      at.counters[to] = found;
    }
    return found;
  }

  function counterToChange(
    of: Account,
    meter: string,
    combination: string,
    scopeValues: string,
  ): Counter {
    const found = counter(of, meter, combination, scopeValues);
    if (found !== undefined) {
      tables.counters.touch(found);
      return found;
    }
    const key = keys.counter(of.organisation.number, meter, combination, scopeValues);
    return tables.counters.add(emptyCounter(key));
  }

  function labelSet(of: Account, meter: string, text: string): LabelSet | undefined {
    const sets = remembered(of, meter)?.labelSets;
    const known = sets?.get(text);
    if (known?.live) {
      known.used = true;
      return known;
    }
    const found = tables.labelSets.get(keys.labelSet(of.organisation.number, meter, text));
    if (found !== undefined && sets !== undefined) {
      if (sets.size >= LABEL_SETS_REMEMBERED) sets.clear();
      sets.set(text, found);
    }
    return found;
  }

  function levels(of: Account, meter: string): Levels | undefined {
    return tables.levels.get(keys.levels(of.organisation.number, meter));
  }

  return { account, series, meterAccount, counter, counterToChange, labelSet, levels };
}
