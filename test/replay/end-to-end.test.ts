import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sharedFile } from '../support/shared-files.js';
import {
  type Faults,
  failure,
  type MeteringServer,
  openMeteringServer,
} from './metering-server.js';
import { NOW_MS, openFolder, run } from './replay-run.js';

const MODES = ['stream', 'batch', 'unary'] as const;
const TRACE = sharedFile('llm-traces/AzureLLMInferenceTrace_code.csv');

const folder = openFolder();
let server: MeteringServer;

async function serve(faults: Faults = {}, address?: string): Promise<string> {
  server.close();
  server = await openMeteringServer(faults, address);
  return server.target;
}

/** A trace of `rows` requests, one second apart, the last one at 18:00. */
function azureTrace(rows: number): string {
  const end = Date.UTC(2023, 10, 16, 18);
  const lines = Array.from({ length: rows }, (_, index) => {
    const at = new Date(end - (rows - 1 - index) * 1000).toISOString();
    return `${at.slice(0, 10)} ${at.slice(11, 19)}.0000000,${index + 1},${index}`;
  });
  return folder.write(
    'azure.csv',
    `TIMESTAMP,ContextTokens,GeneratedTokens\r\n${lines.join('\r\n')}`,
  );
}

function replayAzure(rows: number, target: string, ...flags: string[]) {
  return run(azureTrace(rows), '--format', 'azure-llm', '--target', target, '--json', ...flags);
}

/** Seconds of event time, in the order of recording, each once. */
function recordedSeconds(): number[] {
  const times = [...server.events.values()].map((event) => Number(event.eventTime?.seconds));
  return [...new Set(times)];
}

beforeEach(async () => {
  vi.stubEnv('TOLLGATE_API_KEY_FILE', '');
  server = await openMeteringServer();
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
  expect(server.violations).toEqual([]);
});
afterAll(() => folder.close());

describe.each(MODES)('in %s mode', (mode) => {
  test('records every event, and a replay with another shift gives duplicates', async () => {
    const first = await replayAzure(300, server.target, '--mode', mode);
    expect(first.stderr).toBe('');
    expect(first.exitCode).toBe(0);
    const none = { duplicates: 0, denied: 0, failed: 0, resent: 0 };
    expect(JSON.parse(first.stdout)).toMatchObject({
      ...{ ...none, mode, rows: 300, sent: 600, recorded: 600, unanswered: 0, refused: {} },
    });
    expect(server.events.size).toBe(600);
    expect([...server.events.values()].filter((event) => event.orgId === 'org-003')).toHaveLength(
      60,
    );

    const second = await replayAzure(300, server.target, '--mode', mode, '--shift-time', 'now');
    expect(second.exitCode).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ recorded: 0, duplicates: 600, failed: 0 });
    expect(server.events.size).toBe(600);
  });

  test('sends again after UNAVAILABLE, and nothing counts twice', async () => {
    const faults = { breakStreamsAtItem: 40, streamsToBreak: 2, callsToBreak: 2 };
    const target = await serve(faults);
    const flags = mode === 'batch' ? ['--batch-size', '50'] : [];
    const { exitCode, stdout } = await replayAzure(100, target, '--mode', mode, ...flags);
    const report = JSON.parse(stdout);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ sent: 200, failed: 0 });
    expect(report.recorded + report.duplicates).toBe(200);
    expect(report.resent).toBeGreaterThan(0);
    expect(server.events.size).toBe(200);
  });

  test('exits 1 when the retries are used up', async () => {
    const target = await serve({ refuseAll: failure(status.UNAVAILABLE, 'NOT_READY') });
    const flags = ['--mode', mode, '--retries', '1'];
    const { exitCode, stdout, stderr } = await replayAzure(5, target, ...flags);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'replay: the call failed with UNAVAILABLE (NOT_READY) after 1 retries without progress',
    );
    const report = JSON.parse(stdout);
    expect(report.sent).toBeGreaterThan(0);
    expect(report).toMatchObject({ failed: report.sent, unanswered: report.sent });
  });

  test('gives up at once where a retry cannot help', async () => {
    const target = await serve({
      refuseAll: failure(status.UNAUTHENTICATED, 'CREDENTIAL_MISSING'),
    });
    const { exitCode, stdout, stderr } = await replayAzure(5, target, '--mode', mode);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'replay: the call failed with UNAUTHENTICATED (CREDENTIAL_MISSING): ' +
        'told: CREDENTIAL_MISSING\n',
    );
    expect(JSON.parse(stdout)).toMatchObject({ recorded: 0, resent: 0 });
  });

  test('counts outcomes apart, and tells the first refused ones', async () => {
    const rows = ['a,ok', 'b,full', 'c,unknown', 'd,unknown', 'a,ok', 'b,other', 'a,other'];
    const file = folder.write('outcomes.csv', `id,meter\n${rows.join('\n')}\n`);
    const columns = ['--org', 'o', '--meter-column', 'meter', '--event-id-column', 'id'];
    const flags = ['--target', server.target, '--mode', mode, '--enforce-quota', '--json'];
    const order = mode === 'unary' ? ['--concurrency', '1'] : [];
    const { exitCode, stdout, stderr } = await run(file, ...columns, ...flags, ...order);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ sent: 7, recorded: 2, duplicates: 1, denied: 1, failed: 3, unanswered: 0 },
      refused: { unknown_meter: 2, conflict: 1 },
    });
    expect(stderr).toContain('replay: row 3, event c: unknown_meter: ');
    expect(stderr).toContain('replay: row 7, event a: conflict: ');
  });
});

describe('the stream', () => {
  test('is never ahead of its acknowledgements by more than the window', async () => {
    const { exitCode } = await replayAzure(200, server.target, '--window', '7');
    expect(exitCode).toBe(0);
    expect(server.unackedMax()).toBeLessThanOrEqual(7);
  });

  test('goes on for any number of breaks as long as each stream makes progress', async () => {
    const target = await serve({ breakStreamsAtItem: 30 });
    const flags = ['--window', '20', '--retries', '1'];
    const { exitCode, stdout } = await replayAzure(50, target, ...flags);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sent: 100, failed: 0 });
    expect(server.calls.recordStream).toBeGreaterThan(2);
    expect(server.events.size).toBe(100);
  });

  test('carries the credential', async () => {
    vi.stubEnv('TOLLGATE_API_KEY_FILE', folder.write('key', 'tg_abc\n'));
    await replayAzure(1, server.target);
    expect(server.metadata[0]?.get('authorization')).toEqual(['Bearer tg_abc']);
  });

  test('goes to a Unix socket', async () => {
    const target = await serve({}, `unix://${folder.path('socket')}`);
    const { exitCode, stdout } = await replayAzure(3, target);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ recorded: 6 });
  });
});

describe('the batches', () => {
  test('are as large as asked for, the last one smaller', async () => {
    const { exitCode } = await replayAzure(
      50,
      server.target,
      '--mode',
      'batch',
      '--batch-size',
      '30',
    );
    expect(exitCode).toBe(0);
    expect(server.calls.recordBatch).toBe(4);
  });

  test('stay below the bound of a message, whatever their events weigh', async () => {
    const labels = Array.from({ length: 16 }, (_, index) => `${index}=${'é'.repeat(256)}`);
    const flags = labels.flatMap((label) => ['--dimension', label]);
    const batches = ['--mode', 'batch', '--batch-size', '1000'];
    const { exitCode } = await replayAzure(500, server.target, ...batches, ...flags);
    expect(exitCode).toBe(0);
    expect(server.events.size).toBe(1000);
  });
});

describe('the time', () => {
  const END = Date.UTC(2023, 10, 16, 18) / 1000;

  test.each<[what: string, flags: string[], rows: number, seconds: number[]]>([
    ['stays as it is without a shift', [], 3, [END - 2, END - 1, END]],
    ['ends now', ['--shift-time', 'now'], 3, [NOW_MS / 1000 - 2, NOW_MS / 1000 - 1, NOW_MS / 1000]],
    [
      'ends at the moment asked for',
      ['--shift-time', '2026-01-31T12:00:00+01:00'],
      3,
      [1_769_857_198, 1_769_857_199, 1_769_857_200],
    ],
    [
      'ends now with the last row that is sent',
      ['--shift-time', 'now', '--limit', '2'],
      5,
      [NOW_MS / 1000 - 1, NOW_MS / 1000],
    ],
    ['keeps its order at a factor of real time', ['--speed', '1000'], 3, [END - 2, END - 1, END]],
  ])('%s', async (_what, flags, rows, seconds) => {
    const { exitCode } = await replayAzure(rows, server.target, ...flags);
    expect(exitCode).toBe(0);
    expect(recordedSeconds()).toEqual(seconds);
  });

  test('is moved to the nanosecond, by what the last row says and not by the latest', async () => {
    const file = folder.write('times.csv', 'at\n5.000000002\n9\n6.5\n');
    const columns = ['--org', 'o', '--meter', 'm', '--time-column', 'at'];
    await run(file, ...columns, '--target', server.target, '--shift-time', '2026-01-01T00:00:00Z');
    expect([...server.events.values()].map((event) => event.eventTime)).toEqual([
      { seconds: 1_767_225_598n, nanos: 500_000_002 },
      { seconds: 1_767_225_602n, nanos: 500_000_000 },
      { seconds: 1_767_225_600n, nanos: 0 },
    ]);
  });
});

describe('a malformed file', () => {
  test.each([
    [
      'a row with too few fields',
      'at,n\n5,1\n6\n',
      'row 2 (line 3): 1 fields where the header has 2',
    ],
    ['a time that is none', 'at,n\n5,1\nsix,1\n', 'row 2 (line 3): column "at": "six" is no time'],
    ['an open quote', 'at,n\n5,1\n6,"1\n', 'line 3: a quote is not closed'],
  ])('with %s is refused before anything is sent', async (_what, text, message) => {
    const file = folder.write('malformed.csv', text);
    const columns = ['--org', 'o', '--meter', 'm', '--time-column', 'at'];
    const { exitCode, stdout, stderr } = await run(file, ...columns, '--target', server.target);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(server.events.size).toBe(0);
  });

  test('without rows sends nothing and is no failure', async () => {
    const file = folder.write('header.csv', 'at,n');
    const flags = ['--org', 'o', '--meter', 'm', '--time-column', 'at', '--shift-time', 'now'];
    const { exitCode, stdout } = await run(file, ...flags, '--target', server.target, '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 0, sent: 0, events_per_second: 0 });
  });
});

test('the final table is for people without --json', async () => {
  const file = azureTrace(2);
  const { stdout } = await run(file, '--format', 'azure-llm', '--target', server.target);
  const labels = stdout.split('\n').map((line) => line.split('  ')[0]);
  expect(labels).toEqual([
    ...['rows', 'sent', 'recorded', 'duplicates', 'denied', 'failed', 'seconds', 'events/s'],
    ...['latency p50 ms', 'latency p90 ms', 'latency p99 ms', 'latency max ms', ''],
  ]);
});

test.skipIf(TRACE.absent)(
  `the whole of the Azure trace is replayed, its totals exact${TRACE.note}`,
  async () => {
    const flags = ['--format', 'azure-llm', '--shift-time', 'now', '--json'];
    const { exitCode, stdout } = await run(TRACE.path, '--target', server.target, ...flags);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 8819, sent: 17_638, recorded: 17_638 });
    const totals = new Map<string, bigint>();
    for (const { meter, amount } of server.events.values()) {
      const quantity = BigInt(amount?.$case === 'quantity' ? amount.value : 0);
      totals.set(meter, (totals.get(meter) ?? 0n) + quantity);
    }
    expect(Object.fromEntries(totals)).toEqual({
      input_tokens: 18_059_974n,
      output_tokens: 245_896n,
    });
  },
);
