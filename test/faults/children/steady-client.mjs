// A good client: unary Records at a steady rate, whatever the answers take, on one connection.
//   ADDRESS: host:port of gRPC.  AUTHORIZATION: its header, or empty.  EVERY_MS: between two calls.
// For each message of the parent it tells, when they are answered, of the calls sent since the one
// before: the p99 of each window of WINDOW_MS, the longest, and what went wrong.

import { connect } from 'node:http2';
import {
  RecordRequest,
  RecordResponse,
} from '../../../dist/esm/generated/ts/tollgate/v1/metering_service.js';

const { ADDRESS, AUTHORIZATION, EVERY_MS, WINDOW_MS } = process.env;
const RECORDED = 1;
const WAIT_MS = 10_000;

const session = connect(`http://${ADDRESS}`);
const headers = {
  ':method': 'POST',
  ':path': '/tollgate.v1.MeteringService/Record',
  'content-type': 'application/grpc',
  te: 'trailers',
  ...(AUTHORIZATION === '' ? {} : { authorization: AUTHORIZATION }),
};
let sent = 0;
let phase = begin();

session.on('error', (error) => phase.failures.push(`the connection: ${error.message}`));
setInterval(call, Number(EVERY_MS));
process.on('message', async () => {
  const over = phase;
  phase = begin();
  const untilMs = performance.now() + WAIT_MS;
  while (over.underWay > 0 && performance.now() < untilMs) {
    await new Promise((done) => setTimeout(done, 5));
  }
  if (over.underWay > 0) over.failures.push(`${over.underWay} calls have no answer`);
  process.send(reportOf(over));
});
process.on('disconnect', () => process.exit());

function begin() {
  return { startedMs: performance.now(), underWay: 0, windows: [], failures: [] };
}

function call() {
  const own = phase;
  const sentMs = performance.now();
  own.underWay++;
  const stream = session.request(headers);
  let status = 'no status';
  const chunks = [];
  const readStatus = (fields) => {
    status = fields['grpc-status'] ?? status;
  };
  stream.on('response', readStatus).on('trailers', readStatus);
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('error', (error) => {
    status = error.message;
  });
  stream.on('close', () => {
    const tookMs = performance.now() - sentMs;
    own.underWay--;
    const window = Math.floor((sentMs - own.startedMs) / Number(WINDOW_MS));
    own.windows[window] ??= [];
    own.windows[window].push(tookMs);
    const outcome = status === '0' ? outcomeIn(Buffer.concat(chunks)) : status;
    if (outcome !== RECORDED) own.failures.push(`${outcome} after ${Math.round(tookMs)} ms`);
  });
  stream.end(message());
}

function message() {
  const event = {
    orgId: 'good',
    eventId: `good-${process.pid}-${sent++}`,
    meter: 'executions',
    amount: { $case: 'quantity', value: '1' },
    eventTime: undefined,
    dimensions: new Map(),
  };
  const request = { event, durability: 0, enforceQuota: false, validateOnly: false };
  const body = RecordRequest.encode(request).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function outcomeIn(bytes) {
  return RecordResponse.decode(bytes.subarray(5)).outcome;
}

function reportOf({ windows, failures }) {
  const sorted = windows
    .map((each) => each.sort((a, b) => a - b))
    .filter(({ length }) => length > 9);
  return {
    calls: windows.reduce((sum, { length }) => sum + length, 0),
    windowsP99Ms: sorted.map((each) => each[Math.ceil(each.length * 0.99) - 1]),
    longestMs: Math.max(0, ...sorted.map((each) => each.at(-1))),
    failures,
  };
}
