// The outbox: durable entries of the journal become deliveries, each notice once for each endpoint
// that takes it, in one transaction with how far the journal was turned. A crash leaves both or
// neither, so nothing is lost, and nothing is made twice.
//
// Without an endpoint nothing is stored: one that is made says from which entry on it is told.

import { Failure } from '../../base/failure.js';
import type { Sequence } from '../../base/units.js';
import type {
  AlertDocument,
  DeliveryRecord,
  OutboxRecord,
  WebhookEndpointRecord,
} from '../../domain/notifications/document.js';
import { firstNeeded, isTold, takes } from '../../domain/notifications/enabled.js';
import { notificationIdOf } from '../../domain/notifications/notice.js';
import { isSameThreshold } from '../../domain/notifications/threshold-notices.js';
import { BOOKKEEPER } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { openPace } from '../../state/index/pace.js';
import { put } from '../change.js';
import type { Core } from '../core.js';
import { DELIVERIES_AT_ONCE, deliveriesOf, madeChanges, readEndpoints } from './fan-out.js';
import { type FromEntry, fromEntry } from './from-entry.js';

export interface Outbox {
  /** Turns what is durable; one at a time. */
  readonly turn: () => Promise<void>;
  /** Notes how far it came, where a start would have to look at much again. */
  readonly close: () => Promise<void>;
}

export interface OutboxOptions {
  /** Of the journal: the same fact of two journals is two notifications. */
  readonly uuid: string;
  /** An organisation has a threshold that is reached and not resolved. */
  readonly onAlert: (orgId: string) => void;
}

/** Entries that are not worth a note of their own at a stop. */
const SLACK = 64;
const START: OutboxRecord = { sequence: 0, part: 0 };

/** What the next transaction will write. */
interface Draft {
  readonly deliveries: DeliveryRecord[];
  readonly alerts: Map<string, OpenAlerts>;
}

/** In deliveries: what is open of an organisation may be as large as ten. */
function weightOf({ deliveries, alerts }: Draft): number {
  return deliveries.length + 10 * alerts.size;
}

interface OpenAlerts {
  readonly stored: Stored<'alerts'> | undefined;
  open: readonly AlertDocument[];
}

export function openOutbox(core: Core, { uuid, onAlert }: OutboxOptions): Outbox {
  const { journal, ledger, notices } = core;
  let stored: Stored<'outbox'> | undefined;
  /** Turned and stored, or nothing was to be stored. */
  let position: OutboxRecord | undefined;
  /** Where a start after a crash would begin. */
  let restartsAt: Sequence = notices.begin;

  async function begin(): Promise<OutboxRecord> {
    stored = await ledger.get('outbox', '', '');
    const turned = stored?.value ?? START;
    const first = firstNeeded(await readEndpoints(core), turned.sequence, notices.begin);
    restartsAt = first;
    return first === turned.sequence ? turned : { sequence: first, part: 0 };
  }

  function moveTo(next: OutboxRecord): void {
    position = next;
    notices.passed(next.sequence);
  }

  /** One that fails leaves the position: the next turn does it again. */
  async function commit(draft: Draft, through: OutboxRecord): Promise<void> {
    const atMs = core.clock.wallMs();
    const alerts = [...draft.alerts].map(([orgId, each]): Change => {
      return put('alerts', orgId, '', each.stored, { open: each.open });
    });
    const changes = [
      ...madeChanges(draft.deliveries),
      ...alerts,
      put('outbox', '', '', stored, through),
    ];
    const common = { atMs, actor: BOOKKEEPER, orgId: '', reason: '' };
    const action = 'deliveries.create';
    const outcome = await ledger.commit({ ...common, action, changes: () => changes });
    if (outcome.kind !== 'committed') {
      position = undefined;
      throw new Failure('OUTBOX_STALE', outcome.kind);
    }
    stored = await ledger.get('outbox', '', '');
    restartsAt = through.sequence;
    moveTo(through);
    for (const delivery of draft.deliveries) core.queues.add(delivery);
    for (const orgId of draft.alerts.keys()) onAlert(orgId);
  }

  async function noteAlert(draft: Draft, orgId: string, alert: AlertDocument): Promise<void> {
    let own = draft.alerts.get(orgId);
    if (own === undefined) {
      const before = await ledger.get('alerts', orgId, '');
      own = { stored: before, open: before?.value.open ?? [] };
      draft.alerts.set(orgId, own);
    }
    const others = own.open.filter((each) => !isSameThreshold(each, alert));
    own.open = [...others, alert].slice(-limits.alertsPerOrg);
  }

  async function draftOne(
    draft: Draft,
    endpoints: readonly WebhookEndpointRecord[],
    { notice, alert }: FromEntry,
    sequence: Sequence,
    id: string,
  ): Promise<void> {
    const told = endpoints.filter((each) => isTold(each, notice.type, sequence));
    draft.deliveries.push(...deliveriesOf(told, id, notice, core.clock.wallMs()));
    if (alert === undefined) return;
    const isWanted = (each: WebhookEndpointRecord) =>
      !each.disabled && takes(each, 'quota.threshold_resolved');
    if (!endpoints.some(isWanted)) return;
    await noteAlert(draft, notice.orgId, { ...alert, notification_id: id });
  }

  async function turnThrough(
    from: OutboxRecord,
    synced: Sequence,
    endpoints: readonly WebhookEndpointRecord[],
  ): Promise<void> {
    const pace = openPace(core.clock, () => limits.sliceMs);
    let draft: Draft = { deliveries: [], alerts: new Map() };
    let { sequence: done, part } = from;
    const flush = async (through: OutboxRecord) => {
      const full = draft;
      draft = { deliveries: [], alerts: new Map() };
      if (weightOf(full) > 0) await commit(full, through);
      else if (through.sequence - restartsAt >= limits.outboxEntries) await commit(full, through);
      else moveTo(through);
    };
    for (;;) {
      const sequence = notices.next(done);
      if (sequence === undefined || sequence > synced || core.draining()) break;
      const { body, crc } = journal.read(sequence);
      const told = fromEntry(journal, decodeEntry(body));
      const first = sequence === done + 1 ? part : 0;
      for (const [i, each] of told.entries()) {
        if (i < first) continue;
        const id = notificationIdOf(`${uuid} ${sequence} ${crc} ${i}`);
        await draftOne(draft, endpoints, each, sequence, id);
        if (weightOf(draft) < DELIVERIES_AT_ONCE) continue;
        await flush({ sequence: sequence - 1, part: i + 1 });
      }
      done = sequence;
      part = 0;
      if (done - restartsAt >= limits.outboxEntries) await flush({ sequence: done, part });
      if (pace.due()) await pace.turn();
    }
    // Between what is noted nothing has anything to tell.
    await flush(core.draining() ? { sequence: done, part } : { sequence: synced, part: 0 });
  }

  return {
    async turn() {
      if (journal.refusal('ordinary') !== undefined) return;
      position ??= await begin();
      // Endpoints that are made after this reading are told of later entries only.
      const synced = journal.syncedSequence();
      const next = notices.next(position.sequence);
      const isQuiet = next === undefined || next > synced;
      if (isQuiet && synced - restartsAt < limits.outboxEntries) {
        moveTo({ sequence: synced, part: 0 });
        return;
      }
      const endpoints = await readEndpoints(core);
      if (endpoints.length > 0) {
        await turnThrough(position, synced, endpoints);
        return;
      }
      restartsAt = synced;
      moveTo({ sequence: synced, part: 0 });
    },
    async close() {
      if (position === undefined || position.sequence - restartsAt < SLACK) return;
      if (journal.refusal('ordinary') !== undefined) return;
      if ((await readEndpoints(core)).length === 0) return;
      await commit({ deliveries: [], alerts: new Map() }, position);
    },
  };
}
