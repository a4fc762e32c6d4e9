// `tollgate replay`: drives a running server from a CSV of usage. Reads the file twice: once to
// check it and to find its end, once to send it.

import { MeteringServiceClient } from '../../../generated/ts/tollgate/v1/metering_service.js';
import { unreachable } from '../../base/assert.js';
import { type Clock, systemClock } from '../../base/clock.js';
import { messageOf } from '../../base/failure.js';
import { isUsage } from '../cli/usage.js';
import { connect, readCredential } from '../remote/target.js';
import { mapAzureLlm } from './azure-llm.js';
import { openCallSender } from './calls.js';
import { mapColumns } from './columns.js';
import { REPLAY_HELP } from './help.js';
import type { RowMapping } from './mapping.js';
import { parseOptions, type ReplayOptions } from './options.js';
import { openPace, wait } from './pace.js';
import { openProgress } from './progress.js';
import { recordBatchCall, recordCall } from './record-calls.js';
import { formatReport, makeReport } from './report.js';
import { readHeader, readRows } from './rows.js';
import type { Sender, SenderOptions } from './sender.js';
import { openStreamSender } from './stream.js';
import { shiftNsOf, surveyRows } from './survey.js';
import { openTally, type Tally } from './tally.js';
import { toTimestamp } from './time.js';

export interface ReplayStreams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Exit code: 0 well, 1 failure, 2 bad usage. Never rejects for trouble of file or server. */
export async function runReplay(
  argv: readonly string[],
  io: ReplayStreams,
  clock: Clock = systemClock,
): Promise<number> {
  try {
    const options = parseOptions(argv);
    if (options === 'help') {
      io.stdout.write(REPLAY_HELP);
      return 0;
    }
    return await replay(options, io, clock);
  } catch (error) {
    io.stderr.write(`replay: ${messageOf(error)}\n`);
    return isUsage(error) ? 2 : 1;
  }
}

async function replay(options: ReplayOptions, io: ReplayStreams, clock: Clock): Promise<number> {
  const { file, target, mode, limit, source } = options;
  const metadata = readCredential(process.env['TOLLGATE_API_KEY_FILE']);
  const header = await readHeader(file);
  const mapping =
    source.format === 'csv' ? mapColumns(source, header) : mapAzureLlm(source, header);
  const client = await connect(MeteringServiceClient, target, options.connectMsMax);
  try {
    const survey = await surveyRows(file, limit, mapping);
    const shiftNs = shiftNsOf(options.shift, survey, clock.wallMs());
    const progress = openProgress(io.stderr, survey.rows * mapping.eventsPerRow, clock);
    const tally = openTally(clock, progress.tell);
    const sender = openSender(options, {
      client,
      metadata,
      enforceQuota: options.enforceQuota,
      retriesMax: options.retriesMax,
      onResent: tally.onResent,
      onDecided(item, decision) {
        tally.onDecided(item, decision);
        progress.onDecided();
      },
    });
    const trouble = await settled(sendRows(options, { mapping, shiftNs, sender, tally, clock }));
    if (trouble !== undefined) progress.tell(messageOf(trouble.error));
    progress.close();
    const report = makeReport({ file, target: target.address, mode, rows: survey.rows }, tally);
    const json = options.output === 'json';
    io.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
    return trouble === undefined && report.failed === 0 ? 0 : 1;
  } finally {
    client.close();
  }
}

interface Sending {
  readonly mapping: RowMapping;
  readonly shiftNs: bigint;
  readonly sender: Sender;
  readonly tally: Tally;
  readonly clock: Clock;
}

async function sendRows(options: ReplayOptions, sending: Sending): Promise<void> {
  const { sender } = sending;
  const trouble = await settled(feed(options, sending));
  // What was handed over is still to be answered, also where the file could not be read on.
  const late = await settled(sender.close());
  if (trouble !== undefined) throw trouble.error;
  if (late !== undefined) throw late.error;
}

async function feed(options: ReplayOptions, sending: Sending): Promise<void> {
  const { mapping, shiftNs, sender, tally, clock } = sending;
  const pace = openPace(options.speed, clock);
  for await (const row of readRows(options.file, options.limit)) {
    const time = mapping.timeOf(row);
    const waitMs = pace.waitMs(time);
    if (waitMs > 0) {
      await sender.flush();
      await wait(waitMs);
    }
    const eventTime = time === undefined ? undefined : toTimestamp(time + shiftNs);
    for (const event of mapping.eventsOf(row, eventTime)) {
      const room = sender.send({ event, row: row.number, startMs: tally.onSent() });
      if (room !== undefined) await room;
    }
  }
}

function openSender(options: ReplayOptions, to: SenderOptions): Sender {
  switch (options.mode) {
    case 'stream':
      return openStreamSender({ ...to, window: options.window });
    case 'batch': {
      const { batchEvents: eventsPerCall, concurrency } = options;
      return openCallSender({ ...to, call: recordBatchCall(to), eventsPerCall, concurrency });
    }
    case 'unary': {
      const { concurrency } = options;
      return openCallSender({ ...to, call: recordCall(to), eventsPerCall: 1, concurrency });
    }
    default:
      return unreachable(options.mode);
  }
}

/** What the promise failed with, or undefined. */
async function settled(promise: Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return { error };
  }
}
