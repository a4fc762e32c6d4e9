// MeteringService: which operation serves which RPC. Nothing else happens here.

import type { MeteringServiceServer } from '../../generated/ts/tollgate/v1/metering_service.js';
import { checkQuota } from '../operations/check-quota.js';
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
import type { DenyAsError } from './deny-as-error.js';
import { type RecordStreams, recordStreams } from './record-stream.js';
import { type Edge, slowUnary, unary } from './unary.js';

export interface MeteringService {
  readonly handlers: MeteringServiceServer;
  readonly streams: RecordStreams;
}

export function meteringService(edge: Edge, deny: DenyAsError): MeteringService {
  const streams = recordStreams(edge);
  const handlers = {
    record: unary(edge, 'Record', record, deny.record),
    recordBatch: unary(edge, 'RecordBatch', recordBatch),
    recordStream: streams.handler,
    checkQuota: unary(edge, 'CheckQuota', checkQuota, deny.checkQuota),
    reserve: unary(edge, 'Reserve', reserve, deny.reserve),
    settle: unary(edge, 'Settle', settle),
    release: unary(edge, 'Release', release),
    extendReservation: unary(edge, 'ExtendReservation', extendReservation),
    getReservation: unary(edge, 'GetReservation', getReservation),
    listReservations: unary(edge, 'ListReservations', listReservations),
    estimateUsage: unary(edge, 'EstimateUsage', estimateUsage),
    getUsage: slowUnary(edge, 'GetUsage', getUsage),
    listUsageEvents: slowUnary(edge, 'ListUsageEvents', listUsageEvents),
    getInvoice: slowUnary(edge, 'GetInvoice', getInvoice),
  };
  return { handlers, streams };
}
