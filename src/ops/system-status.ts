// The parts of the process as GetStatus shows them: what follows the journal, the machine, and
// every pump, by the names that the log has for them.

import { messageOf } from '../base/failure.js';
import { MINUTE_MS } from '../base/units.js';
import { limits } from '../limits.js';
import type { PartReading, SystemStatus } from '../operations/admin/system-status.js';
import type { Pump } from '../pumps/pump.js';
import type { Machine } from '../pumps/watch-machine.js';
import type { OpenedState } from '../state/open.js';

export interface Watched {
  readonly state: OpenedState;
  readonly machine: Machine;
  readonly pumps: readonly Pump[];
  readonly config: { readonly journalBytesMax: number; readonly diskReserveBytes: number };
  /** Name of a file system that is put up with; '' for none. */
  readonly filesystem: string;
}

export interface WatchedStatus extends SystemStatus {
  /** The parts come up after what asks for them: until then there are none. */
  readonly watch: (watched: Watched) => void;
}

export function openSystemStatus(process: Omit<SystemStatus, 'parts'>): WatchedStatus {
  let watched: Watched | undefined;
  return {
    ...process,
    watch(given) {
      watched = given;
    },
    parts: () => (watched === undefined ? [] : partsOf(watched)),
  };
}

function partsOf({ state, machine, pumps, config, filesystem }: Watched): PartReading[] {
  const own = [
    journalPart(state, config),
    checkpointPart(state),
    indexPart(state),
    diskPart(machine, config, filesystem),
    clockPart(machine),
  ];
  const byName = new Map(own.map((part) => [part.name, part]));
  for (const pump of pumps) {
    const part = byName.get(pump.name) ?? plainPart(pump.name);
    byName.set(pump.name, withFailure(part, pump.failure()));
  }
  return [...byName.values()];
}

function plainPart(name: string): PartReading {
  return { name, ok: true, message: '', sequence: undefined };
}

function withFailure(part: PartReading, failure: unknown): PartReading {
  if (failure === undefined) return part;
  const message = `its last turn failed: ${messageOf(failure)}`;
  return { ...part, ok: false, message: joined(message, part.message) };
}

function joined(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('; ');
}

function journalPart(
  { journal, rotation, identity }: OpenedState,
  { journalBytesMax }: Watched['config'],
): PartReading {
  const refusal = journal.refusal('ordinary');
  const why = refusal === undefined ? '' : `takes no new work: ${refusal}`;
  const size = `${rotation.bytes()} of ${journalBytesMax} bytes`;
  const line = `incarnation ${identity.incarnation}, start ${identity.epoch}`;
  return {
    name: 'journal',
    ok: refusal === undefined,
    message: joined(why, size, line),
    sequence: journal.syncedSequence(),
  };
}

function checkpointPart({ checkpoints, store }: OpenedState): PartReading {
  const message = `${store.residentValues()} values in memory, ${store.dirtyValues()} to be stored`;
  return { name: 'checkpoint', ok: true, message, sequence: checkpoints.applied() };
}

function indexPart({ indexes }: OpenedState): PartReading {
  const full = indexes.saturated();
  const runs = `${indexes.runs('ids')} runs of ids, ${indexes.runs('events')} of events`;
  return {
    name: 'index',
    ok: !full,
    message: joined(
      full ? 'takes no new work: too much waits to be written out' : '',
      `${runs}, ${indexes.backlog()} tails wait`,
    ),
    sequence: indexes.covered(),
  };
}

function diskPart(
  machine: Machine,
  { diskReserveBytes }: Watched['config'],
  filesystem: string,
): PartReading {
  const ok = machine.diskReserveOk();
  const free = machine.freeBytes();
  const room = Number.isNaN(free) ? '' : `${free} bytes free, reserve ${diskReserveBytes}`;
  const kind = filesystem === '' ? '' : `the file system is ${filesystem}`;
  return { ...plainPart('disk'), ok, message: joined(ok ? '' : 'below its reserve', room, kind) };
}

function clockPart(machine: Machine): PartReading {
  const apartMs = machine.disagreementMs();
  const ok = Math.abs(apartMs) <= limits.clockDisagreementMs;
  const minutes = Math.round(apartMs / MINUTE_MS);
  const by = `the wall clock went ${minutes} minutes from the monotonic one`;
  return { ...plainPart('clock'), ok, message: ok ? '' : by };
}
