// What an event may hold: every rule of its fields, on every way in. Nothing changes.

import { describe, expect, test } from 'vitest';
import type { Duration } from '../../generated/ts/google/protobuf/duration.js';
import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, item, nameIn } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';
import { openStream } from '../support/streams.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, lastSequence } = sharedService({ yaml: catalogueYaml(), clock });

const many = (count: number) =>
  Array.from({ length: count }, (_, i): [string, string] => [`k${i}`, 'v']);
const seconds = (value: bigint, nanos = 0): Duration => ({ seconds: value, nanos });

/** What is wrong, the event's own fields, the field at fault below the event. */
type Row = readonly [what: string, given: GivenEvent, field: string];

const BAD_ORGANISATIONS: readonly Row[] = [
  ['an organisation with a slash', { orgId: 'a/b' }, 'org_id'],
  ['an organisation with a blank', { orgId: 'a b' }, 'org_id'],
  ['an organisation that ends in a line break', { orgId: 'acme\n' }, 'org_id'],
  ['an organisation outside ASCII', { orgId: 'acmé' }, 'org_id'],
  ['an organisation of 129 characters', { orgId: 'o'.repeat(129) }, 'org_id'],
];

const BAD_IDS: readonly Row[] = [
  ['an event id of 129 characters', { eventId: 'e'.repeat(129) }, 'event_id'],
  ['an event id with a tab', { eventId: 'a\tb' }, 'event_id'],
  ['an event id with a line break', { eventId: 'a\n' }, 'event_id'],
  ['an event id with DEL', { eventId: 'a\u007f' }, 'event_id'],
  ['an event id outside ASCII', { eventId: 'é' }, 'event_id'],
];

const BAD_METERS: readonly Row[] = [
  ['no meter', { meter: '' }, 'meter'],
  ['a meter in upper case', { meter: 'Tokens' }, 'meter'],
  ['a meter with a hyphen', { meter: 'run-units' }, 'meter'],
  ['a meter with a blank', { meter: 'run units' }, 'meter'],
  ['a meter that ends in a line break', { meter: 'tokens\n' }, 'meter'],
  ['a meter of 121 characters', { meter: 'm'.repeat(121) }, 'meter'],
];

const BAD_DECIMALS = [
  '',
  ' ',
  '-1',
  '+1',
  '-0',
  '1e3',
  '1E3',
  'NaN',
  'nan',
  'Infinity',
  '-Infinity',
  'inf',
  '.5',
  '5.',
  '.',
  '1.2.3',
  '1,000',
  '1_000',
  '0x10',
  '1 ',
  ' 1',
  '1\n',
  '١',
  '１',
  '∞',
  'one',
  '1'.repeat(65),
];

const BAD_QUANTITIES: readonly Row[] = [
  ...BAD_DECIMALS.map(
    (quantity): Row => [`the quantity ${JSON.stringify(quantity)}`, { quantity }, 'quantity'],
  ),
  ['a decimal of a meter without decimals', { quantity: '1.5' }, 'quantity'],
  ['a trailing decimal that is not zero', { quantity: '1.01' }, 'quantity'],
  ['a fifth decimal of run units', { meter: 'run_units', quantity: '0.00001' }, 'quantity'],
  ['2^63 quanta at scale 0', { quantity: '9223372036854775808' }, 'quantity'],
  ['2^63 quanta at scale 4', { meter: 'run_units', quantity: '922337203685477.5808' }, 'quantity'],
  ['2 on a COUNT meter', { meter: 'calls', quantity: '2' }, 'quantity'],
  ['0 on a COUNT meter', { meter: 'calls', quantity: '0' }, 'quantity'],
  ['2 on a UNIQUE meter', { meter: 'users', quantity: '2', dimensions: { user: 'u' } }, 'quantity'],
  ['a UNIQUE event without its dimension', { meter: 'users' }, 'dimensions'],
  ['a UNIQUE event, dimension empty', { meter: 'users', dimensions: { user: '' } }, 'dimensions'],
];

const BAD_RUNS: readonly Row[] = [
  ...['cpuSeconds', 'gpuSeconds', 'latencyMs'].flatMap((name) =>
    [-1, -1e-9, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
      (value): Row => [
        `${name} ${value}`,
        { meter: 'run_units', run: { [name]: value } },
        `run.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      ],
    ),
  ),
  ['a run on a meter of quantities', { run: { cpuSeconds: 1 } }, 'run'],
  ['a run of more units than fit', { meter: 'run_units', run: { cpuSeconds: 1e300 } }, 'run'],
];

const BAD_TIMES: readonly Row[] = [
  ['negative nanoseconds', { at: seconds(1_795_000_000n, -1) }, 'event_time.nanos'],
  ['a whole second of nanoseconds', { at: seconds(1_795_000_000n, 10 ** 9) }, 'event_time.nanos'],
  ['a time before the year 1', { at: seconds(-62_135_596_801n) }, 'event_time.seconds'],
  ['a time after the year 9999', { at: seconds(253_402_300_800n) }, 'event_time.seconds'],
  ['the greatest int64 of seconds', { at: seconds(2n ** 63n - 1n) }, 'event_time.seconds'],
];

const BAD_DIMENSIONS: readonly Row[] = [
  ['17 dimensions', { dimensions: many(17) }, 'dimensions'],
  ['an empty key', { dimensions: { '': 'v' } }, 'dimensions'],
  ['a key of 65 characters', { dimensions: { ['k'.repeat(65)]: 'v' } }, 'dimensions'],
  ['a key with a control character', { dimensions: { 'k\u0001': 'v' } }, 'dimensions'],
  ['a key with NEL', { dimensions: { 'k\u0085': 'v' } }, 'dimensions'],
  ['a value of 257 characters', { dimensions: { k: 'v'.repeat(257) } }, 'dimensions["k"]'],
  ['a value with a line break', { dimensions: { k: 'a\nb' } }, 'dimensions["k"]'],
  ['a value with NUL', { dimensions: { k: '\u0000' } }, 'dimensions["k"]'],
  ['a value with DEL', { dimensions: { k: '\u007f' } }, 'dimensions["k"]'],
  ['a value with NEL', { dimensions: { k: '\u0085' } }, 'dimensions["k"]'],
];

const BAD_BODIES = [
  ...BAD_IDS,
  ...BAD_METERS,
  ...BAD_QUANTITIES,
  ...BAD_RUNS,
  ...BAD_TIMES,
  ...BAD_DIMENSIONS,
];
const BAD_EVENTS: readonly Row[] = [
  ['no organisation', { orgId: '' }, 'org_id'],
  ...BAD_ORGANISATIONS,
  ...BAD_BODIES,
];

const PLAIN: GivenEvent = { orgId: 'acme', quantity: '1' };
const made = (given: GivenEvent) => {
  const { quantity, ...rest } = PLAIN;
  const amount = given.run === undefined && given.meter !== 'users' ? { quantity } : {};
  return event({ ...rest, ...(amount as GivenEvent), ...given });
};

describe('Record refuses', () => {
  test.each(BAD_EVENTS)('%s', async (_what, given, field) => {
    const before = lastSequence();
    for (const enforceQuota of [false, true]) {
      const refusal = await refused(ask(now(), 'record', { event: made(given), enforceQuota }));
      expect(refusal).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'FIELD_INVALID',
        domain: 'tollgate.dev',
        fields: [`event.${field}`],
      });
    }
    expect(lastSequence()).toBe(before);
  });

  test('a request without an event', async () => {
    const refusal = await refused(ask(now(), 'record', {}));
    expect(refusal).toMatchObject({ reason: 'FIELD_INVALID', fields: ['event'] });
  });

  test('all faults of an event at once', async () => {
    const bad = event({
      orgId: '/',
      eventId: '\t',
      meter: '-',
      quantity: 'x',
      at: seconds(0n, -1),
    });
    const refusal = await refused(ask(now(), 'record', { event: bad, durability: 3 }));
    expect(refusal.fields.toSorted()).toEqual([
      'durability',
      'event.event_id',
      'event.event_time.nanos',
      'event.meter',
      'event.org_id',
      'event.quantity',
    ]);
  });

  test('16 bad labels outside ASCII, in trailers of at most 8 KiB', async () => {
    const dimensions = Array.from({ length: 16 }, (_, i): [string, string] => [
      String(i).padEnd(64, '値'),
      '\n',
    ]);
    const refusal = await refused(ask(now(), 'record', { event: made({ dimensions }) }));
    expect(refusal.fields).toHaveLength(16);
    expect(refusal.trailerBytes).toBeLessThanOrEqual(8192);
  });
});

describe('RecordBatch reports INVALID for', () => {
  test.each(BAD_EVENTS)('%s', async (_what, given, field) => {
    const before = lastSequence();
    const reply = await ask(now(), 'recordBatch', { events: [made(given)] });
    expect(reply.results.map(resultOf)).toEqual([
      { outcome: 'INVALID', field: `events[0].${field}`, sequence: 0n },
    ]);
    expect(lastSequence()).toBe(before);
  });
});

describe('RecordStream reports INVALID for', () => {
  const rows = BAD_EVENTS.filter(([, { eventId }]) => eventId !== '');
  test.each(rows)('%s', async (_what, given, field) => {
    const before = lastSequence();
    const stream = openStream(now());
    stream.options();
    stream.item(1, made({ eventId: 'e', ...given }));
    stream.halfClose();
    expect(await stream.end).toMatchObject({ code: 'OK' });
    const results = stream.replies.flatMap((reply) => reply.results);
    expect(results.map(resultOf)).toEqual([
      { outcome: 'INVALID', field: `item.event.${field}`, sequence: 0n },
    ]);
    expect(lastSequence()).toBe(before);
  });
});

describe('Settle refuses the whole settlement for', () => {
  const rows: readonly Row[] = [...BAD_ORGANISATIONS, ...BAD_BODIES];
  test.each(rows)('%s', async (_what, given, field) => {
    const hold = { orgId: 'acme', reservationId: 'bad-events' };
    await ask(now(), 'reserve', { ...hold, items: [item('tokens')] });
    const before = lastSequence();
    const good = made({ eventId: 'good' });
    const refusal = await refused(ask(now(), 'settle', { ...hold, events: [good, made(given)] }));
    expect(refusal).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'FIELD_INVALID',
      fields: [`events[1].${field}`],
    });
    expect(lastSequence()).toBe(before);
  });
});

describe('Record accepts', () => {
  const ACCEPTED: readonly (readonly [what: string, given: GivenEvent, quantity: string])[] = [
    ['an organisation of 128 characters', { orgId: 'o'.repeat(128) }, '1'],
    ['every character of an organisation', { orgId: 'aZ09._@-' }, '1'],
    ['an event id of 128 characters', { eventId: '~'.repeat(128) }, '1'],
    ['an event id of blanks', { eventId: ' ' }, '1'],
    ['a quantity of 0', { quantity: '0' }, '0'],
    ['leading and trailing zeros', { quantity: '007.000' }, '7'],
    ['2^63 − 1 quanta at scale 0', { quantity: '9223372036854775807' }, '9223372036854775807'],
    [
      '2^63 − 1 quanta at scale 4',
      { meter: 'run_units', quantity: '922337203685477.5807' },
      '922337203685477.5807',
    ],
    ['1 on a COUNT meter', { meter: 'calls', quantity: '1' }, '1'],
    ['1.0 on a COUNT meter', { meter: 'calls', quantity: '1.0' }, '1'],
    ['16 dimensions', { dimensions: many(16) }, '1'],
    ['a key of 64 characters', { dimensions: { ['k'.repeat(64)]: 'v' } }, '1'],
    ['a value of 256 characters', { dimensions: { k: 'v'.repeat(256) } }, '1'],
    ['an empty value', { dimensions: { k: '' } }, '1'],
    ['labels outside ASCII', { dimensions: { schlüssel: '値 😀' } }, '1'],
    [
      'names of Object.prototype',
      {
        dimensions: [
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ],
      },
      '1',
    ],
    ['a negative zero', { meter: 'run_units', run: { cpuSeconds: -0 } }, '0.1'],
    ['a run with nothing in it', { meter: 'run_units', run: {} }, '0.1'],
    ['the smallest double', { meter: 'run_units', run: { gpuSeconds: 5e-324 } }, '0.1'],
  ];
  test.each(ACCEPTED)('%s', async (_what, given, quantity) => {
    const reply = await ask(now(), 'record', { event: made({ orgId: 'good', ...given }) });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    expect(reply.quantity).toBe(quantity);
  });

  test('a value of 256 characters of two code units each', async () => {
    const given = made({ dimensions: { k: '😀'.repeat(256) } });
    const reply = await ask(now(), 'record', { event: given });
    expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
  });
});

function resultOf({ outcome, message, sequence }: EventResult) {
  const field = message.slice(0, message.indexOf(': '));
  return { outcome: nameIn(Outcome, outcome), field, sequence };
}
