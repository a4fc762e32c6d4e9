// ListActiveOrganizations: who used something in a range, most events first. Counted from the
// totals, at ragged ends of the range from the event index; each page counts anew.

import type {
  ListActiveOrganizationsRequest,
  ListActiveOrganizationsResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { ActiveOrganization } from '../../../generated/ts/tollgate/v1/overview.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { keys } from '../../state/tables.js';
import type { Answer, Core } from '../core.js';
import { decodePageToken, encodePageToken, pageSizeOf } from '../page.js';
import { createFaults, type Faults, refuseFaults, toTimestamp } from '../parse.js';
import { countEvents, lastEventMs } from './count-events.js';
import { latest, parseRange } from './ranges.js';
import { openRanking } from './ranking.js';
import { scanRecords } from './scan-records.js';
import { openSteps, type Steps } from './steps.js';

/** Of UTC, with the running one. */
const DAYS_DEFAULT = 30;

interface Active {
  readonly events: number;
  readonly orgId: string;
}

interface Counted extends Active {
  readonly displayName: string;
  readonly organisation: number;
}

export async function listActiveOrganizations(
  core: Core,
  request: ListActiveOrganizationsRequest,
): Promise<Answer<ListActiveOrganizationsResponse>> {
  const faults = createFaults();
  const given = parseRange(request, faults);
  const list = `active/${given?.startMs}/${given?.endMs}`;
  const place = placeOf(request.pageToken, list, faults);
  refuseFaults(faults);
  const range = place?.range ?? given ?? latest('DAY', DAYS_DEFAULT, core.clock.wallMs());
  const steps = openSteps(core);
  const order = (a: Active, b: Active) =>
    b.events - a.events || (a.orgId < b.orgId ? -1 : Number(a.orgId > b.orgId));
  const ranking = openRanking<Active, Counted>(pageSizeOf(request.pageSize), order, place?.last);
  let count = 0;
  for await (const counted of eachActive(core, steps, range)) {
    ranking.add(counted);
    count++;
  }
  const organizations: ActiveOrganization[] = [];
  for (const each of ranking.first()) {
    organizations.push(await toActive(core, steps, each, range));
  }
  const last = ranking.first().at(-1);
  const { startMs, endMs } = range;
  const nextPageToken =
    last === undefined || !ranking.isMore()
      ? ''
      : encodePageToken(list, [startMs, endMs, last.events, last.orgId]);
  const reply = { organizations, organizationCount: count, nextPageToken };
  return { reply, after: core.journal.lastSequence() };
}

/** All pages are of one range: the last 30 days are those of the first page. */
function placeOf(token: string, list: string, faults: Faults) {
  const place = decodePageToken(token, list, faults);
  if (place === undefined) return undefined;
  const [startMs, endMs, events, orgId] = place;
  return {
    range: { startMs: Number(startMs), endMs: Number(endMs) },
    last: { events: Number(events), orgId: `${orgId}` },
  };
}

async function* eachActive(core: Core, steps: Steps, range: Interval): AsyncGenerator<Counted> {
  for await (const { id, value } of scanRecords(core, steps, 'organization')) {
    const found = core.fold.tables.organisations.peek(keys.organisation(id));
    if (found === undefined) continue;
    const events = await countEvents(core, steps, found, range);
    if (events === 0) continue;
    yield { orgId: id, displayName: value.display_name, organisation: found.number, events };
  }
}

async function toActive(
  core: Core,
  steps: Steps,
  { orgId, displayName, organisation, events }: Counted,
  range: Interval,
): Promise<ActiveOrganization> {
  const lastMs = await lastEventMs(core, steps, { orgId, number: organisation }, range);
  return {
    orgId,
    displayName,
    plan: core.terms.of(orgId, core.clock.wallMs()).terms.plan.id,
    eventCount: BigInt(events),
    lastEventTime: lastMs === undefined ? undefined : toTimestamp(lastMs),
  };
}
