// What a replay is to do, parsed once from the flags. After this no flag is looked at again.

import type { DurationMs } from '../../base/units.js';
import { limits } from '../../limits.js';
import { usageFailure } from '../cli/usage.js';
import { readTarget, type Target } from '../remote/target.js';
import type { AzureLlmSource } from './azure-llm.js';
import type { ColumnsSource } from './columns.js';
import { choiceOf, type Flags, parseFlags, wholeNumberOf } from './flags.js';
import { parseSpeed, type Speed } from './pace.js';
import { parseSource } from './source.js';
import { parseShift, type Shift } from './survey.js';

export type Mode = 'stream' | 'batch' | 'unary';

export interface ReplayOptions {
  readonly file: string;
  readonly target: Target;
  readonly source: AzureLlmSource | ColumnsSource;
  readonly shift: Shift;
  readonly speed: Speed;
  /** Rows, at most. */
  readonly limit: number;
  readonly mode: Mode;
  readonly window: number;
  readonly batchEvents: number;
  readonly concurrency: number;
  readonly retriesMax: number;
  readonly connectMsMax: DurationMs;
  readonly enforceQuota: boolean;
  readonly output: 'table' | 'json';
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;
/** One batch at a time keeps the order of the file, which LAST meters and quotas depend on. */
const CONCURRENCY: Readonly<Record<Mode, number>> = { stream: 1, batch: 1, unary: 16 };

/** `help` where the flags ask for nothing else. */
export function parseOptions(argv: readonly string[]): ReplayOptions | 'help' {
  const { flags, files } = parseFlags(argv);
  if (flags.help === true) return 'help';
  const [file, ...others] = files;
  if (file === undefined) throw usageFailure('no file given; see tollgate replay --help');
  if (others.length > 0) throw usageFailure(`one file at a time, got also ${others.join(' ')}`);
  const target = readTarget(flags);
  const mode = choiceOf(flags, 'mode', ['stream', 'batch', 'unary']);
  refuseOfOtherModes(flags, mode);
  const source = parseSource(flags, file);
  const shift = flags['shift-time'];
  const speed = parseSpeed(flags.speed ?? 'max');
  if (source.format === 'csv' && source.time === undefined) {
    if (shift !== undefined) throw usageFailure('--shift-time needs --time-column');
    if (speed !== 'max') throw usageFailure('--speed needs --time-column');
  }
  return {
    file,
    target,
    source,
    shift: shift === undefined ? { kind: 'none' } : parseShift(shift),
    speed,
    limit: wholeNumberOf(flags, 'limit', { min: 1, max: UNBOUNDED, absent: UNBOUNDED }),
    mode,
    ...parseCalls(flags, mode),
    enforceQuota: flags['enforce-quota'] ?? false,
    output: flags.json === true ? 'json' : 'table',
  };
}

function parseCalls(flags: Flags, mode: Mode) {
  const { batchEvents, streamUnackedEvents } = limits;
  const concurrency = CONCURRENCY[mode];
  return {
    window: wholeNumberOf(flags, 'window', { min: 1, max: streamUnackedEvents, absent: 1024 }),
    batchEvents: wholeNumberOf(flags, 'batch-size', { min: 1, max: batchEvents, absent: 500 }),
    concurrency: wholeNumberOf(flags, 'concurrency', { min: 1, max: 1000, absent: concurrency }),
    retriesMax: wholeNumberOf(flags, 'retries', { min: 0, max: 1000, absent: 8 }),
    connectMsMax: wholeNumberOf(flags, 'connect-timeout-ms', {
      min: 1,
      max: 600_000,
      absent: 5000,
    }),
  };
}

function refuseOfOtherModes(flags: Flags, mode: Mode): void {
  if (flags.window !== undefined && mode !== 'stream') {
    throw usageFailure('--window is for --mode stream');
  }
  if (flags['batch-size'] !== undefined && mode !== 'batch') {
    throw usageFailure('--batch-size is for --mode batch');
  }
  if (flags.concurrency !== undefined && mode === 'stream') {
    throw usageFailure('--concurrency is for --mode unary and batch');
  }
}
