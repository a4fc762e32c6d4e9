// MeteringService: what each RPC needs, and which operation it is.

import type {
  MeteringServiceService,
  RecordBatchRequest,
  RecordStreamItem,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { checkQuota } from '../operations/check-quota.js';
import type { Answer, Core } from '../operations/core.js';
import { estimateUsage } from '../operations/estimate-usage.js';
import { getInvoice } from '../operations/get-invoice.js';
import { getUsage } from '../operations/get-usage.js';
import { listUsageEvents } from '../operations/list-usage-events.js';
import { record } from '../operations/record.js';
import { recordBatch } from '../operations/record-batch.js';
import {
  extendReservation,
  getReservation,
  listReservations,
  release,
} from '../operations/reservations.js';
import { reserve } from '../operations/reserve.js';
import { settle } from '../operations/settle.js';
import { checkDenial, recordDenial, reserveDenial } from './denial.js';
import { type Access, ONE_ORG, type OrgRule, orgIn, type Rpc, type RpcTable } from './rpc.js';

const EVENT = orgIn('event');

/** Of a batch, where it is absent, each event names its own. */
const BATCH: OrgRule<RecordBatchRequest> = {
  ...ONE_ORG,
  *others({ events }) {
    for (const { orgId } of events) yield orgId;
  },
};

/** One event of the stream. */
export const STREAM_ITEM: Access<RecordStreamItem> = { needs: 'usage.write', org: EVENT };

export interface WatchRequest {
  orgId: string;
}

/** Over HTTP only. */
export const WATCH: Access<WatchRequest> = { needs: 'usage.read', org: ONE_ORG };

export const metering: RpcTable<MeteringServiceService> = {
  record: { ...writes(record, EVENT), denial: recordDenial },
  recordBatch: writes(recordBatch, BATCH),
  checkQuota: { ...reads(checkQuota), denial: checkDenial },
  reserve: { ...writes(reserve, ONE_ORG), denial: reserveDenial },
  settle: writes(settle, ONE_ORG),
  release: writes(release, ONE_ORG),
  extendReservation: writes(extendReservation, ONE_ORG),
  getReservation: reads(getReservation),
  listReservations: reads(listReservations),
  estimateUsage: reads(estimateUsage),
  getUsage: reads(getUsage),
  listUsageEvents: reads(listUsageEvents),
  getInvoice: { ...reads(getInvoice), needs: 'billing.read' },
};

type Run<Request, Reply> = (core: Core, request: Request) => Answer<Reply> | Promise<Answer<Reply>>;

function writes<Request, Reply>(
  run: Run<Request, Reply>,
  org: OrgRule<Request>,
): Rpc<Request, Reply> {
  return { kind: 'metering', needs: 'usage.write', org, run };
}

function reads<Request extends { orgId: string }, Reply>(
  run: Run<Request, Reply>,
): Rpc<Request, Reply> {
  return { kind: 'metering', needs: 'usage.read', org: ONE_ORG, run };
}
