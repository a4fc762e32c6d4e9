// The log: one line per event, the event's name and fields. Lines are written synchronously: they
// are rare, and the last one before an exit or a SIGKILL is the one that matters.

import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import pino from 'pino';
import { messageOf, systemCode } from '../base/failure.js';
import { plainFields } from './log-fields.js';

/** What may be asked for; lines are written at `debug` to `error`, and the last one at `fatal`. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogDestination {
  /** One line with its line feed. */
  readonly write: (line: string) => unknown;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Tells this process from others in the same log. Default: the host name (a pod's name). */
  readonly instance?: string;
  /** Default: standard output. */
  readonly destination?: LogDestination;
}

/** `event` is a constant in snake case (`segment_rotated`); what varies goes into `fields`. */
export type LogEvent = (event: string, fields?: object) => void;

export interface Log {
  readonly debug: LogEvent;
  readonly info: LogEvent;
  readonly warn: LogEvent;
  readonly error: LogEvent;
  /** For the line before the process kills itself: written when this returns, and never throws. */
  readonly fatalSync: LogEvent;
  /** All lines are out when this returns. */
  readonly flush: () => void;
}

export function openLog(options: LogOptions): Log {
  const raw = options.destination ?? openFdDestination(STDOUT_FD);
  const destination = options.format === 'pretty' ? prettyDestination(raw) : raw;
  const logger = pino(
    {
      level: options.level,
      base: { service: 'tollgate', instance: options.instance ?? hostname() },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void destination.write(line) },
  );
  const at =
    (level: Exclude<LogLevel, 'silent'>): LogEvent =>
    (event, fields) => {
      if (!logger.isLevelEnabled(level)) return;
      logger[level](fields === undefined ? { event } : { event, ...plainFields(fields) });
    };
  const fatal = at('fatal');
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatalSync(event, fields) {
      try {
        fatal(event, fields);
      } catch (error) {
        lastWords(destination, event, error);
      }
    },
    // Nothing is ever held back. The method is for callers that must not know that.
    flush() {},
  };
}

/** Unreadable fields or a destination that throws must not keep the process from ending. */
function lastWords(destination: LogDestination, event: string, error: unknown): void {
  const line = `${JSON.stringify({ level: 'fatal', event, trouble: messageOf(error) })}\n`;
  try {
    destination.write(line);
  } catch {
    openFdDestination(STDERR_FD).write(line);
  }
}

const STDOUT_FD = 1;
const STDERR_FD = 2;
/** How long one line may wait for the reader of a full non-blocking pipe; then the line is lost. */
const FULL_PIPE_WAIT_MS = 50;

/** Writes to a file descriptor. A log that cannot be written must not end the process. */
export function openFdDestination(fd: number): LogDestination {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let torn = false;
  return {
    write(line) {
      const bytes = Buffer.from(torn ? `\n${line}` : line);
      let at = 0;
      let waitedMs = 0;
      while (at < bytes.length) {
        try {
          at += writeSync(fd, bytes, at);
        } catch (error) {
          if (systemCode(error) !== 'EAGAIN' || waitedMs >= FULL_PIPE_WAIT_MS) break;
          Atomics.wait(sleeper, 0, 0, 1);
          waitedMs += 1;
        }
      }
      // A line cut short gets its line feed before the next one.
      torn = at < bytes.length && (at > 0 || torn);
    },
  };
}

/**
 * Lines for people. The formatter is called directly instead of through its stream, so that each
 * line is out at once; it loads (28 ms) only when asked for.
 */
function prettyDestination(raw: LogDestination): LogDestination {
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const format = pretty.prettyFactory({
    colorize: isatty(STDOUT_FD),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'service,instance',
    messageKey: 'event',
    singleLine: true,
    errorLikeObjectKeys: ['error'],
  });
  return {
    write(line) {
      const text = format(line);
      // An event without fields comes without its line feed.
      raw.write(text.endsWith('\n') ? text : `${text}\n`);
    },
  };
}
