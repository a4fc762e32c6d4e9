// A small metering server on a real socket: it keeps events by id as the contract says, and breaks
// calls on request. What it takes amiss in a client lands in `violations`.

import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { ErrorInfo, Status } from '../../generated/ts/google/rpc/error_details.js';
import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import {
  type MeteringServiceServer,
  MeteringServiceService,
  type RecordStreamItem,
  type RecordStreamRequest,
  type RecordStreamResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';

export interface Faults {
  /** Streams end UNAVAILABLE at their nth item, which is recorded and not acknowledged. */
  breakStreamsAtItem?: number;
  /** So many streams break; every one where absent. */
  streamsToBreak?: number;
  /** So many calls of Record and RecordBatch record their events and then answer UNAVAILABLE. */
  callsToBreak?: number;
  /** Every call and stream ends with this. */
  refuseAll?: ServiceError;
}

export interface MeteringServer {
  readonly target: string;
  readonly events: ReadonlyMap<string, UsageEvent>;
  readonly calls: { record: number; recordBatch: number; recordStream: number };
  readonly unackedMax: () => number;
  readonly metadata: Metadata[];
  readonly violations: string[];
  readonly close: () => void;
}

export async function openMeteringServer(
  faults: Faults = {},
  address = '127.0.0.1:0',
): Promise<MeteringServer> {
  const ledger = openLedger();
  const stream = openStreamHandler(ledger, faults);
  const calls = { record: 0, recordBatch: 0, recordStream: 0 };
  const metadata: Metadata[] = [];
  let callsToBreak = faults.callsToBreak ?? 0;

  const implementation: Partial<MeteringServiceServer> = {
    record(call, callback) {
      calls.record++;
      metadata.push(call.metadata);
      if (faults.refuseAll !== undefined) return callback(faults.refuseAll);
      const decided = ledger.decide(call.request.event, call.request.enforceQuota);
      if (callsToBreak-- > 0) return callback(failure(status.UNAVAILABLE, 'OVERLOADED'));
      const error = UNARY_ERRORS.get(decided.outcome);
      if (error !== undefined) return callback(error);
      callback(null, { ...decided, plan: '', quotas: [], estimatedAmount: '', currency: '' });
    },
    recordBatch({ request }, callback) {
      calls.recordBatch++;
      if (faults.refuseAll !== undefined) return callback(faults.refuseAll);
      const results = request.events.map((event) => ledger.decide(event, request.enforceQuota));
      if (callsToBreak-- > 0) return callback(failure(status.UNAVAILABLE, 'DRAINING'));
      callback(null, { results });
    },
    recordStream(call) {
      calls.recordStream++;
      metadata.push(call.metadata);
      if (faults.refuseAll !== undefined) return void call.emit('error', faults.refuseAll);
      stream.handle(call);
    },
  };

  const server = new Server();
  server.addService(MeteringServiceService, implementation as MeteringServiceServer);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    target: address.startsWith('unix:') ? address : `127.0.0.1:${port}`,
    events: ledger.events,
    calls,
    unackedMax: stream.unackedMax,
    metadata,
    violations: stream.violations,
    close: () => server.forceShutdown(),
  };
}

type Ledger = ReturnType<typeof openLedger>;

function openLedger() {
  const events = new Map<string, UsageEvent>();
  return {
    events,
    decide(event: UsageEvent | undefined, enforce: boolean): EventResult {
      if (event === undefined) return result(Outcome.OUTCOME_INVALID, '', 'no event');
      const { eventId, meter } = event;
      const known = events.get(`${event.orgId}/${eventId}`);
      if (known !== undefined) {
        const same = bodyOf(known) === bodyOf(event);
        return result(same ? Outcome.OUTCOME_DUPLICATE : Outcome.OUTCOME_CONFLICT, eventId);
      }
      if (meter === 'unknown') return result(Outcome.OUTCOME_UNKNOWN_METER, eventId, 'no meter');
      if (enforce && meter === 'full') return result(Outcome.OUTCOME_DENIED, eventId, 'no room');
      events.set(`${event.orgId}/${eventId}`, event);
      return result(Outcome.OUTCOME_RECORDED, eventId);
    },
  };
}

function openStreamHandler(ledger: Ledger, faults: Faults) {
  const violations: string[] = [];
  let unackedMax = 0;
  let streamsToBreak = faults.streamsToBreak ?? Number.POSITIVE_INFINITY;

  const handle = (call: ServerDuplexStream<RecordStreamRequest, RecordStreamResponse>): void => {
    let enforce: boolean | undefined;
    let last = 0n;
    let unacked: EventResult[] = [];
    let state: 'open' | 'broken' = 'open';

    const acknowledge = (): void => {
      if (state === 'broken' || unacked.length === 0) return;
      const results = unacked.filter(({ outcome }) => outcome !== Outcome.OUTCOME_RECORDED);
      unacked = [];
      call.write({ ackedSequence: last, results });
    };
    const take = ({ clientSequence, event }: RecordStreamItem): void => {
      if (state === 'broken') return;
      if (clientSequence !== last + 1n) violations.push(`${clientSequence} after ${last}`);
      if (event?.eventId === '') violations.push('no event id');
      last = clientSequence;
      unacked.push({ ...ledger.decide(event, enforce ?? false), clientSequence });
      unackedMax = Math.max(unackedMax, unacked.length);
      if (Number(last) === faults.breakStreamsAtItem && streamsToBreak-- > 0) {
        state = 'broken';
        call.emit('error', failure(status.UNAVAILABLE, 'DRAINING'));
      }
      // One acknowledgement for what came in together, as group commit has it.
      if (unacked.length === 1) setImmediate(acknowledge);
    };
    call.on('data', ({ message }: RecordStreamRequest) => {
      if (state === 'broken') return;
      if (message?.$case === 'options') {
        if (enforce !== undefined) violations.push('options twice');
        enforce = message.value.enforceQuota;
        return;
      }
      if (message === undefined || enforce === undefined) {
        violations.push('an item before the options');
        return;
      }
      for (const item of itemsOf(message)) take(item);
    });
    call.on('end', () => {
      acknowledge();
      if (state === 'open') call.end();
    });
  };
  return { handle, violations, unackedMax: () => unackedMax };
}

type Message = Exclude<RecordStreamRequest['message'], undefined | { $case: 'options' }>;

function itemsOf(message: Message): readonly RecordStreamItem[] {
  return message.$case === 'item' ? [message.value] : message.value.items;
}

export function failure(code: status, reason: string): ServiceError {
  const metadata = new Metadata();
  const info = ErrorInfo.encode({ reason, domain: 'tollgate.dev', metadata: new Map() }).finish();
  const details = [
    { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) },
  ];
  const bytes = Status.encode({ code, message: reason, details }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return Object.assign(new Error(reason), { code, details: `told: ${reason}`, metadata });
}

function result(outcome: Outcome, eventId: string, message = ''): EventResult {
  return {
    outcome,
    eventId,
    quantity: '',
    sequence: 0n,
    reason: 0,
    message,
    clientSequence: 0n,
    recordedTime: undefined,
  };
}

/** What Record reports as an error and the other calls as an outcome. */
const UNARY_ERRORS: ReadonlyMap<Outcome, ServiceError> = new Map([
  [Outcome.OUTCOME_UNKNOWN_METER, failure(status.NOT_FOUND, 'METER_UNKNOWN')],
  [Outcome.OUTCOME_CONFLICT, failure(status.ALREADY_EXISTS, 'EVENT_ID_REUSED')],
]);

/** As in the contract, the time is no part of an event's identity. */
function bodyOf({ meter, amount, dimensions }: UsageEvent): string {
  return JSON.stringify([meter, amount, [...dimensions].sort()]);
}
