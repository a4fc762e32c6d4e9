import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/base/failure.js';
import {
  type LogFormat,
  type LogLevel,
  openFdDestination,
  openLog,
} from '../../src/telemetry/log.js';

function openCaptured(options: { level?: LogLevel; format?: LogFormat } = {}) {
  const lines: string[] = [];
  const { level = 'debug', format = 'json' } = options;
  const destination = { write: (line: string) => lines.push(line) };
  const log = openLog({ level, format, instance: 'pod-1', destination });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') };
}

describe('a line of the log', () => {
  it('has time, level, origin, event and fields, in this order', () => {
    const { log, lines, last } = openCaptured();
    log.info('segment_rotated', { number: 5 });
    expect(Object.keys(last())).toEqual([
      'level',
      'time',
      'service',
      'instance',
      'event',
      'number',
    ]);
    expect(last()).toMatchObject({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'tollgate',
      instance: 'pod-1',
      event: 'segment_rotated',
    });
    expect(lines[0]?.endsWith('}\n')).toBe(true);
  });

  it('is written at and above the level only', () => {
    const { log, lines } = openCaptured({ level: 'error' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    log.fatalSync('e');
    log.flush();
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['d', 'e']);
  });

  it('cannot be made to look like another event', () => {
    const { log, last } = openCaptured();
    log.warn('real', { event: 'fake', level: 'info', time: 1, text: 'a\n{"level":"error"}' });
    expect(last()).toMatchObject({ event: 'real', level: 'warn', event_: 'fake', level_: 'info' });
  });

  it('is for people in the pretty format, and still one write per line', () => {
    const { log, lines } = openCaptured({ format: 'pretty' });
    log.info('segment_rotated', { number: 5 });
    log.warn('no_fields');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/INFO.*segment_rotated.*"number":5.*\n$/s);
    expect(lines[1]).toMatch(/WARN.*no_fields\n$/);
  });
});

describe('a field', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const cases: [string, unknown, unknown][] = [
    ['a BigInt keeps every digit', 9_223_372_036_854_775_807n, '9223372036854775807'],
    ['a number that JSON lacks is named', Number.NaN, 'NaN'],
    ['a date is ISO text', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['bytes are only counted', new Uint8Array(3), '[3 bytes]'],
    ['a map is an object', new Map([['a', 1n]]), { a: '1' }],
    ['a set is a list', new Set([1]), [1]],
    ['a function is named as such', () => 1, '[function]'],
    ['null stays null', null, null],
    ['a long list is cut', Array(102).fill(0), [...Array(100).fill(0), '[2 more]']],
    [
      'a long text is cut',
      'x'.repeat(5000),
      expect.stringMatching(/^x{4096}… 904 more characters$/),
    ],
    ['a cycle ends', cyclic, { self: { self: { self: { self: '[deeper]' } } } }],
    [
      'an error has its code and its cause',
      new Failure('DISK', 'cannot sync', {
        cause: Object.assign(new Error('io'), { code: 'EIO' }),
      }),
      {
        type: 'Failure',
        message: 'cannot sync',
        code: 'DISK',
        stack: expect.stringContaining('log.test.ts'),
        cause: { type: 'Error', message: 'io', code: 'EIO', stack: expect.any(String) },
      },
    ],
  ];
  it.each(cases)('%s', (_, value, expected) => {
    const { log, last } = openCaptured();
    log.info('e', { value });
    expect(last().value).toEqual(expected);
  });

  it('named __proto__ is a key like any other', () => {
    const { log, lines } = openCaptured();
    log.info('e', JSON.parse('{"__proto__": {"polluted": 1}, "a": 2}'));
    expect(lines[0]).toContain('"__proto__":{"polluted":1}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('a secret', () => {
  const canary = 'canary-7f3a';
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'api_key',
    'apiKey',
    'x-api-key',
    'token',
    'access_token',
    'secret',
    'clientSecret',
    'password',
    'private_key',
    'credentials',
    'cookie',
  ])('under the key %s never shows, at any depth', (key) => {
    for (const format of ['json', 'pretty'] as const) {
      const { log, lines } = openCaptured({ format });
      log.error('e', { [key]: canary, nested: { list: [{ [key]: { deeper: canary } }] } });
      log.fatalSync('e', { headers: new Map([[key, canary]]) });
      expect(lines.join('')).not.toContain(canary);
      expect(lines.join('')).toContain('[redacted]');
    }
  });

  it.each(['tokens', 'api_key_file', 'key', 'secretary'])('is not what %s holds', (key) => {
    const { log, last } = openCaptured();
    log.info('e', { [key]: canary });
    expect(last()[key]).toBe(canary);
  });
});

describe('standard output', () => {
  it('that is full loses the line instead of the process, and the next line begins anew', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-log-'));
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const destination = openFdDestination(fd);
      destination.write(`${'x'.repeat(4 * 1024 * 1024)}\n`);
      drain(fd);
      destination.write('next\n');
      expect(drain(fd)).toBe('\nnext\n');
    } finally {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  });

  it('that is closed loses the line instead of the process', () => {
    const fd = openSync('/dev/full', 'w');
    expect(() => openFdDestination(fd).write('no room\n')).not.toThrow();
    closeSync(fd);
  });

  it('is where last words still come out when their fields cannot be read', () => {
    const { log, lines } = openCaptured();
    const broken = Object.defineProperty({}, 'a', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(() => log.fatalSync('sync_hung', broken)).not.toThrow();
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['sync_hung']);
  });
});

function drain(fd: number): string {
  const buffer = Buffer.alloc(1024 * 1024);
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } catch {
    return '';
  }
}
