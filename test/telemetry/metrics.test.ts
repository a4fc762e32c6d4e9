import { afterEach, describe, expect, it } from 'vitest';
import { type GaugeReadings, type Metrics, openMetrics } from '../../src/telemetry/metrics.js';

const METHODS = (
  'Record RecordBatch RecordStream CheckQuota Reserve Settle Release ExtendReservation ' +
  'GetReservation ListReservations EstimateUsage GetUsage ListUsageEvents GetInvoice'
).split(' ');
const GRPC_ENDS = ['evicted', 'no_room', 'slow', 'malformed'];
const READINGS: GaugeReadings = {
  reservationsOpen: 1,
  organisations: 10_000,
  journalBytes: 3,
  journalBytesMax: 4,
  queueBytes: 5,
  waitingReplies: 6,
  watchers: 3,
  dataCreated: true,
  checkpointLagEntries: 7,
  residentValues: 8,
  indexRuns: { ids: 9, events: 10 },
  indexTailEntries: { ids: 11, events: 12 },
  diskFreeBytes: 13,
  diskReserveBytes: 14,
  diskReserveOk: false,
  clockDisagreementMs: -1500,
  filesystemWarning: 'btr"fs',
  deliveriesWaiting: 15,
  deliveryOldestMs: 16_000,
  outboxLagEntries: 17,
  closingsFailing: 18,
  credentialSourcesFailing: 19,
};

const opened: Metrics[] = [];
afterEach(() => {
  for (const metrics of opened.splice(0)) metrics.close();
});

function open(): Metrics {
  const metrics = openMetrics({ version: '1.2.3', startedMs: 1_700_000_000_000 });
  opened.push(metrics);
  return metrics;
}

/** Sample lines as `name{labels}` → value. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => /^[^#]/.test(line));
  const samples = lines.map((line): [string, number] => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))];
  });
  expect(new Set(samples.map(([name]) => name)).size, 'no series twice').toBe(lines.length);
  return new Map(samples);
}

describe('the exposition', () => {
  it('stays under 550 series whatever the calls, and those that appeared stay', async () => {
    const metrics = open();
    metrics.gauges(() => READINGS);
    const recorders = METHODS.map(metrics.rpc);
    const before = await scrape(metrics);
    for (let code = 0; code <= 16; code++) {
      for (const recorder of recorders) recorder.done(code, code);
    }
    const after = await scrape(metrics);
    expect(after.size).toBeLessThan(550);
    expect([...before.keys()].filter((name) => !after.has(name))).toEqual([]);
    expect((await scrape(metrics)).size).toBe(after.size);
    // Nothing is lost by the budget: what has no series of its own is under OTHER.
    const calls = [...after].filter(([name]) => name.startsWith('tollgate_rpc_total{'));
    expect(calls.reduce((sum, [, value]) => sum + value, 0)).toBe(METHODS.length * 17);
  });

  it('has only labels with values from the source, the build or the system', async () => {
    const metrics = open();
    metrics.gauges(() => READINGS);
    metrics.rpc('Record').done(0, 1);
    const labels = [...(await scrape(metrics)).keys()].flatMap((name) =>
      [...name.matchAll(/[{,](\w+)="/g)].map((match) => match[1]),
    );
    expect([...new Set(labels)].sort()).toEqual(
      'code fs index le listener method mode node outcome quantile reason result version'.split(
        ' ',
      ),
    );
  });

  it('shows every outcome at 0 before the first event', async () => {
    const samples = await scrape(open());
    const zero = [
      ...(
        'recorded duplicate denied invalid conflict too_old in_future unknown_meter ' +
        'label_sets_exhausted not_applied'
      )
        .split(' ')
        .map((outcome) => `events_total{outcome="${outcome}"}`),
      ...['hard', 'suspended'].map((mode) => `denials_total{mode="${mode}"}`),
      ...['granted', 'denied', 'settled', 'released', 'expired'].map(
        (result) => `reservations_total{result="${result}"}`,
      ),
      ...['missing', 'invalid', 'overloaded'].map(
        (reason) => `credentials_refused_total{reason="${reason}"}`,
      ),
      ...Object.entries({
        connections_ended: { grpc: GRPC_ENDS, http: [...GRPC_ENDS, 'pipelining'] },
        requests_refused: {
          grpc: ['slow', 'compressed', 'metadata_too_large', 'too_many_elements', 'open_service'],
          http: ['body_too_large', 'bodies_too_large'],
        },
      }).flatMap(([name, listeners]) =>
        Object.entries(listeners).flatMap(([listener, reasons]) =>
          reasons.map((reason) => `${name}_total{listener="${listener}",reason="${reason}"}`),
        ),
      ),
      ...['delivered', 'failed'].map((result) => `webhook_attempts_total{result="${result}"}`),
      ...(
        'duplicates conflicts soft_exceeded shadow_denials late_events unknown_tiers ' +
        'defaulted_times label_overflow thresholds journal_entries journal_segments ' +
        'journal_torn_tails checkpoint_values dead_letters'
      )
        .split(' ')
        .map((name) => `${name}_total`),
      'journal_sync_duration_seconds_count',
      'journal_batch_entries_count',
      'checkpoint_duration_seconds_count',
    ];
    const values = zero.map((name) => [name, samples.get(`tollgate_${name}`)]);
    expect(values).toEqual(zero.map((name) => [name, 0]));
  });

  it('shows what counters have counted', async () => {
    const metrics = open();
    metrics.events.recorded.add();
    metrics.events.recorded.add(999);
    metrics.denials.suspended.add();
    metrics.reservations.expired.add(2);
    metrics.journalEntries.add(2 ** 40);
    const samples = await scrape(metrics);
    expect(samples.get('tollgate_events_total{outcome="recorded"}')).toBe(1000);
    expect(samples.get('tollgate_events_total{outcome="denied"}')).toBe(0);
    expect(samples.get('tollgate_denials_total{mode="suspended"}')).toBe(1);
    expect(samples.get('tollgate_reservations_total{result="expired"}')).toBe(2);
    expect(samples.get('tollgate_journal_entries_total')).toBe(2 ** 40);
    expect(metrics.events.recorded.value()).toBe(1000);
  });

  it('is apart for each one opened', async () => {
    const [one, two] = [open(), open()];
    one.events.recorded.add();
    expect((await scrape(two)).get('tollgate_events_total{outcome="recorded"}')).toBe(0);
  });

  it('names the build and the process', async () => {
    const samples = await scrape(open());
    const build = `tollgate_build_info{version="1.2.3",node="${process.version}"}`;
    expect(samples.get(build)).toBe(1);
    expect(samples.get('process_start_time_seconds')).toBe(1_700_000_000);
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  });
});

describe('calls', () => {
  it('are counted by method and code, faults from 0', async () => {
    const metrics = open();
    const record = metrics.rpc('Record');
    expect(metrics.rpc('Record')).toBe(record);
    record.done(0, 1);
    record.done(8, 1);
    record.done(99, 1);
    record.done(Number.NaN, 1);
    const samples = [...(await scrape(metrics))].filter(([name]) => name.includes('rpc_total'));
    expect(samples).toEqual([
      ['tollgate_rpc_total{method="Record",code="OK"}', 1],
      ['tollgate_rpc_total{method="Record",code="UNKNOWN"}', 2],
      ['tollgate_rpc_total{method="Record",code="RESOURCE_EXHAUSTED"}', 1],
      ['tollgate_rpc_total{method="Record",code="INTERNAL"}', 0],
      ['tollgate_rpc_total{method="Record",code="UNAVAILABLE"}', 0],
      ['tollgate_rpc_total{method="Record",code="DATA_LOSS"}', 0],
    ]);
  });

  it('are timed in seconds', async () => {
    const metrics = open();
    metrics.rpc('Record').done(0, 2);
    const samples = await scrape(metrics);
    const bucket = 'tollgate_rpc_duration_seconds_bucket';
    expect(samples.get(`${bucket}{method="Record",le="0.001"}`)).toBe(0);
    expect(samples.get(`${bucket}{method="Record",le="0.0025"}`)).toBe(1);
    expect(samples.get('tollgate_rpc_duration_seconds_sum{method="Record"}')).toBe(0.002);
  });

  it('of more methods than the budget holds are a bug', () => {
    const metrics = open();
    expect(() => {
      for (let i = 0; i < 100; i++) metrics.rpc(`M${i}`);
    }).toThrow('budget');
  });
});

describe('gauges', () => {
  it('come from one reader, once per scrape, in base units', async () => {
    const metrics = open();
    let reads = 0;
    metrics.gauges(() => {
      reads += 1;
      return READINGS;
    });
    const samples = await scrape(metrics);
    expect(reads).toBe(1);
    expect(() => metrics.gauges(() => READINGS)).toThrow('one reader');
    const shown = [...samples].filter(([name]) => GAUGES.some(([gauge]) => gauge === name));
    expect(new Map(shown)).toEqual(new Map(GAUGES));
  });

  it('show nothing before there is a reader, nor what is not known', async () => {
    const metrics = open();
    expect([...(await scrape(metrics)).keys()]).not.toContain('tollgate_disk_reserve_ok');
    metrics.gauges(() => ({ ...READINGS, diskFreeBytes: Number.NaN, filesystemWarning: '' }));
    const names = [...(await scrape(metrics)).keys()];
    expect(names).toContain('tollgate_disk_reserve_ok');
    expect(names).not.toContain('tollgate_disk_free_bytes');
    expect(names.filter((name) => name.includes('filesystem'))).toEqual([]);
  });

  it('whose reader fails make the scrape fail', async () => {
    const metrics = open();
    metrics.gauges(() => {
      throw new Error('no figures');
    });
    await expect(metrics.render()).rejects.toThrow('no figures');
  });
});

const GAUGES: readonly [string, number][] = [
  ['tollgate_reservations_open', 1],
  ['tollgate_organisations', 10_000],
  ['tollgate_journal_bytes', 3],
  ['tollgate_journal_bytes_max', 4],
  ['tollgate_queue_bytes', 5],
  ['tollgate_waiting_replies', 6],
  ['tollgate_data_created', 1],
  ['tollgate_checkpoint_lag_entries', 7],
  ['tollgate_resident_values', 8],
  ['tollgate_index_runs{index="ids"}', 9],
  ['tollgate_index_runs{index="events"}', 10],
  ['tollgate_index_tail_entries{index="ids"}', 11],
  ['tollgate_index_tail_entries{index="events"}', 12],
  ['tollgate_disk_free_bytes', 13],
  ['tollgate_disk_reserve_bytes', 14],
  ['tollgate_disk_reserve_ok', 0],
  ['tollgate_clock_disagreement_seconds', -1.5],
  ['tollgate_deliveries_waiting', 15],
  ['tollgate_delivery_oldest_seconds', 16],
  ['tollgate_outbox_lag_entries', 17],
  ['tollgate_closings_failing', 18],
  ['tollgate_credential_sources_failing', 19],
  ['tollgate_filesystem_warning{fs="btr\\"fs"}', 1],
];
