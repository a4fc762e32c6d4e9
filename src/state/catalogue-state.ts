// The catalogue and what each organisation is on, as the hot path needs them: compiled from the
// records of the ledger, anew for each transaction that changes them. Immutable: whoever holds one
// sees one consistent set.

import { present } from '../base/assert.js';
import type { EpochMs, Sequence } from '../base/units.js';
import {
  type Catalogue,
  type CatalogueParts,
  compileCatalogue,
  compileOverride,
  type Override,
  type Part,
} from '../domain/plans/catalogue.js';
import type {
  Head,
  MeterDocument,
  PlanDocument,
  PriceListDocument,
  SettingsDocument,
  VersionDocument,
} from '../domain/plans/document.js';
import type { Rule } from '../domain/quota/rule.js';
import { NO_TERMS, type TermsDocument } from '../domain/subscriptions/terms.js';
import type { LedgerWrite } from '../journal/entry.js';
import {
  ALWAYS,
  type CountedSince,
  combinationKey,
  countedSince,
  olderSince,
  type Since,
} from './combinations.js';
import { kindOf, type MeterKind } from './meter-kinds.js';
import { type Records, recordsOf } from './records.js';
import { saveNote } from './save-note.js';
import { keys, type Tables } from './tables.js';

/** Kinds of records that all organisations share. */
const SHARED: ReadonlySet<string> = new Set(['meter', 'price_list', 'plan', 'settings', 'sold']);
const TERMS = 'terms';
const TERMS_REMEMBERED = 50_000;
/** Catalogues of the past that were asked for lately: closings of one day share one. */
const EARLIER_REMEMBERED = 16;

export interface CompiledTerms {
  readonly catalogue: Catalogue;
  readonly document: TermsDocument;
  readonly overrides: readonly Override[];
  /** What organisations without terms of their own are on. */
  readonly isCommon: boolean;
}

export interface CatalogueState {
  readonly catalogue: () => Catalogue | undefined;
  /** The same object until something that it rests on changes. */
  readonly terms: (orgId: string) => CompiledTerms;
  /** As it was right after an entry: every object in its latest version of then. */
  readonly catalogueAsOf: (sequence: Sequence) => Catalogue;
  /** What a meter was in any catalogue that ever was: it can be nothing else. */
  readonly meterKind: (meter: string) => MeterKind | undefined;
  /** Since when a combination is counted for an organisation. */
  readonly countedSince: (orgId: string, meter: string, combination: string) => Since;
  /**
   * After the records of one transaction were written: whether the hot path sees a difference.
   * `isFirst`: nothing was recorded before.
   */
  readonly changed: (
    writes: readonly LedgerWrite[],
    atMs: EpochMs,
    isFirst: boolean,
    sequence: Sequence,
  ) => 'everything' | 'terms' | 'nothing';
}

export function openCatalogueState(tables: Tables, records: Records): CatalogueState {
  const { notes } = tables;
  let since: CountedSince = readMap(notes.get(keys.combinations)?.text);
  const meterKinds = new Map(readMap<MeterKind>(notes.get(keys.meterKinds)?.text));
  const note = notes.get(keys.catalogue);
  const version = note?.version ?? 0;
  let changedSequence: Sequence = Number(note?.text ?? 0);
  const earlier = new Map<Sequence, Catalogue>();
  let catalogue = version === 0 ? undefined : compileCatalogue(partsOf(records), version);
  let known = new Map<string, CompiledTerms>();
  let commonly = catalogue && commonTerms(catalogue);

  function terms(orgId: string): CompiledTerms {
    const remembered = known.get(orgId);
    if (remembered !== undefined) return remembered;
    if (known.size >= TERMS_REMEMBERED) known = new Map();
    const made = compileTerms(orgId) ?? present(commonly, 'the catalogue');
    known.set(orgId, made);
    return made;
  }

  function compileTerms(orgId: string): CompiledTerms | undefined {
    const record = records.get(TERMS, orgId, '');
    if (record === undefined) return undefined;
    const document = JSON.parse(record.value) as TermsDocument;
    const of = present(catalogue, 'the catalogue');
    const overrides = document.overrides.map((each) => compileOverride(each, of.everyMeter));
    return { catalogue: of, document, overrides, isCommon: false };
  }

  function ownSince(orgId: string): CountedSince {
    return readMap(notes.get(keys.combinationsOf(orgId))?.text);
  }

  function sinceOf(orgId: string, meter: string, combination: string): Since | undefined {
    const key = combinationKey(meter, combination);
    // Hot path: who has no terms of its own never had an override.
    if (terms(orgId).isCommon) return since.get(key);
    return olderSince(since.get(key), ownSince(orgId).get(key));
  }

  function catalogueAsOf(sequence: Sequence): Catalogue {
    if (sequence >= changedSequence) return present(catalogue, 'the catalogue');
    const remembered = earlier.get(sequence);
    if (remembered !== undefined) return remembered;
    if (earlier.size >= EARLIER_REMEMBERED) earlier.clear();
    const made = compileAsOf(records, sequence);
    earlier.set(sequence, made);
    return made;
  }

  function applyShared(atMs: EpochMs, isFirst: boolean, sequence: Sequence): void {
    changedSequence = sequence;
    earlier.clear();
    const next = compileCatalogue(partsOf(records), (catalogue?.version ?? 0) + 1);
    const sinceMs = isFirst ? 0 : atMs;
    const change = { atMs: sinceMs, version: next.version };
    since = countedSince([...next.rulesByMeter.values()].flat(), (key) => since.get(key), change);
    for (const meter of next.everyMeter.values()) {
      meterKinds.set(meter.key, kindOf(meter, meterKinds.get(meter.key), sinceMs));
    }
    saveNote(tables, keys.combinations, next.version, JSON.stringify([...since]));
    saveNote(tables, keys.meterKinds, next.version, JSON.stringify([...meterKinds]));
    become(next);
    known = new Map();
    commonly = commonTerms(next);
  }

  function applyTerms(orgIds: readonly string[], atMs: EpochMs, common: CountedSince): void {
    const of = present(catalogue, 'the catalogue');
    become({ ...of, version: of.version + 1 });
    for (const orgId of orgIds) {
      known.delete(orgId);
      const own: Rule[] = terms(orgId).overrides.map(({ rule }) => rule);
      const before = ownSince(orgId);
      if (own.length === 0 && before.size === 0) continue;
      const change = { atMs, version: of.version + 1 };
      const next = countedSince(own, (key) => before.get(key) ?? common.get(key), change);
      const kept = [...before].filter(([key]) => !next.has(key) && since.has(key));
      const text = JSON.stringify([...kept, ...next]);
      saveNote(tables, keys.combinationsOf(orgId), of.version + 1, text);
    }
  }

  function become(next: Catalogue): void {
    catalogue = next;
    saveNote(tables, keys.catalogue, next.version, `${changedSequence}`);
  }

  return {
    catalogue: () => catalogue,
    terms,
    catalogueAsOf,
    meterKind: (meter) => meterKinds.get(meter),
    countedSince: (orgId, meter, combination) => sinceOf(orgId, meter, combination) ?? ALWAYS,
    changed(writes, atMs, isFirst, sequence) {
      const orgIds = writes.filter(({ kind }) => kind === TERMS).map(({ orgId }) => orgId);
      // A rule may leave the plan and become an override in one transaction.
      const before = since;
      const shared = writes.some(({ kind }) => SHARED.has(kind));
      if (shared) applyShared(atMs, isFirst, sequence);
      if (orgIds.length > 0) applyTerms(orgIds, isFirst ? 0 : atMs, before);
      return shared ? 'everything' : orgIds.length > 0 ? 'terms' : 'nothing';
    },
  };
}

/** The catalogue as it was right after an entry. */
export function compileAsOf(records: Records, sequence: Sequence): Catalogue {
  return compileCatalogue(partsOf(records, sequence), sequence);
}

function commonTerms(catalogue: Catalogue): CompiledTerms {
  return { catalogue, document: NO_TERMS, overrides: [], isCommon: true };
}

/** `through`: without what came after that entry. */
function partsOf(records: Records, through: Sequence = Number.MAX_SAFE_INTEGER): CatalogueParts {
  const settings = present(records.get('settings', '', ''), 'the settings of the catalogue');
  return {
    settings: (JSON.parse(settings.value) as Head<SettingsDocument>).document,
    meters: latestOf(versionsOf<MeterDocument>(records, 'meter', through)),
    priceLists: latestOf(versionsOf<PriceListDocument>(records, 'price_list', through)),
    plans: versionsOf<PlanDocument>(records, 'plan', through).map(([, part]) => part),
    sold: new Set([...recordsOf(records, 'sold')].map(({ id }) => id)),
  };
}

type Versions<T> = readonly (readonly [id: string, part: Part<T>])[];

function versionsOf<T>(records: Records, kind: string, through: Sequence): Versions<T> {
  const archived = new Map(
    [...recordsOf<Head<T>>(records, kind)].map(({ id, value }) => [id, value.archived]),
  );
  const versions = [...recordsOf<VersionDocument<T>>(records, `${kind}_version`)];
  return versions.flatMap(({ id, value: { document, version } }) => {
    if (records.sequence(`${kind}_version`, '', id) > through) return [];
    const own = id.slice(0, id.lastIndexOf('@'));
    // What is archived now may have been in use then.
    const ended = through === Number.MAX_SAFE_INTEGER && (archived.get(own) ?? false);
    return [[own, { document, version, archived: ended }] as const];
  });
}

function latestOf<T>(versions: Versions<T>): readonly Part<T>[] {
  const latest = new Map<string, Part<T>>();
  for (const [id, part] of versions) {
    if (part.version > (latest.get(id)?.version ?? 0)) latest.set(id, part);
  }
  return [...latest.values()];
}

function readMap<T>(text: string | undefined): ReadonlyMap<string, T> {
  return new Map(text === undefined ? [] : (JSON.parse(text) as [string, T][]));
}
