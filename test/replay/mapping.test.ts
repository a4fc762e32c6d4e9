import { describe, expect, test } from 'vitest';
import { type AzureLlmSource, mapAzureLlm } from '../../src/ops/replay/azure-llm.js';
import { mapColumns } from '../../src/ops/replay/columns.js';
import { parseOptions } from '../../src/ops/replay/options.js';
import type { Row } from '../../src/ops/replay/rows.js';
import { toTimestamp } from '../../src/ops/replay/time.js';

const AZURE_HEADER = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'];

function azureEvents(number: number, source: Partial<AzureLlmSource> = {}) {
  const mapping = mapAzureLlm(
    { format: 'azure-llm', orgs: 10, eventIdPrefix: 'code.csv', dimensions: new Map(), ...source },
    AZURE_HEADER,
  );
  const row: Row = {
    number,
    line: number + 1,
    fields: ['2023-11-16 18:17:03.9799600', '4808', '10'],
  };
  return mapping.eventsOf(row, toTimestamp(mapping.timeOf(row) ?? 0n));
}

describe('an Azure LLM trace', () => {
  test('gives an input and an output event per request', () => {
    const shared = {
      orgId: 'org-007',
      eventTime: { seconds: 1_700_158_623n, nanos: 979_960_000 },
      dimensions: new Map([['tier', 'pro']]),
    };
    expect(azureEvents(7, { dimensions: new Map([['tier', 'pro']]) })).toEqual([
      {
        ...shared,
        eventId: 'code.csv:7:input_tokens',
        meter: 'input_tokens',
        amount: { $case: 'quantity', value: '4808' },
      },
      {
        ...shared,
        eventId: 'code.csv:7:output_tokens',
        meter: 'output_tokens',
        amount: { $case: 'quantity', value: '10' },
      },
    ]);
  });

  test.each([
    [1, 10, 'org-001'],
    [9, 10, 'org-009'],
    [10, 10, 'org-000'],
    [11, 10, 'org-001'],
    [999, 1000, 'org-999'],
    [5, 1, 'org-000'],
    [1234, 5000, 'org-1234'],
  ])('deals row %i of %i organisations to %s', (number, orgs, org) => {
    expect(azureEvents(number, { orgs }).map((event) => event.orgId)).toEqual([org, org]);
  });

  test('keeps its event ids whatever the number of organisations', () => {
    const ids = (orgs: number) => azureEvents(42, { orgs }).map((event) => event.eventId);
    expect(ids(3)).toEqual(ids(10));
  });
});

const HEADER = ['org', 'id', 'what', 'n', 'cpu', 'gpu', 'ms', 'at', 'tool'];
const FIELDS = ['acme', 'e1', 'calls', '0.60', '1.5', '', '2e3', '1700000000', 'search'];
const ORG_AND_METER = ['--org-column', 'org', '--meter-column', 'what'];

function eventOf(flags: readonly string[], fields: readonly string[] = FIELDS) {
  const options = parseOptions(['trace.csv', '--target', 'localhost:1', ...flags]);
  if (options === 'help' || options.source.format !== 'csv') throw new Error('not a csv replay');
  const mapping = mapColumns(options.source, HEADER);
  const row: Row = { number: 3, line: 4, fields };
  const time = mapping.timeOf(row);
  const [event] = mapping.eventsOf(row, time === undefined ? undefined : toTimestamp(time));
  return event;
}

describe('a CSV with columns named by flags', () => {
  test.each<[what: string, flags: string[], part: object]>([
    ['columns', ORG_AND_METER, { orgId: 'acme', meter: 'calls' }],
    ['constants', ['--org', 'o1', '--meter', 'm1'], { orgId: 'o1', meter: 'm1' }],
    ['organisations in turn', ['--orgs', '2', '--meter', 'm'], { orgId: 'org-001' }],
    ['no amount', ORG_AND_METER, { amount: undefined }],
    [
      'a quantity with its trailing zero',
      [...ORG_AND_METER, '--quantity-column', 'n'],
      { amount: { $case: 'quantity', value: '0.60' } },
    ],
    [
      'a constant quantity',
      [...ORG_AND_METER, '--quantity', '007'],
      { amount: { $case: 'quantity', value: '007' } },
    ],
    [
      'figures of a run, an empty one absent',
      [
        ...ORG_AND_METER,
        ...['--cpu-seconds-column', 'cpu'],
        ...['--gpu-seconds-column', 'gpu'],
        ...['--latency-ms-column', 'ms'],
      ],
      {
        amount: {
          $case: 'run',
          value: { cpuSeconds: 1.5, gpuSeconds: undefined, latencyMs: 2000 },
        },
      },
    ],
    ['an id from file and row', ORG_AND_METER, { eventId: 'trace.csv:3' }],
    ['an id column', [...ORG_AND_METER, '--event-id-column', 'id'], { eventId: 'e1' }],
    ['an id prefix', [...ORG_AND_METER, '--event-id-prefix', 'may'], { eventId: 'may:3' }],
    ['no time', ORG_AND_METER, { eventTime: undefined }],
    [
      'a time',
      [...ORG_AND_METER, '--time-column', 'at'],
      { eventTime: { seconds: 1_700_000_000n, nanos: 0 } },
    ],
    [
      'a time of a named format',
      [...ORG_AND_METER, '--time-column', 'at', '--time-format', 'unix-ms'],
      { eventTime: { seconds: 1_700_000n, nanos: 0 } },
    ],
    [
      'dimensions, an empty cell left out',
      [
        ...ORG_AND_METER,
        ...['--dimension', '__proto__=x=y', '--dimension', 'tier=pro'],
        ...['--dimension-column', 'tool', '--dimension-column', 'card=gpu'],
      ],
      {
        dimensions: new Map([
          ['__proto__', 'x=y'],
          ['tier', 'pro'],
          ['tool', 'search'],
        ]),
      },
    ],
  ])('gives %s', (_what, flags, part) => {
    expect(eventOf(flags)).toMatchObject(part);
  });

  test.each<[what: string, flags: string[], fields: string[], message: string]>([
    ['an empty organisation', [], ['', ...FIELDS.slice(1)], 'column "org" is empty'],
    [
      'a figure that is no number',
      ['--cpu-seconds-column', 'cpu'],
      FIELDS.with(4, '0x10'),
      'column "cpu": "0x10" is no measurement',
    ],
    [
      'a negative figure',
      ['--cpu-seconds-column', 'cpu'],
      FIELDS.with(4, '-1'),
      'column "cpu": "-1" is no measurement',
    ],
    [
      'a time that is none',
      ['--time-column', 'at'],
      FIELDS.with(7, 'noon'),
      'column "at": "noon" is no time; expected RFC 3339',
    ],
    ['an empty time', ['--time-column', 'at'], FIELDS.with(7, ''), 'column "at" is empty'],
  ])('refuses %s and names row and column', (_what, flags, fields, message) => {
    const expected = `row 3 (line 4): ${message}`;
    expect(() => eventOf([...ORG_AND_METER, ...flags], fields)).toThrow(expected);
  });

  test('takes a hash for the name of a file that cannot stand in an event id', () => {
    const flags = ['--target', 'h:1', '--org', 'o', '--meter', 'm'];
    const prefixes = ['a b.csv', 'é.csv', `${'x'.repeat(90)}.csv`].map((file) => {
      const options = parseOptions([file, ...flags]);
      return options === 'help' ? '' : options.source.eventIdPrefix;
    });
    expect(new Set(prefixes).size).toBe(3);
    for (const prefix of prefixes) expect(prefix).toMatch(/^[0-9a-f]{32}$/);
  });
});
