// Every metric of Tollgate: its name, meaning, labels and buckets. No label holds an organisation,
// a user, a key or anything else that callers choose; the whole exposition stays under 550 series.

import { assert } from '../base/assert.js';
import { type Clock, systemClock } from '../base/clock.js';
import type { DurationMs, EpochMs } from '../base/units.js';
import { type ByListener, openByListener, openLabelled } from './counter-families.js';
import { openEventLoopDelay } from './event-loop-delay.js';
import { type Exposition, makeExposition, type Sample, single } from './exposition.js';
import { type Counter, type Histogram, makeCounters, makeHistogram } from './instruments.js';
import { registerProcessMetrics } from './process-metrics.js';
import { makeRpcMetrics, type RpcRecorder } from './rpc-metrics.js';

export interface MetricsOptions {
  readonly version: string;
  /** When the process began; by default computed from its age. */
  readonly startedMs?: EpochMs;
  readonly clock?: Clock;
}

/** Counters by their names below, and what is not a counter. */
export interface Metrics extends PlainCounters, LabelledCounters, ListenerCounters, Histograms {
  /** At registration time, once per method of the contract. */
  readonly rpc: (method: string) => RpcRecorder;
  /** The one reader of figures that others keep. Before it is set they show no samples. */
  readonly gauges: (read: () => GaugeReadings) => void;
  readonly contentType: string;
  /** The text for a scrape: about 1 ms of processor time. Rejects where the reader throws. */
  readonly render: () => Promise<string>;
  readonly close: () => void;
}

/** Read once per scrape. NaN means not known now: then there is no sample. */
export interface GaugeReadings {
  readonly reservationsOpen: number;
  readonly organisations: number;
  readonly journalBytes: number;
  readonly journalBytesMax: number;
  /** Decided and not yet durable. */
  readonly queueBytes: number;
  readonly waitingReplies: number;
  readonly watchers: number;
  /** Whether this start began an empty data directory. */
  readonly dataCreated: boolean;
  readonly checkpointLagEntries: number;
  readonly residentValues: number;
  readonly indexRuns: PerIndex;
  readonly indexTailEntries: PerIndex;
  readonly diskFreeBytes: number;
  readonly diskReserveBytes: number;
  readonly diskReserveOk: boolean;
  /** Wall clock minus what the monotonic clock makes of it; either sign. */
  readonly clockDisagreementMs: DurationMs;
  /** The kind of a file system that is allowed with a warning (`btrfs`), else empty. */
  readonly filesystemWarning: string;
  /** Deliveries in memory; of one endpoint no more than a bound. */
  readonly deliveriesWaiting: number;
  readonly deliveryOldestMs: DurationMs;
  readonly outboxLagEntries: number;
  readonly closingsFailing: number;
  /** TLS files and an issuer's keys: what they gave before is used. */
  readonly credentialSourcesFailing: number;
}

export interface PerIndex {
  readonly ids: number;
  readonly events: number;
}

type PlainCounters = { readonly [Name in keyof typeof PLAIN_COUNTERS]: Counter };
type LabelledCounters = {
  readonly [Name in keyof typeof LABELLED_COUNTERS]: Readonly<
    Record<(typeof LABELLED_COUNTERS)[Name]['values'][number], Counter>
  >;
};
type ListenerCounters = {
  readonly [Name in keyof typeof LISTENER_COUNTERS]: ByListener<
    (typeof LISTENER_COUNTERS)[Name]['reasons']
  >;
};
type Histograms = {
  readonly [Name in keyof typeof HISTOGRAMS]: Pick<Histogram, 'observe' | 'count'>;
};

export type EventOutcome = (typeof LABELLED_COUNTERS.events.values)[number];
export type ReservationResult = (typeof LABELLED_COUNTERS.reservations.values)[number];

const PLAIN_COUNTERS = {
  duplicates: ['duplicates_total', 'Commands answered with the result of an earlier one.'],
  conflicts: ['conflicts_total', 'Ids used again for something else; nothing was recorded.'],
  softExceeded: ['soft_exceeded_total', 'Events recorded beyond a soft limit.'],
  shadowDenials: ['shadow_denials_total', 'Events a rule in shadow mode would have denied.'],
  lateEvents: ['late_events_total', 'Events of a calendar month (UTC) that is over.'],
  unknownTiers: ['unknown_tiers_total', 'Events with a tier unknown here, counted with factor 1.'],
  defaultedTimes: ['defaulted_times_total', 'Events without a time, given the wall clock.'],
  labelOverflow: ['label_overflow_total', 'Events whose label set was folded into "other".'],
  thresholds: ['thresholds_total', 'Quota thresholds crossed.'],
  journalEntries: ['journal_entries_total', 'Entries made durable.'],
  journalSegments: ['journal_segments_total', 'Segments begun by rotation.'],
  journalTornTails: ['journal_torn_tails_total', 'Unfinished last batches cut off at start.'],
  deadLetters: ['dead_letters_total', 'Deliveries given up.'],
  checkpointValues: ['checkpoint_values_total', 'Values written by checkpoints.'],
} as const;

const LABELLED_COUNTERS = {
  events: {
    name: 'events_total',
    help: 'Events by outcome; all but recorded and duplicate are neither recorded nor billed.',
    label: 'outcome',
    values: [
      'recorded',
      'duplicate',
      'denied',
      'invalid',
      'conflict',
      'too_old',
      'in_future',
      'unknown_meter',
      'label_sets_exhausted',
      'not_applied',
    ],
  },
  denials: {
    name: 'denials_total',
    help: 'Refusals by a hard limit or because the organisation is suspended.',
    label: 'mode',
    values: ['hard', 'suspended'],
  },
  reservations: {
    name: 'reservations_total',
    help: 'Reservations by what became of them.',
    label: 'result',
    values: ['granted', 'denied', 'settled', 'released', 'expired'],
  },
  webhookAttempts: {
    name: 'webhook_attempts_total',
    help: 'Attempts at deliveries by what became of them; a failed one is tried again.',
    label: 'result',
    values: ['delivered', 'failed'],
  },
  credentialsRefused: {
    name: 'credentials_refused_total',
    help: 'Calls without a good credential; overloaded: too many new ones at a time.',
    label: 'reason',
    values: ['missing', 'invalid', 'overloaded'],
  },
} as const;

/** What a face of the server ends by itself, to stay within its bounds; labels listener, reason. */
const LISTENER_COUNTERS = {
  connectionsEnded: {
    name: 'connections_ended_total',
    help: 'Connections that kept us waiting, made room, found none or spoke no HTTP.',
    reasons: {
      grpc: ['evicted', 'no_room', 'slow', 'malformed'],
      http: ['evicted', 'no_room', 'slow', 'malformed', 'pipelining'],
    },
  },
  requestsRefused: {
    name: 'requests_refused_total',
    help: 'Requests cut off or refused for a bound on their size, time or number.',
    reasons: {
      grpc: ['slow', 'compressed', 'metadata_too_large', 'too_many_elements', 'open_service'],
      http: ['body_too_large', 'bodies_too_large'],
    },
  },
} as const;

const RPC_BOUNDS_MS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000];

const HISTOGRAMS = {
  journalSyncMs: {
    name: 'journal_sync_duration_seconds',
    help: 'One sync of the journal to disk.',
    bounds: [...RPC_BOUNDS_MS.slice(0, -1), 500, 1000, 2500, 5000],
    perBaseUnit: 1000,
  },
  journalBatchEntries: {
    name: 'journal_batch_entries',
    help: 'Entries that shared one sync.',
    bounds: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
    perBaseUnit: 1,
  },
  checkpointMs: {
    name: 'checkpoint_duration_seconds',
    help: 'One checkpoint, from its beginning until it is durable.',
    bounds: [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000],
    perBaseUnit: 1000,
  },
} as const;

type ReadSamples = (readings: GaugeReadings) => readonly Sample[];
const GAUGES: readonly (readonly [name: string, help: string, read: ReadSamples])[] = [
  ['reservations_open', 'Open reservations.', (r) => single(r.reservationsOpen)],
  ['organisations', 'Organisations with state here.', (r) => single(r.organisations)],
  ['journal_bytes', 'Journal on disk.', (r) => single(r.journalBytes)],
  ['journal_bytes_max', 'Journal size at which recording ends.', (r) => single(r.journalBytesMax)],
  ['queue_bytes', 'Entries decided and not yet durable.', (r) => single(r.queueBytes)],
  ['waiting_replies', 'Replies that wait for a sync.', (r) => single(r.waitingReplies)],
  ['watchers', 'Streams of live usage.', (r) => single(r.watchers)],
  ['data_created', '1 if this start began empty.', (r) => single(flag(r.dataCreated))],
  ['checkpoint_lag_entries', 'A restart replays these.', (r) => single(r.checkpointLagEntries)],
  ['resident_values', 'Values of the state kept in memory.', (r) => single(r.residentValues)],
  ['index_runs', 'Sorted runs of an index.', (r) => perIndex(r.indexRuns)],
  ['index_tail_entries', 'Not yet in a sorted run.', (r) => perIndex(r.indexTailEntries)],
  ['disk_free_bytes', 'Free on the volume of the data.', (r) => single(r.diskFreeBytes)],
  ['disk_reserve_bytes', 'Kept free; below, no recording.', (r) => single(r.diskReserveBytes)],
  ['disk_reserve_ok', '1 while the reserve is free.', (r) => single(flag(r.diskReserveOk))],
  ['deliveries_waiting', 'Deliveries that wait.', (r) => single(r.deliveriesWaiting)],
  [
    'delivery_oldest_seconds',
    'Age of the oldest delivery that waits.',
    (r) => single(r.deliveryOldestMs / 1000),
  ],
  ['outbox_lag_entries', 'Not yet turned into deliveries.', (r) => single(r.outboxLagEntries)],
  [
    'closings_failing',
    'Organisations whose period could not be closed.',
    (r) => single(r.closingsFailing),
  ],
  [
    'credential_sources_failing',
    'TLS files and key sets that cannot be used as they are now.',
    (r) => single(r.credentialSourcesFailing),
  ],
  [
    'clock_disagreement_seconds',
    'Wall clock minus monotonic clock since the start.',
    (r) => single(r.clockDisagreementMs / 1000),
  ],
  [
    'filesystem_warning',
    '1 on a file system that is allowed with a warning.',
    ({ filesystemWarning: fs }) => (fs === '' ? [] : [{ labels: { fs }, value: 1 }]),
  ],
];

/** 22 series per method and one for each further code: 14 methods leave room for 72. */
const RPC_SERIES_MAX = 380;

export function openMetrics(options: MetricsOptions): Metrics {
  const clock = options.clock ?? systemClock;
  const exposition = makeExposition();
  const counters = openCounters(exposition);
  const histograms = openHistograms(exposition);
  const rpc = openRpc(exposition);
  const delay = openEventLoopDelay(clock);
  registerBuild(exposition, options.version);
  registerDelay(exposition, delay.read);
  registerProcessMetrics(
    exposition,
    options.startedMs ?? Math.round(clock.wallMs() - process.uptime() * 1000),
  );
  let read: (() => GaugeReadings) | undefined;
  let readings: GaugeReadings | undefined;
  for (const [name, help, samples] of GAUGES) {
    exposition.register({
      name: `tollgate_${name}`,
      help,
      type: 'gauge',
      samples: () => (readings === undefined ? [] : samples(readings)),
    });
  }
  return {
    ...counters,
    ...histograms,
    rpc,
    gauges(reader) {
      assert(read === undefined, 'gauges have one reader');
      read = reader;
    },
    contentType: exposition.contentType,
    async render() {
      // All families are read before `render` returns its promise: one consistent reading.
      readings = read?.();
      return exposition.render();
    },
    close: delay.close,
  };
}

function openCounters(exposition: Exposition): PlainCounters & LabelledCounters & ListenerCounters {
  const plain = makeCounters(keysOf(PLAIN_COUNTERS));
  for (const key of keysOf(PLAIN_COUNTERS)) {
    const [name, help] = PLAIN_COUNTERS[key];
    exposition.register({
      name: `tollgate_${name}`,
      help,
      type: 'counter',
      samples: () => single(plain[key].value()),
    });
  }
  return {
    ...plain,
    events: openLabelled(exposition, LABELLED_COUNTERS.events),
    denials: openLabelled(exposition, LABELLED_COUNTERS.denials),
    reservations: openLabelled(exposition, LABELLED_COUNTERS.reservations),
    webhookAttempts: openLabelled(exposition, LABELLED_COUNTERS.webhookAttempts),
    credentialsRefused: openLabelled(exposition, LABELLED_COUNTERS.credentialsRefused),
    connectionsEnded: openByListener(exposition, LISTENER_COUNTERS.connectionsEnded),
    requestsRefused: openByListener(exposition, LISTENER_COUNTERS.requestsRefused),
  };
}

function openHistograms(exposition: Exposition): Histograms {
  const open = (definition: (typeof HISTOGRAMS)[keyof typeof HISTOGRAMS]): Histogram => {
    const histogram = makeHistogram(definition);
    const name = `tollgate_${definition.name}`;
    const samples = () => histogram.samples(name, {});
    exposition.register({ name, help: definition.help, type: 'histogram', samples });
    return histogram;
  };
  return {
    journalSyncMs: open(HISTOGRAMS.journalSyncMs),
    journalBatchEntries: open(HISTOGRAMS.journalBatchEntries),
    checkpointMs: open(HISTOGRAMS.checkpointMs),
  };
}

function openRpc(exposition: Exposition): Metrics['rpc'] {
  const rpc = makeRpcMetrics({ durationBoundsMs: RPC_BOUNDS_MS, seriesMax: RPC_SERIES_MAX });
  exposition.register({
    name: 'tollgate_rpc_total',
    help: 'Calls ended, by status code. A quota denial is an answer with OK.',
    type: 'counter',
    samples: rpc.totals,
  });
  const name = 'tollgate_rpc_duration_seconds';
  exposition.register({
    name,
    help: 'From the request to its answer; a stream, until it ends.',
    type: 'histogram',
    samples: () => rpc.durations(name),
  });
  return rpc.recorder;
}

function registerBuild(exposition: Exposition, version: string): void {
  const labels = { version, node: process.version };
  exposition.register({
    name: 'tollgate_build_info',
    help: 'What runs.',
    type: 'gauge',
    samples: () => [{ labels, value: 1 }],
  });
}

function registerDelay(
  exposition: Exposition,
  read: ReturnType<typeof openEventLoopDelay>['read'],
): void {
  exposition.register({
    name: 'tollgate_event_loop_delay_seconds',
    help: 'Delay of the event loop since the scrape before, over 10 seconds at least.',
    // A gauge must not have the label `quantile`. Sum and count are left out, which is allowed.
    type: 'summary',
    samples() {
      const { median, p99, longest } = read();
      return [
        { labels: { quantile: '0.5' }, value: median },
        { labels: { quantile: '0.99' }, value: p99 },
        { labels: { quantile: '1' }, value: longest },
      ];
    },
  });
}

function perIndex(values: PerIndex): readonly Sample[] {
  return [
    { labels: { index: 'ids' }, value: values.ids },
    { labels: { index: 'events' }, value: values.events },
  ].filter(({ value }) => !Number.isNaN(value));
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[];
}
