// Random commands for an in-process service, and everything that it answers about them.

import fc, { type Arbitrary } from 'fast-check';
import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import type { Core } from '../../src/operations/core.js';
import { record } from '../../src/operations/record.js';
import { recordBatch } from '../../src/operations/record-batch.js';
import { Refusal } from '../../src/operations/refusal.js';
import { extendReservation, release } from '../../src/operations/reservations.js';
import { reserve } from '../../src/operations/reserve.js';
import { settle } from '../../src/operations/settle.js';
import { expireReservations } from '../../src/pumps/expire-reservations.js';
import { summariseDenials } from '../../src/pumps/summarise-denials.js';
import { catalogueYaml, freePlan } from './catalogue.js';
import type { TestClock } from './clock.js';
import { until } from './fault-journal.js';
import { ask, duration, event, type GivenEvent, item, time } from './requests.js';
import type { Running } from './service.js';

export const COMMANDS_YAML = catalogueYaml({
  plans: freePlan(
    '{key: tokens, meter: tokens, limit: "400", thresholds: [25, 50, 75, 100]}',
    '{key: run, meter: tokens, limit: "90", scope: [run], window: LIFETIME}',
    '{key: model, meter: tokens, match: {model: large}, limit: "150", window: CALENDAR_DAY}',
    '{key: calls, meter: calls, limit: "30", window: FIXED_FROM_FIRST_USE, window_length: 5h}',
    '{key: peak, meter: peak, limit: "60", mode: SHADOW}',
    '{key: seats, meter: seats, limit: "12", window: LIFETIME}',
    '{key: users, meter: users, limit: "4", mode: SOFT, window: CALENDAR_HOUR}',
  ),
});

export const ORGANISATIONS = ['acme', 'bolt.io', 'cygnus'];
const RESERVATIONS = Array.from({ length: 8 }, (_, i) => `r-${i}`);

export type Command =
  | { readonly kind: 'record'; readonly event: GivenEvent; readonly enforce: boolean }
  | { readonly kind: 'batch'; readonly events: readonly GivenEvent[]; readonly atomic: boolean }
  | {
      readonly kind: 'reserve';
      readonly orgId: string;
      readonly id: string;
      readonly calls: number;
    }
  | {
      readonly kind: 'settle';
      readonly orgId: string;
      readonly id: string;
      readonly events: number;
    }
  | { readonly kind: 'release' | 'extend'; readonly orgId: string; readonly id: string }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'summarise' };

const orgId = fc.constantFrom(...ORGANISATIONS);
const id = fc.constantFrom(...RESERVATIONS);
/** Minutes before now: some in the last hour, some in the last month. */
const minutesAgo = fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 34 * 24 * 60 }));

interface TimedEvent extends GivenEvent {
  readonly minutesAgo: number | undefined;
}

const label = <T extends Record<string, Arbitrary<string>>>(keys: T) =>
  fc.record(keys, { requiredKeys: [] }) as Arbitrary<Record<string, string>>;

const kinds: readonly Arbitrary<Omit<TimedEvent, 'orgId' | 'eventId' | 'minutesAgo'>>[] = [
  fc.record({
    meter: fc.constant('tokens'),
    quantity: fc.nat({ max: 60 }).map(String),
    dimensions: label({
      model: fc.constantFrom('large', 'small', 'größe'),
      run: fc.constantFrom('a', 'b', 'x'.repeat(256)),
    }),
  }),
  fc.record({
    meter: fc.constant('calls'),
    dimensions: label({ tool: fc.constantFrom('s', 't') }),
  }),
  fc.record({
    meter: fc.constant('peak'),
    quantity: fc.nat({ max: 9000 }).map((cents) => `${cents / 100}`),
    dimensions: label({ region: fc.constantFrom('eu', 'us') }),
  }),
  fc.record({
    meter: fc.constant('seats'),
    quantity: fc.nat({ max: 9 }).map(String),
    dimensions: label({ team: fc.constantFrom('red', 'blue') }),
  }),
  fc.record({
    meter: fc.constant('users'),
    dimensions: fc.record({
      user: fc.constantFrom('u1', 'u2', 'u3', 'u4', 'u5'),
      region: fc.constantFrom('eu', 'us'),
    }),
  }),
  fc.record({
    meter: fc.constant('run_units'),
    run: fc.record({ cpuSeconds: fc.nat({ max: 500 }).map((tenths) => tenths / 10) }),
    dimensions: label({ tool: fc.constantFrom('build_module', 'new') }),
  }),
];

/** Ids repeat, with the same body and with another. */
const anEvent: Arbitrary<TimedEvent> = fc
  .tuple(
    orgId,
    fc.nat({ max: 60 }),
    fc.option(minutesAgo, { nil: undefined, freq: 2 }),
    fc.oneof(...kinds),
  )
  .map(([org, number, ago, rest]) => ({
    ...rest,
    orgId: org,
    eventId: `e-${number}`,
    minutesAgo: ago,
  }));

const command: Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: recordOf() },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      events: fc.array(anEvent, { minLength: 1, maxLength: 8 }),
      atomic: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      orgId,
      id,
      calls: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      orgId,
      id,
      events: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('release', 'extend'), orgId, id }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.oneof(fc.nat({ max: 60_000 }), fc.nat({ max: 20 * 3_600_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'summarise' }) },
) as Arbitrary<Command>;

function recordOf(): Arbitrary<Command> {
  return fc.record({
    kind: fc.constant('record' as const),
    event: anEvent,
    enforce: fc.boolean(),
  });
}

export const commands: Arbitrary<readonly Command[]> = fc.array(command, {
  minLength: 20,
  maxLength: 90,
});

/** A refusal is an answer too. */
export function run(core: Core, clock: TestClock, given: Command): void {
  try {
    obey(core, clock, given);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

function obey(core: Core, clock: TestClock, given: Command): void {
  const made = (each: GivenEvent) => event(timed(clock, each as TimedEvent));
  switch (given.kind) {
    case 'record':
      record(core, {
        event: made(given.event),
        durability: 0,
        enforceQuota: given.enforce,
        validateOnly: false,
      });
      return;
    case 'batch':
      recordBatch(core, {
        orgId: '',
        events: given.events.map(made),
        atomic: given.atomic,
        durability: 0,
        enforceQuota: false,
      });
      return;
    case 'reserve': {
      const items = [
        item('calls'),
        item('tokens', { quantity: `${given.calls * 3}`, dimensions: { run: 'a' } }),
      ];
      const ttl = duration(given.calls * 600);
      reserve(core, { ...given, reservationId: given.id, items, ttl, allowPartial: true });
      return;
    }
    case 'settle': {
      const events = Array.from({ length: given.events }, (_, i) =>
        event({ meter: i === 0 ? 'calls' : 'tokens' }),
      );
      settle(core, { ...given, reservationId: given.id, events, durability: 0 });
      return;
    }
    case 'release':
      release(core, { ...given, reservationId: given.id });
      return;
    case 'extend':
      extendReservation(core, { ...given, reservationId: given.id, ttl: duration(900) });
      return;
    case 'advance':
      clock.advance(given.ms);
      expireReservations(core);
      return;
    case 'summarise':
      summariseDenials(core);
  }
}

function timed(clock: TestClock, { minutesAgo: ago, ...given }: TimedEvent): GivenEvent {
  if (ago === undefined) return given;
  return { ...given, at: timeAgo(clock, ago) };
}

function timeAgo(clock: TestClock, minutes: number): Timestamp {
  return time(clock.wallMs() - minutes * 60_000);
}

/** Everything that can be asked about the organisations. Nothing in it may change by itself. */
export async function answersOf(running: Running, clock: TestClock): Promise<unknown> {
  expireReservations(running.core);
  await running.core.journal.drain();
  // Index runs are written behind: their own tests look at the moments in between.
  await until(() => running.core.indexes.backlog() === 0);
  const answers: Record<string, unknown> = {};
  const endTime = time(clock.wallMs());
  const startTime = time(clock.wallMs() - 60 * 86_400_000 - 1234);
  for (const org of ORGANISATIONS) {
    const whole = { orgId: org, startTime, endTime };
    answers[org] = {
      month: await ask(running, 'getUsage', { orgId: org, groupBy: [] }),
      days: await ask(running, 'getUsage', { ...whole, window: 3 }),
      byModel: await ask(running, 'getUsage', { ...whole, meters: ['tokens'], groupBy: ['model'] }),
      byRun: await ask(running, 'getUsage', { ...whole, meters: ['tokens'], groupBy: ['run'] }),
      quotas: await ask(running, 'checkQuota', { orgId: org }),
      runQuotas: await ask(running, 'checkQuota', {
        orgId: org,
        items: ['a', 'b', 'x'.repeat(256)].map((name) =>
          item('tokens', { quantity: '1', dimensions: { run: name, model: 'large' } }),
        ),
      }),
      open: await ask(running, 'listReservations', { orgId: org }),
      reservations: await Promise.all(
        RESERVATIONS.map((name) => reservationOf(running, org, name)),
      ),
      events: await ask(running, 'listUsageEvents', { orgId: org, pageSize: 1000 }),
      invoice: (await ask(running, 'getInvoice', { orgId: org })).invoice,
    };
  }
  return answers;
}

async function reservationOf(running: Running, orgId: string, name: string): Promise<unknown> {
  try {
    return await ask(running, 'getReservation', { orgId, reservationId: name });
  } catch (error) {
    return String(error);
  }
}
