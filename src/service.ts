// The composition root: opens everything in dependency order and closes it in reverse. Nothing else
// knows the whole.

import { type Access, openAccess } from './access/access.js';
import { type Clock, systemClock } from './base/clock.js';
import { closeInReverse, once } from './base/closers.js';
import { Failure } from './base/failure.js';
import { openIdSource } from './base/ids.js';
import { MINUTE_MS, type MonotonicMs } from './base/units.js';
import type { Config } from './config.js';
import { rememberingInterval } from './domain/metering/calendar.js';
import { type FileRegistry, readContract } from './http/bindings.js';
import { type Files, realFiles } from './journal/files.js';
import { type Lock, takeLock } from './journal/lock.js';
import { openEmbeddedLedger } from './ledger/embedded.js';
import { limits } from './limits.js';
import { openAccessDenials, writeAccessDenials } from './operations/access/access-denials.js';
import { openKeyChanges } from './operations/access/key-changes.js';
import { openDues } from './operations/billing/dues.js';
import { LOCAL } from './operations/caller.js';
import type { Core } from './operations/core.js';
import { openDenials } from './operations/denials.js';
import { openHolders } from './operations/holders.js';
import { openNotices } from './operations/notifications/notices.js';
import { openQueues } from './operations/notifications/queues.js';
import { openTermsBook } from './operations/rules.js';
import { openWatchers } from './operations/watchers.js';
import {
  type Addresses,
  areAddressesPublished,
  instanceOf,
  publishAddresses,
  withdrawAddresses,
} from './ops/addresses.js';
import { announceState, importSeed, journalEvents } from './ops/announce.js';
import { ensureBootstrapKey } from './ops/bootstrap-key.js';
import { namingHolder } from './ops/cli/locked.js';
import { version } from './ops/cli/version.js';
import { openCredentialSources } from './ops/credential-sources.js';
import { makeDataDirectory } from './ops/data-directory.js';
import { endProcess } from './ops/end-process.js';
import { fitFilesystem } from './ops/fit-filesystem.js';
import { gaugesOf } from './ops/gauges.js';
import { type Listeners, openListeners } from './ops/listeners.js';
import { hostPort, type OpsServer, openOpsServer } from './ops/ops-server.js';
import { openSystemStatus, type WatchedStatus } from './ops/system-status.js';
import { checkpointTurn } from './pumps/checkpoint.js';
import { closeInvoicesTurn } from './pumps/close-invoices.js';
import { collectGarbageTurn } from './pumps/collect-garbage.js';
import { expireReservations } from './pumps/expire-reservations.js';
import { startNotifying } from './pumps/notify.js';
import { pruneIdsTurn } from './pumps/prune-ids.js';
import { type Pump, startPump } from './pumps/pump.js';
import { summariseDenials } from './pumps/summarise-denials.js';
import { type Machine, watchMachine } from './pumps/watch-machine.js';
import type { Edge } from './rpc/edge.js';
import { type OpenedState, openState } from './state/open.js';
import { setAside } from './state/set-aside.js';
import { wasLeftOpen } from './state/state-file.js';
import type { Log } from './telemetry/log.js';
import { type Metrics, openMetrics } from './telemetry/metrics.js';

export interface ServiceOptions {
  readonly config: Config;
  readonly log: Log;
  /** For tests: another disk, another clock. */
  readonly files?: Files;
  readonly clock?: Clock;
  /** For tests, which start often: read before. */
  readonly contract?: FileRegistry;
  /** The state can no longer be trusted: nothing may be answered after it. */
  readonly onFatal: (error: Error) => void;
}

export interface Service {
  readonly addresses: Addresses;
  readonly core: Core;
  /** Drains, syncs, writes a checkpoint, closes. Safe to call twice. */
  readonly close: () => Promise<void>;
}

export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, log } = options;
  const clock = options.clock ?? systemClock;
  const files = options.files ?? realFiles;
  const { dataDir } = config;
  const phase = phaseAt(clock.monotonicMs());
  makeDataDirectory(dataDir);
  const filesystem = fitFilesystem(config, log);
  const lock = await lockDirectory(dataDir);
  const closers: (() => Promise<void>)[] = [() => lock.release()];
  try {
    const leftOpen = wasLeftOpen(dataDir) || areAddressesPublished(dataDir);
    withdrawAddresses(dataDir);
    const metrics = openMetrics({ version: version(), clock });
    closers.push(async () => metrics.close());
    let state: OpenedState | undefined;
    const stalledMs = () => state?.journal.stalledMs() ?? 0;
    const ops = await openOps(options, metrics, phase, stalledMs);
    closers.push(() => ops.close());
    const sources = openCredentialSources(log);
    const listeners = await openListeners({
      config,
      contract: options.contract ?? readContract(),
      clock,
      metrics,
      onTlsTrouble: sources.onTls,
      onError: (error) => callFailed(options, 'HTTP', error),
    });
    closers.push(() => listeners.close(0).then(() => undefined));
    state = await openState({
      directory: dataDir,
      files,
      clock,
      segmentBytes: config.segmentBytes,
      journalBytesMax: config.journalBytesMax,
      requireData: config.requireData,
      events: journalEvents(log, metrics, options.onFatal),
    });
    announceState(options, metrics, state, leftOpen);
    const status = openStatus(dataDir, clock);
    const core = openCore(config, log, metrics, state, clock, phase, status);
    await importSeed(config, log, core);
    if (config.auth === 'required') await ensureBootstrapKey(dataDir, log, core);
    const machine = openMachine(options, clock, files, state);
    const gauges = { state, core, machine, config, sources, filesystem: filesystem.warning };
    metrics.gauges(gaugesOf(gauges));
    const pumps = startPumps(options, core, state, machine);
    status.watch({ state, machine, pumps, config, filesystem: filesystem.warning });
    const opened = state;
    closers.push(() => closeState(log, core, opened, pumps, phase));
    const access = await openAccess(core, { ...config, onTrouble: sources.onKeys });
    closers.push(() => access.close());
    const edge = edgeOf(options, core, metrics, access);
    closers.push(() => drain(config, log, listeners, edge, phase));
    const { grpc, http } = await listeners.serve(edge);
    const addresses = { grpc, http, ops: [hostPort(ops.address)] };
    listeners.setServing('SERVING');
    phase.started = true;
    // Who reads them finds a server that says that it serves.
    await publishAddresses(dataDir, addresses, clock.wallMs());
    closers.push(async () => withdrawAddresses(dataDir));
    log.info('serving', {
      ...addresses,
      data_dir: dataDir,
      catalogue: config.catalogueSource,
      version: version(),
      node: process.version,
      pid: process.pid,
      start_ms: Math.round(clock.monotonicMs() - phase.sinceMs),
    });
    if (config.auth === 'off') {
      log.warn('auth_off', { hint: 'no credential is asked for: loopback and Unix sockets only' });
    }
    return { addresses, core, close: once(() => closeInReverse(closers)) };
  } catch (error) {
    phase.sinceMs = clock.monotonicMs();
    await closeInReverse(closers);
    throw error;
  }
}

interface Phase {
  started: boolean;
  draining: boolean;
  why: string;
  /** When the start began; once draining, when the stop did. */
  sinceMs: MonotonicMs;
  /** Calls that the stop ended without an answer. */
  callsCutOff: number;
}

function phaseAt(sinceMs: MonotonicMs): Phase {
  return { started: false, draining: false, why: 'replaying the journal', sinceMs, callsCutOff: 0 };
}

async function lockDirectory(directory: string): Promise<Lock> {
  try {
    return await takeLock(directory);
  } catch (error) {
    throw namingHolder(error, directory);
  }
}

function openOps(
  options: ServiceOptions,
  metrics: Metrics,
  phase: Phase,
  stalledMs: () => number,
): Promise<OpsServer> {
  const { config, log } = options;
  const health = (ok: boolean, why: string) => ({ ok, why: ok ? '' : why });
  return openOpsServer({
    address: config.opsListen,
    metrics,
    isLive: () => health(stalledMs() < limits.syncHangMs, 'a write to the journal hangs'),
    isReady: () =>
      health(phase.started && !phase.draining, phase.draining ? 'draining' : phase.why),
    isStarted: () => health(phase.started, phase.why),
    onTrouble: (what, error) => log.warn('ops_trouble', { what, error }),
  });
}

function openCore(
  config: Config,
  log: Log,
  metrics: Metrics,
  state: OpenedState,
  clock: Clock,
  phase: Phase,
  status: WatchedStatus,
): Core {
  const tiers = new Set<string>();
  const notices = openNotices(state.journal.lastSequence());
  return {
    caller: { principal: LOCAL, source: '' },
    fold: state.fold,
    journal: state.journal,
    history: state.identity,
    snapshot: state.snapshot,
    ledger: openEmbeddedLedger({ ...state, onCommit: notices.note }),
    indexes: state.indexes,
    clock,
    ids: openIdSource(),
    metrics,
    denials: openDenials(),
    terms: openTermsBook(state.fold),
    dues: openDues(),
    holders: openHolders(state.fold),
    notices,
    watchers: openWatchers(state.journal),
    queues: openQueues(clock),
    status,
    keyChanges: openKeyChanges(),
    accessDenials: openAccessDenials(),
    monthAt: rememberingInterval('MONTH'),
    settings: {
      eventPastMs: config.eventPastMs,
      eventFutureMs: config.eventFutureMs,
      idRetentionMs: config.idRetentionMs,
      scopeIdleMs: config.scopeIdleMs,
      invoiceGraceMs: config.invoiceGraceMs,
      invoiceDueMs: config.invoiceDueMs,
    },
    onUnknownTier(tier) {
      if (tiers.has(tier) || tiers.size >= limits.unknownTiersNamed) return;
      tiers.add(tier);
      log.warn('unknown_tier', { tier, counted_as: '1.0' });
    },
    draining: () => phase.draining,
  };
}

function openStatus(directory: string, clock: Clock): WatchedStatus {
  const instance = instanceOf(directory);
  return openSystemStatus({ version: version(), instance, startMs: clock.wallMs() });
}

function openMachine(
  options: ServiceOptions,
  clock: Clock,
  files: Files,
  state: OpenedState,
): Machine {
  const { config, log } = options;
  return watchMachine({
    directory: config.dataDir,
    files,
    clock,
    journal: state.journal,
    rotation: state.rotation,
    diskReserveBytes: config.diskReserveBytes,
    journalBytesMax: config.journalBytesMax,
    onDisk: (disk, freeBytes) => log.warn(`disk_${disk}`, { free_bytes: freeBytes }),
    onClock: (apartMs) => log.warn('clock_disagreement', { apart_ms: Math.round(apartMs) }),
    onJournalNearlyFull: (bytes) => log.warn('journal_nearly_full', { bytes }),
    onHang(stalledMs) {
      log.fatalSync('journal_hangs', { stalled_ms: Math.round(stalledMs) });
      endProcess();
    },
  });
}

function startPumps(
  options: ServiceOptions,
  core: Core,
  state: OpenedState,
  machine: Machine,
): readonly Pump[] {
  const { config, log } = options;
  const { journal, indexes, checkpoints, saveIdentity } = state;
  const { clock, metrics } = core;
  const onError = (name: string, error: unknown) => {
    if (error instanceof Failure && setAside(config.dataDir, error)) options.onFatal(error);
    else log.error('pump_failed', { pump: name, error });
  };
  const pump = (name: string, everyMs: number, turn: Pump['stop'] | (() => void)) =>
    startPump({ name, everyMs, turn, onError });
  const onAccount = (orgId: string, error: unknown) =>
    log.error('closing_failed', { org_id: orgId, error });
  const isClockSound = () => machine.disagreementMs() < limits.clockDisagreementMs;
  const intervalMs = config.checkpointIntervalMs;
  const prune = pruneIdsTurn({
    indexes,
    clock,
    retentionMs: config.idRetentionMs,
    disagreementMs: machine.disagreementMs,
  });
  return [
    pump(
      'checkpoint',
      Math.min(intervalMs, 500),
      checkpointTurn({ checkpoints, journal, metrics, clock, intervalMs, saveIdentity }),
    ),
    pump('index', 200, async () => {
      await indexes.tend();
      await prune();
    }),
    pump('expire', 100, () => expireReservations(core)),
    pump('invoices', 500, closeInvoicesTurn(core, isClockSound, onAccount)),
    pump('denials', MINUTE_MS, () => summariseDenials(core)),
    pump('access', 1000, () => writeAccessDenials(core, 'due')),
    pump('machine', 1000, machine.turn),
    pump('garbage', limits.idleTurnMs, collectGarbageTurn()),
    ...startNotifying({
      core,
      uuid: state.identity.uuid,
      version: version(),
      retentionMs: config.deliveryRetentionMs,
      isClockSound,
      onError,
      onDead({ payload, ...delivery }) {
        log.warn('delivery_dead', delivery);
      },
    }),
  ];
}

function edgeOf(options: ServiceOptions, core: Core, metrics: Metrics, { gate }: Access): Edge {
  const { config } = options;
  return {
    core,
    gate,
    denyAsError: config.denyAsError ? 'always' : 'asked',
    recorder: metrics.rpc,
    openCalls: 0,
    onError: (method, error, requestId) => callFailed(options, method, error, requestId),
  };
}

function callFailed(
  { config, log, onFatal }: ServiceOptions,
  method: string,
  error: unknown,
  requestId?: string,
): void {
  log.error('call_failed', { method, ...(requestId && { request_id: requestId }), error });
  const trusted = error instanceof Failure && !setAside(config.dataDir, error);
  if (!trusted) onFatal(error instanceof Error ? error : new Error(String(error)));
}

/** No new calls; those under way end, streams after their last ack. */
async function drain(
  config: Config,
  log: Log,
  listeners: Listeners,
  edge: Edge,
  phase: Phase,
): Promise<void> {
  phase.draining = true;
  phase.sinceMs = edge.core.clock.monotonicMs();
  log.info('draining', { deadline_ms: config.drainMs, open_calls: edge.openCalls });
  // They would not end of themselves.
  edge.core.watchers.endAll();
  phase.callsCutOff = await listeners.close(config.drainMs);
}

/** Last entries → stop the pumps → checkpoint. A crash at any point loses nothing. */
async function closeState(
  log: Log,
  core: Core,
  state: OpenedState,
  pumps: readonly Pump[],
  phase: Phase,
): Promise<void> {
  summariseDenials(core);
  await writeAccessDenials(core, 'all');
  await state.journal.drain();
  for (const pump of pumps) await pump.stop();
  await state.checkpoints.run();
  await state.saveIdentity();
  await state.journal.close();
  await state.close();
  log.info('closed', {
    sequence: state.journal.syncedSequence(),
    stop_ms: Math.round(core.clock.monotonicMs() - phase.sinceMs),
    ...(phase.callsCutOff === 0 ? {} : { calls_cut_off: phase.callsCutOff }),
  });
}
