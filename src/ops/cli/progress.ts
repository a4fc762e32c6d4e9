// A progress line on a terminal, nothing elsewhere: a log needs no thousand lines of it.

export interface Progress {
  readonly update: (done: number, of: number, sequence: number) => void;
  readonly end: () => void;
}

const BAR_CHARS = 30;
const UPDATE_MS = 100;

export function openProgress(stream: NodeJS.WritableStream, unit: string): Progress {
  const terminal = 'isTTY' in stream && stream.isTTY === true;
  let lastMs = 0;
  return {
    update(done, of, sequence) {
      const nowMs = performance.now();
      if (!terminal || nowMs - lastMs < UPDATE_MS) return;
      lastMs = nowMs;
      const filled = Math.round((BAR_CHARS * done) / Math.max(1, of));
      const bar = '#'.repeat(filled).padEnd(BAR_CHARS, '.');
      stream.write(`\r[${bar}] ${done}/${of} ${unit}, sequence ${sequence}`);
    },
    end() {
      if (terminal) stream.write(`\r${' '.repeat(80)}\r`);
    },
  };
}
