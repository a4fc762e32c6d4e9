// A service beside the model of quota-model.ts: what is done to the one is told to the other, and
// whether the two agree. The service is reached by a face: over gRPC, or its core in this process.

import { expect } from 'vitest';
import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { TestClock } from './clock.js';
import type { Draw } from './draws.js';
import { type Now, openModel, type QuotaModel } from './quota-model.js';
import { METERS, PROBES, type UsersWindow } from './quota-rules.js';
import { item, type Reply, type Request, time } from './requests.js';
import type { UnaryName } from './service.js';

export const ORGS = ['a', 'b'];

/** What a command was answered, and when the answer may be given. */
export type Answered<T> =
  | { readonly reply: T; readonly sequence: number; readonly durable: Promise<void> }
  | { readonly reason: string };

export interface Correction {
  readonly orgId: string;
  readonly eventId: string;
  readonly requestId: string;
  readonly replacement: UsageEvent | undefined;
}

export interface Face {
  /** Resolves as soon as it is decided; what is not given is absent. */
  readonly ask: <Name extends UnaryName>(
    name: Name,
    given: Partial<Request<Name>>,
  ) => Promise<Answered<Reply<Name>>>;
  readonly correct: (correction: Correction) => Promise<Answered<unknown>>;
  readonly advance: (ms: number) => Promise<void>;
  /**
   * Ends the holds that are due, so many; resolves with the sequence of each end, by its hold, or
   * with nothing where it is put off.
   */
  readonly expire: (due: number) => Promise<((reservationId: string) => number) | undefined>;
}

/** What happened, as the model is told. */
type Fact = (model: QuotaModel) => void;

export interface World {
  readonly clock: TestClock;
  readonly usersWindow: UsersWindow;
  readonly facts: { readonly fact: Fact; readonly sequence: number }[];
  /** Refusals that may come now: then nothing has happened. */
  readonly refusals: Set<string>;
  /** Answers that are not given yet. */
  readonly waiting: Promise<void>[];
  /** Sends the last command once more. */
  again: () => Promise<void>;
  /** Where all that is random comes from. */
  draw: Draw;
  model: QuotaModel;
  face: Face;
  next: number;
}

export interface WorldOptions {
  readonly draw: Draw;
  readonly clock: TestClock;
  readonly face: Face;
  readonly usersWindow: UsersWindow;
}

export function openWorld(options: WorldOptions): World {
  return {
    ...options,
    facts: [],
    refusals: new Set(),
    waiting: [],
    again: async () => {},
    model: openModel(options.usersWindow),
    next: 0,
  };
}

export function pick<T>({ draw }: Pick<World, 'draw'>, from: readonly T[]): T {
  return from[draw(from.length)] as T;
}

export function nowIn({ clock }: World): Now {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

/** It happened with the entry of that sequence. */
export function note(world: World, sequence: number, fact: Fact): void {
  world.facts.push({ fact, sequence });
  fact(world.model);
}

/** What came after a sequence did not happen; holds end by the wall clock from here on. */
export function restartAt(world: World, sequence: number): void {
  const kept = world.facts.filter((each) => each.sequence <= sequence);
  world.facts.splice(0, world.facts.length, ...kept);
  world.model = openModel(world.usersWindow);
  for (const { fact } of kept) fact(world.model);
  const now = nowIn(world);
  note(world, sequence, (model) => model.restart(now));
}

/** Every answer that is due. */
export async function everyAnswer({ waiting }: World): Promise<void> {
  await Promise.all(waiting.splice(0));
}

/** Every counter and the totals of all time. */
export async function compare(world: World): Promise<void> {
  const { model, clock, face } = world;
  for (const orgId of ORGS) {
    for (const { meter, labels } of PROBES) {
      const items = [item(meter, { dimensions: labels })];
      const { quotas } = replyOf(await face.ask('checkQuota', { orgId, items }));
      const found = quotas.map(({ quotaKey, used, reserved }) => [quotaKey, used, reserved]);
      const expected = model.counters(orgId, meter, labels, clock.wallMs());
      expect([orgId, meter, labels, found.toSorted()]).toEqual([orgId, meter, labels, expected]);
    }
    const given = { startTime: time('2020-01-01'), endTime: time('2040-01-01') };
    const asked = await face.ask('getUsage', { orgId, meters: METERS, ...given });
    const { totals } = replyOf(asked);
    const shown = totals.map(({ meter, quantity, eventCount }) => [meter, quantity, eventCount]);
    expect(shown).toEqual(METERS.map((meter) => model.total(orgId, meter)));
  }
}

/** Of what cannot be refused. */
function replyOf<T>(answered: Answered<T>): T {
  if ('reason' in answered) throw new Error(`refused: ${answered.reason}`);
  return answered.reply;
}
