// Random commands for a world of quotas. Each is told to the service, and its answer is the model's.

import { expect } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { EndedHold, Hold, HoldRequest, Item } from './quota-model.js';
import { DAY_MS, type Used } from './quota-rules.js';
import { type Answered, note, nowIn, ORGS, pick, type World } from './quota-world.js';
import { duration, event, item, nameIn, time } from './requests.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Its refusals may come before or after what else is found. */
const NO_ROOM = ['DISK_FULL', 'JOURNAL_FULL'];

export const COMMANDS = {
  record: (world) => send(world, recordOf(world)),
  resend: (world) => send(world, resendOf(world)),
  conflict: (world) => send(world, conflictOf(world)),
  reserve: (world) => send(world, reserveOf(world)),
  extend: (world) => send(world, extendOf(world)),
  settle: (world) => send(world, settleOf(world)),
  release: (world) => send(world, releaseOf(world)),
  correct: (world) => send(world, correctionOf(world)),
  advance,
} satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

export type CommandName = keyof typeof COMMANDS;

/** Out of a hundred; those that take time last. */
const WEIGHTS: Readonly<Record<CommandName, number>> = {
  record: 46,
  resend: 6,
  conflict: 3,
  reserve: 14,
  extend: 4,
  settle: 8,
  release: 4,
  correct: 7,
  advance: 8,
};

const BELOW = {
  all: 100,
  still: 100 - WEIGHTS.advance,
  instant: 100 - WEIGHTS.advance - WEIGHTS.correct,
};

/**
 * One command: of all; of those for which the clock stands; of those that are decided at once, while
 * a correction waits for the disk itself.
 */
export async function step(world: World, of: keyof typeof BELOW = 'all'): Promise<void> {
  let left = world.draw(BELOW[of]);
  for (const [name, weight] of Object.entries(WEIGHTS)) {
    left -= weight;
    if (left < 0) return COMMANDS[name as CommandName](world);
  }
}

/** The same each time that it is sent. */
interface Command {
  readonly name: string;
  /** What it is answered now. */
  readonly expected: (world: World) => string;
  readonly ask: (world: World) => Promise<Answered<string>>;
  /** What happens where it is answered so. */
  readonly happens: (world: World, answer: string, sequence: number) => void;
}

async function send(world: World, command: Command | undefined): Promise<void> {
  if (command === undefined) return;
  const once = async () => {
    const expected = command.expected(world);
    const answered = await command.ask(world);
    if ('reason' in answered) {
      if (world.refusals.has(answered.reason) && isPossible(answered.reason, expected)) return;
      expect([command.name, answered.reason]).toEqual([command.name, expected]);
      return;
    }
    expect([command.name, answered.reply]).toEqual([command.name, expected]);
    world.waiting.push(answered.durable);
    command.happens(world, answered.reply, answered.sequence);
  };
  world.again = once;
  await once();
}

/** Room is needed by what changes something; too much waiting refuses all. */
function isPossible(reason: string, expected: string): boolean {
  return !NO_ROOM.includes(reason) || !['DUPLICATE', 'EVENT_ID_REUSED'].includes(expected);
}

/** A piece of usage: mostly new, some of it late, little of it wrong. */
function usageOf(world: World, orgId: string, eventId: string): Used {
  const { draw, clock } = world;
  const meter = pick(world, ['tokens', 'tokens', 'calls', 'seats', 'users', 'peak']);
  const amounts: Record<string, string> = {
    tokens: `${draw(40)}`,
    calls: '1',
    seats: `${draw(14)}`,
    users: '1',
    peak: `${draw(60)}.5`,
  };
  const labels: Record<string, string> = {};
  if (meter === 'tokens' && draw(3) > 0) labels['run'] = pick(world, ['r1', 'r2']);
  if (meter === 'tokens' && draw(2) > 0) labels['model'] = pick(world, ['x', 'y']);
  if (meter === 'seats') labels['team'] = pick(world, ['s', 't', 'u']);
  if (meter === 'users') labels['user'] = pick(world, ['u1', 'u2', 'u3', 'u4', 'u5']);
  const atMs = clock.wallMs() - backOf(world);
  const used = { orgId, eventId, meter, amount: amounts[meter] ?? '1', labels, atMs };
  const wrong = draw(50);
  if (wrong === 0) return { ...used, amount: '-1' };
  return wrong === 1 ? { ...used, meter: 'unknown' } : used;
}

/** How long ago: most of it now, some too long ago, some ahead of its time. */
function backOf({ draw }: World): number {
  const kind = draw(60);
  if (kind === 0) return 36 * DAY_MS;
  if (kind === 1) return -6 * MINUTE_MS;
  if (kind < 4) return -draw(5 * MINUTE_MS);
  if (kind < 8) return draw(34 * DAY_MS);
  return kind < 24 ? draw(60 * HOUR_MS) : 0;
}

const sent = ({ orgId, eventId, meter, amount, labels, atMs }: Used) =>
  event({ orgId, eventId, meter, quantity: amount, at: time(atMs), dimensions: labels });

function recordOf(world: World): Command {
  const used = usageOf(world, pick(world, ORGS), `e${world.next++}`);
  return recordCommand(used, world.draw(3) > 0);
}

function recordCommand(used: Used, enforceQuota: boolean): Command {
  return {
    name: `record ${JSON.stringify(used)}${enforceQuota ? ', enforced' : ''}`,
    expected: ({ model, clock }) => model.record(used, clock.wallMs(), enforceQuota),
    async ask({ face }) {
      const answered = await face.ask('record', { event: sent(used), enforceQuota });
      return named(answered, ({ outcome, quotas }) => {
        const name = nameIn(Outcome, outcome);
        // A hard limit is one, whatever the model says.
        const isOver = quotas.some((each) => Number(each.projected) > Number(each.limit));
        const kept = !enforceQuota || name !== 'RECORDED' || used.meter === 'peak' || !isOver;
        return kept ? name : 'BEYOND A LIMIT';
      });
    },
    happens(world, answer, sequence) {
      const { wallMs } = nowIn(world);
      if (answer === 'RECORDED') note(world, sequence, (model) => model.add(used, wallMs));
    },
  };
}

/** An event that was recorded, once more. */
function resendOf(world: World): Command | undefined {
  const known = world.model.events(pick(world, ORGS));
  return known.length === 0 ? undefined : recordCommand(pick(world, known), world.draw(2) > 0);
}

/** Its id with another body. */
function conflictOf(world: World): Command | undefined {
  const known = world.model.events(pick(world, ORGS));
  if (known.length === 0) return undefined;
  const used = pick(world, known);
  const other = { ...used, labels: { ...used.labels, note: 'another' } };
  return recordCommand(other, world.draw(2) > 0);
}

function reserveOf(world: World): Command {
  const { draw } = world;
  const run = pick(world, ['r1', 'r2']);
  const items = Array.from({ length: 1 + draw(2) }, (): Item => {
    if (draw(3) === 0) return { meter: 'calls', quantity: 1, labels: {} };
    return {
      meter: 'tokens',
      quantity: draw(30),
      labels: { run, model: pick(world, ['x', 'y']) },
    };
  });
  const known = [...world.model.holds(), ...world.model.ended()];
  if (known.length > 0 && draw(8) === 0) return reserveCommand(pick(world, known));
  const reservationId = `h${world.next++}`;
  const ttlMs = (60 + draw(20 * 3600)) * 1000;
  return reserveCommand({ orgId: pick(world, ORGS), reservationId, ttlMs, items });
}

function reserveCommand(hold: HoldRequest): Command {
  const { orgId, reservationId, ttlMs, items } = hold;
  return {
    name: `reserve ${JSON.stringify(hold)}`,
    expected: ({ model, clock }) => model.reserve(hold, clock.wallMs()),
    async ask({ face }) {
      const given = { orgId, reservationId, ttl: duration(ttlMs / 1000), items: items.map(asked) };
      return named(await face.ask('reserve', given), ({ granted }) =>
        granted ? 'GRANTED' : 'DENIED',
      );
    },
    happens(world, answer, sequence) {
      if (answer !== 'GRANTED' || world.model.isOpen(hold)) return;
      const now = nowIn(world);
      note(world, sequence, (model) => model.hold({ orgId, reservationId, ttlMs, items }, now));
    },
  };
}

const asked = ({ meter, quantity, labels }: Item) =>
  item(meter, { quantity: `${quantity}`, dimensions: labels });

/** An open hold mostly, or one that ended. */
function holdIn(world: World): Hold | EndedHold | undefined {
  const { model, draw } = world;
  const open = model.holds();
  const from: readonly (Hold | EndedHold)[] =
    draw(4) === 0 || open.length === 0 ? model.ended() : open;
  return from.length === 0 ? undefined : pick(world, from);
}

function extendOf(world: World): Command | undefined {
  const hold = holdIn(world);
  if (hold === undefined) return undefined;
  const { orgId, reservationId } = hold;
  const ttlMs = (1 + world.draw(86_400)) * 1000;
  return {
    name: `extend ${reservationId} by ${ttlMs} ms`,
    expected: ({ model }) => model.extend(hold),
    async ask({ face }) {
      const given = { orgId, reservationId, ttl: duration(ttlMs / 1000) };
      return named(await face.ask('extendReservation', given), () => 'EXTENDED');
    },
    happens(world, _answer, sequence) {
      const now = nowIn(world);
      note(world, sequence, (model) => model.setEnd(hold, ttlMs, now));
    },
  };
}

function releaseOf(world: World): Command | undefined {
  const hold = holdIn(world);
  if (hold === undefined) return undefined;
  const { orgId, reservationId } = hold;
  return {
    name: `release ${reservationId}`,
    expected: ({ model }) => model.release(hold),
    async ask({ face }) {
      return named(await face.ask('release', { orgId, reservationId }), () => 'RELEASED');
    },
    happens(world, _answer, sequence) {
      if (world.model.isOpen(hold))
        note(world, sequence, (model) => model.end(hold, 'release', []));
    },
  };
}

function settleOf(world: World): Command | undefined {
  const hold = holdIn(world);
  if (hold === undefined) return undefined;
  const { orgId, reservationId, items } = hold;
  const labels = items.find(({ meter }) => meter === 'tokens')?.labels ?? {};
  const run: Record<string, string> = labels['run'] === undefined ? {} : { run: labels['run'] };
  const events = Array.from({ length: world.draw(3) }, (_, i): Used => {
    const eventId = `rsv:${reservationId}:${i}`;
    const amount = `${world.draw(60)}`;
    return { orgId, eventId, meter: 'tokens', amount, labels: run, atMs: world.clock.wallMs() };
  });
  return {
    name: `settle ${JSON.stringify(hold)} with ${JSON.stringify(events)}`,
    expected: ({ model, clock }) => model.settle(hold, events, clock.wallMs()),
    async ask({ face }) {
      // Id and scope are the hold's.
      const given = events.map((each) => sent({ ...each, eventId: '', labels: {} }));
      const answered = await face.ask('settle', { orgId, reservationId, events: given });
      return named(answered, ({ late, results }) => {
        expect(results.map(({ outcome }) => nameIn(Outcome, outcome))).toEqual(
          events.map(() => 'RECORDED'),
        );
        return late ? 'SETTLED late' : 'SETTLED';
      });
    },
    happens(world, _answer, sequence) {
      if (world.model.isSettled(hold)) return;
      const { wallMs } = nowIn(world);
      note(world, sequence, (model) => {
        for (const each of events) model.add(each, wallMs);
        model.end(hold, 'settle', events);
      });
    },
  };
}

/** Void or amend, of an event that there is or was taken back before. */
function correctionOf(world: World): Command | undefined {
  const { draw, model } = world;
  const orgId = pick(world, ORGS);
  const known = model.events(orgId);
  if (known.length === 0) return undefined;
  const { eventId, atMs, meter, labels } = pick(world, known);
  const number = world.next++;
  const { amount } = usageOf(world, orgId, '');
  // Of a meter that takes any amount: the amount is another, the rest may stay.
  const by: Used | undefined =
    draw(2) === 0 || meter !== 'tokens'
      ? undefined
      : { orgId, eventId: `e${number}`, meter, amount: amountOf(amount), labels, atMs };
  const requestId = draw(2) === 0 ? '' : `c${number}`;
  const replacement = by && sent(by);
  return {
    name: `correct ${eventId} by ${JSON.stringify(by)}`,
    expected: ({ model, clock }) => model.correct(orgId, eventId, by, clock.wallMs()),
    async ask({ face }) {
      return named(
        await face.correct({ orgId, eventId, requestId, replacement }),
        () => 'CORRECTED',
      );
    },
    happens(world, _answer, sequence) {
      const before = world.model.events(orgId).find((each) => each.eventId === eventId);
      if (before?.replacedBy !== undefined) return;
      const { wallMs } = nowIn(world);
      note(world, sequence, (model) => {
        if (by !== undefined) model.add(by, wallMs);
        model.takeBack(orgId, eventId, by?.eventId ?? '');
      });
    },
  };
}

const amountOf = (amount: string) => `${Math.max(0, Math.floor(Number(amount)))}`;

async function advance(world: World): Promise<void> {
  await world.face.advance(world.draw(9 * HOUR_MS));
  await endDue(world);
}

/** Holds whose time is over end by themselves. */
export async function endDue(world: World): Promise<void> {
  const due = world.model.due(nowIn(world));
  const sequenceOf = await world.face.expire(due.length);
  if (sequenceOf === undefined) return;
  for (const hold of due) {
    note(world, sequenceOf(hold.reservationId), (model) => model.end(hold, 'expire', []));
  }
}

function named<T>(answered: Answered<T>, name: (reply: T) => string): Answered<string> {
  return 'reason' in answered ? answered : { ...answered, reply: name(answered.reply) };
}
