// How far the replay has come, on stderr: one line that is drawn over on a terminal, a plain line
// every few seconds elsewhere. Driven by the decisions, so it costs no timer.

import type { Clock } from '../../base/clock.js';
import { SECOND_MS } from '../../base/units.js';

export interface Progress {
  readonly onDecided: () => void;
  /** Writes a line of its own, above the bar. */
  readonly tell: (line: string) => void;
  /** Takes the bar away. */
  readonly close: () => void;
}

const BAR_CHARS = 30;
const TERMINAL_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 5 * SECOND_MS;
const ERASE_LINE = '\r\x1b[K';

export function openProgress(stderr: NodeJS.WritableStream, total: number, clock: Clock): Progress {
  const terminal = 'isTTY' in stderr && stderr.isTTY === true;
  const intervalMs = terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
  const startMs = clock.monotonicMs();
  let done = 0;
  let shownMs = startMs;
  let drawn: 'bar' | 'nothing' = 'nothing';

  const erase = (): void => {
    if (drawn === 'bar') stderr.write(ERASE_LINE);
    drawn = 'nothing';
  };
  return {
    onDecided() {
      done++;
      const nowMs = clock.monotonicMs();
      if (nowMs - shownMs < intervalMs) return;
      shownMs = nowMs;
      const rate = Math.round((done * SECOND_MS) / (nowMs - startMs));
      const share = total === 0 ? 1 : Math.min(done / total, 1);
      const text = `${Math.floor(share * 100)} %  ${done}/${total} events  ${rate}/s`;
      if (!terminal) {
        stderr.write(`replay: ${text}\n`);
        return;
      }
      const filled = Math.round(share * BAR_CHARS);
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARS - filled);
      stderr.write(`${ERASE_LINE}${bar}  ${text}`);
      drawn = 'bar';
    },
    tell(line) {
      erase();
      stderr.write(`replay: ${line}\n`);
    },
    close: erase,
  };
}
