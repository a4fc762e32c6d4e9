// Killed under every kind of load at once: unary calls, batches, a stream, and holds that are taken
// and settled. What was acknowledged is there once; what was not is settled by sending it again.

import { rmSync } from 'node:fs';
import type { ServiceError } from '@grpc/grpc-js';
import { beforeAll, expect, test } from 'vitest';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { ensureBuilt } from '../support/fault-build.js';
import { record, total, usage } from '../support/load.js';
import { refusedOf } from '../support/refusals.js';
import { ask, duration, item } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';
import { openStream } from '../support/streams.js';

/** 20 with `make faults`. */
const CYCLES = Number(process.env['TOLLGATE_STREAM_KILLS'] ?? 4);
const ORG = 'acme';

/** Everything that was ever sent, and what was acknowledged. */
interface Log {
  readonly sent: Set<string>;
  readonly acknowledged: Set<string>;
  /** Holds that were asked for, and those that were granted for sure. */
  readonly asked: Set<string>;
  readonly held: Set<string>;
}

beforeAll(() => ensureBuilt());

test(
  `killed ${CYCLES} times, nothing acknowledged is lost or counted twice`,
  async () => {
    const directory = temporaryDirectory();
    const log: Log = {
      sent: new Set(),
      acknowledged: new Set(),
      asked: new Set(),
      held: new Set(),
    };
    let server: ServerProcess;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      server = await spawnServer(directory);
      const loads = [
        unaryLoad(server, log, `u${cycle}`),
        batchLoad(server, log, `b${cycle}`),
        streamLoad(server, log, `s${cycle}`),
        holdLoad(server, log, `h${cycle}`),
      ];
      await new Promise((done) => setTimeout(done, 40 + ((cycle * 97) % 300)));
      await server.kill();
      await Promise.all(loads);
    }

    server = await spawnServer(directory);
    const found = await total(server.client, ORG);
    expect(found).toBeGreaterThanOrEqual(log.acknowledged.size);
    expect(found).toBeLessThanOrEqual(log.sent.size);
    for (const reservationId of log.asked) await finish(server, log, reservationId);
    await sendAgain(server, log);
    expect(await total(server.client, ORG)).toBe(log.sent.size);
    const { reservations } = await ask(server, 'listReservations', { orgId: ORG });
    expect(reservations).toEqual([]);
    expect(log.acknowledged.size).toBeGreaterThan(CYCLES * 4);
    await server.stop();
    rmSync(directory, { recursive: true });
  },
  60_000 + CYCLES * 10_000,
);

/** Runs until the server is gone. */
async function untilGone(step: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      await step(n);
    } catch {
      return;
    }
  }
}

function unaryLoad(server: ServerProcess, log: Log, prefix: string): Promise<void> {
  return untilGone(async (n) => {
    const eventId = `${prefix}-${n}`;
    log.sent.add(eventId);
    await record(server.client, ORG, eventId);
    log.acknowledged.add(eventId);
  });
}

function batchLoad(server: ServerProcess, log: Log, prefix: string): Promise<void> {
  return untilGone(async (n) => {
    const ids = Array.from({ length: 20 }, (_, i) => `${prefix}-${n}-${i}`);
    for (const id of ids) log.sent.add(id);
    const events = ids.map((id): UsageEvent => usage(ORG, id));
    const { results } = await ask(server, 'recordBatch', {
      orgId: ORG,
      events,
      atomic: n % 2 === 0,
    });
    for (const { outcome, eventId } of results) {
      expect(outcome).toBe(Outcome.OUTCOME_RECORDED);
      log.acknowledged.add(eventId);
    }
  });
}

/** A window of items ahead of the acknowledgements, so that a kill always meets some. */
async function streamLoad(server: ServerProcess, log: Log, prefix: string): Promise<void> {
  const stream = openStream(server);
  stream.options();
  let ended = false;
  void stream.end.then(() => {
    ended = true;
  });
  for (let n = 1; !ended; n++) {
    log.sent.add(`${prefix}-${n}`);
    stream.item(n, usage(ORG, `${prefix}-${n}`));
    if (n > 200) await Promise.race([stream.acked(n - 200), stream.end]);
  }
  const acked = Number(stream.replies.at(-1)?.ackedSequence ?? 0n);
  for (let n = 1; n <= acked; n++) log.acknowledged.add(`${prefix}-${n}`);
}

function holdLoad(server: ServerProcess, log: Log, prefix: string): Promise<void> {
  return untilGone(async (n) => {
    const reservationId = `${prefix}-${n}`;
    const items = [item('input_tokens')];
    log.asked.add(reservationId);
    const reply = await ask(server, 'reserve', {
      orgId: ORG,
      reservationId,
      items,
      ttl: duration(3600),
    });
    expect(reply.granted).toBe(true);
    log.held.add(reservationId);
    log.sent.add(`settle:${reservationId}`);
    await settle(server, reservationId);
    log.acknowledged.add(`settle:${reservationId}`);
  });
}

/** Every event once more: what was acknowledged is a duplicate, the rest is recorded now or was. */
async function sendAgain(server: ServerProcess, log: Log): Promise<void> {
  const ids = [...log.sent].filter((eventId) => !eventId.startsWith('settle:'));
  for (let from = 0; from < ids.length; from += 500) {
    const events = ids.slice(from, from + 500).map((eventId) => usage(ORG, eventId));
    const { results } = await ask(server, 'recordBatch', { orgId: ORG, events });
    for (const { eventId, outcome } of results) {
      const known = outcome === Outcome.OUTCOME_DUPLICATE;
      expect(known || !log.acknowledged.has(eventId), eventId).toBe(true);
      expect(known || outcome === Outcome.OUTCOME_RECORDED, eventId).toBe(true);
    }
  }
}

/** A hold that was granted is known, and is settled, now or again; another one may be unknown. */
async function finish(server: ServerProcess, log: Log, reservationId: string): Promise<void> {
  log.sent.add(`settle:${reservationId}`);
  try {
    await settle(server, reservationId);
  } catch (error) {
    expect(refusedOf(error as ServiceError).reason).toBe('RESERVATION_NOT_FOUND');
    expect(log.held.has(reservationId), reservationId).toBe(false);
    log.sent.delete(`settle:${reservationId}`);
  }
}

async function settle(server: ServerProcess, reservationId: string): Promise<void> {
  const events = [usage('', `settle:${reservationId}`)];
  await ask(server, 'settle', { orgId: ORG, reservationId, events });
}
