// ListQuotaPressure: counters of rules with a limit, by the part of it that is used, over all
// organisations. Each page looks at all of them anew.

import type {
  ListQuotaPressureRequest,
  ListQuotaPressureResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { QuotaPressure } from '../../../generated/ts/tollgate/v1/overview.js';
import type { Dimensions } from '../../domain/metering/dimensions.js';
import type { RuleState } from '../../domain/quota/decide.js';
import { type Answer, type Core, catalogueOf } from '../core.js';
import { stateNow } from '../matching-states.js';
import { decodePageToken, encodePageToken, pageSizeOf } from '../page.js';
import { checkMeter, createFaults, type Faults, refuseFaults } from '../parse.js';
import { toStatus } from '../quota-status.js';
import { percentText, usedHundredths } from './percent.js';
import { openRanking } from './ranking.js';
import { scanRecords } from './scan-records.js';
import { labelsOfScope, openScopes, type Scopes } from './scopes.js';
import { openSteps, type Steps } from './steps.js';

const PERCENT_DEFAULT = 80;
const PERCENT_MAX = 1000;

interface Place {
  /** Of a percent of the limit. */
  readonly hundredths: bigint;
  readonly orgId: string;
  /** Key of the rule, and what tells its counter from others. */
  readonly counter: string;
}

interface Pressed extends Place {
  readonly displayName: string;
  readonly state: RuleState;
  readonly dimensions: Dimensions;
}

export async function listQuotaPressure(
  core: Core,
  request: ListQuotaPressureRequest,
): Promise<Answer<ListQuotaPressureResponse>> {
  const faults = createFaults();
  const { meter, minPercent = PERCENT_DEFAULT } = request;
  if (meter !== '') checkMeter(meter, 'meter', faults);
  if (minPercent < 0 || minPercent > PERCENT_MAX) {
    faults.add('min_percent', `must be 0 to ${PERCENT_MAX}`);
  }
  const list = `pressure/${minPercent}/${meter}`;
  const after = placeOf(request.pageToken, list, faults);
  refuseFaults(faults);
  const ranking = openRanking<Place, Pressed>(pageSizeOf(request.pageSize), order, after);
  const scan = {
    core,
    steps: openSteps(core),
    only: meter,
    leastHundredths: BigInt(minPercent) * 100n,
  };
  const scopes = openScopes(core, scan.steps);
  for await (const { id, value } of scanRecords(core, scan.steps, 'organization')) {
    for await (const pressed of eachPressed(scan, scopes, id, value.display_name)) {
      ranking.add(pressed);
    }
  }
  const last = ranking.first().at(-1);
  const nextPageToken =
    last === undefined || !ranking.isMore()
      ? ''
      : encodePageToken(list, [`${last.hundredths}`, last.orgId, last.counter]);
  const reply = { quotas: ranking.first().map(toPressure), nextPageToken };
  return { reply, after: core.journal.lastSequence() };
}

function order(a: Place, b: Place): number {
  if (a.hundredths !== b.hundredths) return a.hundredths > b.hundredths ? -1 : 1;
  return compare(a.orgId, b.orgId) || compare(a.counter, b.counter);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function placeOf(token: string, list: string, faults: Faults): Place | undefined {
  const place = decodePageToken(token, list, faults);
  if (place === undefined) return undefined;
  const [hundredths, orgId, counter] = place.map(String);
  if (!/^\d{1,40}$/.test(hundredths ?? '')) faults.add('page_token', 'is not one of this list');
  refuseFaults(faults);
  return { hundredths: BigInt(hundredths ?? 0), orgId: orgId ?? '', counter: counter ?? '' };
}

interface Scan {
  readonly core: Core;
  readonly steps: Steps;
  /** Key of a meter, or '' for all. */
  readonly only: string;
  readonly leastHundredths: bigint;
}

async function* eachPressed(
  { core, steps, only, leastHundredths }: Scan,
  scopes: Scopes,
  orgId: string,
  displayName: string,
): AsyncGenerator<Pressed> {
  const terms = core.terms.of(orgId, core.clock.wallMs());
  for (const key of terms.meters()) {
    const meter = catalogueOf(core).everyMeter.get(key);
    if (meter === undefined || (only !== '' && key !== only)) continue;
    for (const effective of terms.meter(key).effective) {
      const { rule } = effective;
      const { limit } = rule;
      if (limit === undefined) continue;
      for await (const scope of scopes.of(orgId, meter, rule, leastHundredths)) {
        const dimensions = labelsOfScope(rule, scope);
        const state = stateNow(core, orgId, meter, effective, dimensions);
        const hundredths = usedHundredths(state.used, limit);
        if (hundredths < leastHundredths) continue;
        const counter = [rule.key, key, rule.combination, scope].join('\u0004');
        yield { hundredths, orgId, counter, displayName, state, dimensions };
      }
      if (steps.due()) await steps.turn();
    }
  }
}

function toPressure(pressed: Pressed): QuotaPressure {
  const { orgId, displayName, hundredths, state, dimensions } = pressed;
  return {
    orgId,
    displayName,
    usedPercent: percentText(hundredths),
    status: toStatus(state, dimensions, 'recorded'),
  };
}
