// Run units: one figure for the compute of a tool call.
//
//   units = round4( max( max(cpu_seconds, gpu_seconds) × tier + overhead, floor ) )
//
// in fixed point, half-even at the fourth decimal of the exact decimal value.

import {
  add,
  compare,
  type Decimal,
  decimalFromDouble,
  multiply,
  roundHalfEven,
  ZERO,
} from '../../base/decimal.js';
import type { Quanta } from '../../base/units.js';
import type { Dimensions } from './dimensions.js';

export const RUN_UNITS_SCALE = 4;

/** Physical measurements, as doubles. At least one is given where a run is given at all. */
export interface Run {
  readonly cpuSeconds: number | undefined;
  readonly gpuSeconds: number | undefined;
  readonly latencyMs: number | undefined;
}

export interface RunUnitTable {
  readonly tiers: ReadonlyMap<string, Decimal>;
  /** Overhead by tool; '' holds the overhead of a missing or unknown tool. */
  readonly overheads: ReadonlyMap<string, Decimal>;
  readonly floor: Decimal;
}

export interface RunUnits {
  readonly quanta: Quanta;
  /** A tier that the table does not know (it counted as 1.0); undefined where it does. */
  readonly unknownTier: string | undefined;
}

const ONE: Decimal = { units: 1n, scale: 0 };
const THOUSANDTH: Decimal = { units: 1n, scale: 3 };
const STANDARD = 'standard';

export function runUnits(run: Run, dimensions: Dimensions, table: RunUnitTable): RunUnits {
  const tier = dimensions.get('tier') || STANDARD;
  const factor = table.tiers.get(tier);
  const overhead = table.overheads.get(dimensions.get('tool') ?? '') ?? table.overheads.get('');
  const cost = add(multiply(busySeconds(run), factor ?? ONE), overhead ?? ZERO);
  const floored = compare(cost, table.floor) < 0 ? table.floor : cost;
  return {
    quanta: roundHalfEven(floored, RUN_UNITS_SCALE),
    unknownTier: factor === undefined && tier !== STANDARD ? tier : undefined,
  };
}

/** A figure is valid if it is finite and not negative. */
export function isMeasurement(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function busySeconds(run: Run): Decimal {
  const gpu = decimalFromDouble(run.gpuSeconds ?? 0);
  const cpu = cpuSeconds(run);
  return compare(cpu, gpu) < 0 ? gpu : cpu;
}

function cpuSeconds(run: Run): Decimal {
  if (run.cpuSeconds !== undefined) return decimalFromDouble(run.cpuSeconds);
  if (run.latencyMs !== undefined) return multiply(decimalFromDouble(run.latencyMs), THOUSANDTH);
  return ZERO;
}

/** Canonical text of what was sent, for the fingerprint and the journal. */
export function runText(run: Run): string {
  return `cpu=${run.cpuSeconds ?? ''};gpu=${run.gpuSeconds ?? ''};ms=${run.latencyMs ?? ''}`;
}

/** What `runText` wrote; undefined for the text of another amount. */
export function parseRunText(text: string): Run | undefined {
  const match = /^cpu=([^;]*);gpu=([^;]*);ms=(.*)$/.exec(text);
  if (match === null) return undefined;
  const figure = (part: string | undefined) => (part ? Number(part) : undefined);
  return {
    cpuSeconds: figure(match[1]),
    gpuSeconds: figure(match[2]),
    latencyMs: figure(match[3]),
  };
}
