// What a start says in the log, and what the journal says while it runs.

import type { CatalogueDocument } from '../domain/plans/document.js';
import type { Core } from '../operations/core.js';
import { importFile } from '../operations/import-file.js';
import type { OpenedState } from '../state/open.js';
import type { Log } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';

/** Of the configuration. */
export interface Starting {
  readonly dataDir: string;
  readonly catalogue: CatalogueDocument;
  readonly catalogueSource: string;
}

export function journalEvents(log: Log, metrics: Metrics, onFatal: (error: Error) => void) {
  return {
    onBatch(entries: number, _bytes: number, syncMs: number) {
      metrics.journalEntries.add(entries);
      metrics.journalBatchEntries.observe(entries);
      metrics.journalSyncMs.observe(syncMs);
    },
    onRotated(number: number) {
      metrics.journalSegments.add();
      log.info('segment_rotated', { segment: number });
    },
    onTrouble: (what: string, error: unknown) => log.warn('journal_trouble', { what, error }),
    onFatal,
  };
}

export function announceState(
  { config, log }: { readonly config: Starting; readonly log: Log },
  metrics: Metrics,
  state: OpenedState,
  leftOpen: boolean,
): void {
  const { identity, created, torn, replayed, rebuilt, journal } = state;
  if (created) {
    log.warn('data_created', {
      uuid: identity.uuid,
      data_dir: config.dataDir,
      hint: 'nothing was there: right on a first start; an unmounted volume looks the same',
    });
  }
  if (torn) {
    metrics.journalTornTails.add();
    log.warn('torn_tail_cut', { after_sequence: journal.lastSequence() });
  }
  if (rebuilt !== '') log.warn('state_rebuilt', { why: rebuilt });
  log.info('journal_open', {
    uuid: identity.uuid,
    incarnation: identity.incarnation,
    epoch: identity.epoch,
    sequence: journal.lastSequence(),
    replayed,
    last_stop: created ? 'none' : leftOpen ? 'unclean' : 'clean',
  });
}

/** The file's catalogue, and what it did. */
export async function importSeed(config: Starting, log: Log, core: Core): Promise<void> {
  const { changed, kept } = await importFile(core, config.catalogue);
  if (changed) log.info('catalogue_changed', { source: config.catalogueSource });
  if (kept.length === 0) return;
  log.warn('catalogue_kept', {
    source: config.catalogueSource,
    objects: kept.slice(0, KEPT_NAMED_MAX),
    count: kept.length,
    hint: 'changed by a call since it was imported: the file does not change it',
  });
}

const KEPT_NAMED_MAX = 20;
