// Two ways to reach a service from a world of quotas: as callers do, and its core in this process,
// which is a hundred times faster and tells a decision from an answer.

import type { ServiceError } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Answer } from '../../src/operations/core.js';
import { amendEvent, voidEvent } from '../../src/operations/corrections/correct.js';
import { Refusal } from '../../src/operations/refusal.js';
import { metering } from '../../src/rpc/metering.js';
import type { TestClock } from './clock.js';
import { cold } from './cold.js';
import { moveOn } from './move-on.js';
import type { Answered, Face } from './quota-world.js';
import { refusedOf } from './refusals.js';
import { ask, DEFAULTS, type Reply, type Request } from './requests.js';
import type { Running, UnaryName } from './service.js';
import type { SimCore } from './sim-core.js';

export function grpcFace(running: () => Running, clock: TestClock): Face {
  const DURABLE = Promise.resolve();
  const answered = <T>(reply: Promise<T>): Promise<Answered<T>> =>
    reply.then(
      (value) => ({ reply: value, sequence: 0, durable: DURABLE }),
      (error: ServiceError) => ({ reason: refusedOf(error).reason }),
    );
  return {
    ask: (name, given) => answered(ask(running(), name, given)),
    correct({ orgId, eventId, requestId, replacement }) {
      const given = { org_id: orgId, event_id: eventId, reason: 'wrong', request_id: requestId };
      if (replacement === undefined) {
        return answered(cold(running(), 'Correction', 'VoidEvent', given));
      }
      const { meter, amount, eventTime, dimensions } = replacement;
      const by = {
        event_id: replacement.eventId,
        meter,
        quantity: amount?.$case === 'quantity' ? amount.value : '',
        event_time: eventTime && { ...eventTime, seconds: Number(eventTime.seconds) },
        dimensions: Object.fromEntries(dimensions),
      };
      return answered(cold(running(), 'Correction', 'AmendEvent', { ...given, replacement: by }));
    },
    advance: (ms) => moveOn(running(), clock, ms),
    async expire(due) {
      const { holds } = running().core.fold;
      const left = holds.open() - due;
      await expect.poll(() => holds.open(), { interval: 5, timeout: 10_000 }).toBe(left);
      return () => 0;
    },
  };
}

/** An answer is told to `onAnswer` when it is given: from where, and what sequence it depends on. */
export function coreFace(
  sim: () => SimCore,
  clock: TestClock,
  onAnswer: (from: SimCore, sequence: number) => void,
): Face {
  async function answered<T>(run: () => Answer<T> | Promise<Answer<T>>): Promise<Answered<T>> {
    const from = sim();
    const { journal } = from.core;
    try {
      const { reply, after } = await run();
      const durable = new Promise<void>((resolve) => {
        journal.whenSynced(after, () => {
          onAnswer(from, after);
          resolve();
        });
      });
      return { reply, sequence: after, durable };
    } catch (error) {
      if (error instanceof Refusal) return { reason: error.reason };
      throw error;
    }
  }

  return {
    ask<Name extends UnaryName>(name: Name, given: Partial<Request<Name>>) {
      const run = metering[name].run as unknown as Run<Name>;
      return answered(() => run(sim().core, { ...DEFAULTS[name], ...given }));
    },
    correct({ orgId, eventId, requestId, replacement }) {
      const given = { orgId, eventId, requestId, reason: 'wrong', validateOnly: false };
      return answered<unknown>(() =>
        replacement === undefined
          ? voidEvent(sim().core, given)
          : amendEvent(sim().core, { ...given, replacement }),
      );
    },
    async advance(ms) {
      await sim().core.journal.drain();
      clock.advance(ms);
    },
    async expire(due) {
      const { journal, fold } = sim().core;
      const before = journal.lastSequence();
      const left = fold.holds.open() - due;
      if (journal.refusal('ending') !== undefined) return undefined;
      sim().expire();
      expect(fold.holds.open()).toBe(left);
      return (reservationId) => {
        for (let sequence = before + 1; sequence <= journal.lastSequence(); sequence++) {
          const entry = sim().entry(sequence);
          if (entry.kind === 'expire' && entry.reservationId === reservationId) return sequence;
        }
        throw new Error(`${reservationId} did not end`);
      };
    },
  };
}

type Run<Name extends UnaryName> = (
  core: SimCore['core'],
  request: Request<Name>,
) => Answer<Reply<Name>> | Promise<Answer<Reply<Name>>>;
