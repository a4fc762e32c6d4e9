// A threshold that was reached is resolved when a new window opens, when another limit or plan
// clears it, or when its scope was idle for so long that it starts again. None of these is an entry
// of its own: what was told as reached is looked at again and again. A level that falls resolves
// nothing: it would not be raised anew in the same window either.
//
// What is decided here rests on nothing that a crash could take back: the transaction that says so
// stands in the journal behind all that it was decided by.

import type { EpochMs } from '../../base/units.js';
import { labelsOfValues } from '../../domain/metering/dimensions.js';
import type { AlertDocument } from '../../domain/notifications/document.js';
import { takes } from '../../domain/notifications/enabled.js';
import { notificationIdOf } from '../../domain/notifications/notice.js';
import { type Clearing, thresholdResolved } from '../../domain/notifications/threshold-notices.js';
import type { Counted } from '../../domain/quota/counted.js';
import { partsOfCombination } from '../../domain/quota/rule.js';
import { BOOKKEEPER } from '../../journal/entry.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { openPace } from '../../state/index/pace.js';
import { put, remove } from '../change.js';
import type { Core } from '../core.js';
import { type Request, standingAt } from '../evaluate.js';
import { DELIVERIES_AT_ONCE, deliveriesOf, madeChanges, readEndpoints } from './fan-out.js';

export interface Resolving {
  /** Looks at everything that is open; not while the outbox turns. */
  readonly turn: () => Promise<void>;
  /** An organisation has something open. */
  readonly note: (orgId: string) => void;
}

const TYPE = 'quota.threshold_resolved';
const PAGE = 50;

export function openResolving(core: Core): Resolving {
  const open = new Set<string>();
  let filled: string | undefined = '';
  return {
    note: (orgId) => open.add(orgId),
    async turn() {
      const pace = openPace(core.clock, () => limits.sliceMs);
      while (filled !== undefined) {
        const at = filled === '' ? {} : { after: filled };
        const page = await core.ledger.list({
          kind: 'alerts',
          order: 'oldest',
          limit: PAGE,
          ...at,
        });
        for (const { orgId } of page.records) open.add(orgId);
        filled = page.next;
        if (pace.due()) await pace.turn();
      }
      for (const orgId of open) {
        if (core.draining() || core.journal.refusal('ordinary') !== undefined) return;
        if ((await resolve(core, orgId)) === 'none open') open.delete(orgId);
        if (pace.due()) await pace.turn();
      }
    },
  };
}

async function resolve(core: Core, orgId: string): Promise<'none open' | 'some open'> {
  const stored = await core.ledger.get('alerts', orgId, '');
  if (stored === undefined) return 'none open';
  const atMs = core.clock.wallMs();
  const cleared = stored.value.open.flatMap((alert) => {
    const clearing = clearingOf(core, orgId, alert, atMs);
    return clearing === undefined ? [] : [{ alert, clearing }];
  });
  if (cleared.length === 0) return 'some open';
  const endpoints = (await readEndpoints(core)).filter((each) => {
    return !each.disabled && takes(each, TYPE);
  });
  const now = cleared.slice(0, Math.ceil(DELIVERIES_AT_ONCE / Math.max(1, endpoints.length)));
  const left = stored.value.open.filter((each) => now.every(({ alert }) => alert !== each));
  const deliveries = now.flatMap(({ alert, clearing }) => {
    const id = notificationIdOf(`${alert.notification_id} resolved`);
    return deliveriesOf(endpoints, id, thresholdResolved(orgId, alert, clearing, atMs), atMs);
  });
  const changes = [...madeChanges(deliveries), leftChange(orgId, stored, left)];
  const common = { atMs, actor: BOOKKEEPER, orgId, reason: '' };
  const action = 'thresholds.resolve';
  const outcome = await core.ledger.commit({ ...common, action, changes: () => changes });
  // Where something came between, the next turn looks anew.
  if (outcome.kind !== 'committed') return 'some open';
  for (const delivery of deliveries) core.queues.add(delivery);
  return left.length === 0 ? 'none open' : 'some open';
}

function leftChange(
  orgId: string,
  stored: Stored<'alerts'>,
  left: readonly AlertDocument[],
): Change {
  if (left.length === 0) return remove('alerts', stored);
  return put('alerts', orgId, '', stored, { open: left });
}

/** Undefined while it holds. */
function clearingOf(
  core: Core,
  orgId: string,
  alert: AlertDocument,
  nowMs: EpochMs,
): Clearing | undefined {
  const rules = core.terms.of(orgId, nowMs).meter(alert.meter);
  const found = rules.effective.find(({ rule }) => rule.combination === alert.combination);
  if (found === undefined) return 'rule_removed';
  const { rule, place } = found;
  const meter = core.fold.terms(orgId).catalogue.everyMeter.get(alert.meter);
  if (meter === undefined) return 'rule_removed';
  const { scope, match } = partsOfCombination(alert.combination);
  const request: Request = {
    orgId,
    account: core.fold.account(orgId),
    meter,
    dimensions: new Map([...match, ...labelsOfValues(scope, alert.scope_values)]),
    nowMs,
    quanta: 0n,
    isDelta: true,
    eventTimeMs: undefined,
    subject: '',
    pending: undefined,
  };
  const standing = standingAt(core, request, rules.counted[place] as Counted, nowMs);
  if (standing.startMs > alert.window_start_ms) return 'new_window';
  // Usage of a window that has not begun is ahead of its time.
  if (standing.startMs < alert.window_start_ms) return undefined;
  if (rule.limit === undefined) return 'limit_changed';
  const isOther = rule.limit !== BigInt(alert.limit);
  const startsAgain = standing.base !== undefined && rule.scope.length > 0;
  if (!isOther && !startsAgain) return undefined;
  if (standing.used * 100n >= rule.limit * BigInt(alert.percent)) return undefined;
  return isOther ? 'limit_changed' : 'idle';
}
