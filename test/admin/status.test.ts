import { expect, test } from 'vitest';
import { getStatus } from '../../src/operations/admin/get-status.js';
import { type Dues, openDues } from '../../src/operations/billing/dues.js';
import { openSystemStatus } from '../../src/ops/system-status.js';
import { startPump } from '../../src/pumps/pump.js';
import { moveTo, use } from '../support/billing.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, timeText } from '../support/cold.js';
import { type Running, start } from '../support/service.js';

async function service(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ clock });
  try {
    await act(running, clock);
  } finally {
    await running.stop();
  }
}

const status = (running: Running) => cold(running, 'Admin', 'GetStatus');
const part = ({ parts }: Json, name: string) => parts.find((each: Json) => each.name === name);

test('names every part, in order, and what runs', () =>
  service(async (running, clock) => {
    await use(running, { orgId: 'acme', meter: 'executions', quantity: '1' });
    clock.advance(1000);
    const reply = await status(running);
    expect(reply).toMatchObject({
      ok: true,
      version: '0.1.0',
      sequence: running.core.journal.lastSequence(),
      catalogue_version: running.core.fold.catalogue()?.version,
      payments_simulated: true,
    });
    expect(timeText(reply.start_time)).toBe('2026-11-20T12:00:00.000Z');
    expect(reply.instance).toContain(running.directory);
    const names = reply.parts.map(({ name }: Json) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(
      expect.arrayContaining(['checkpoint', 'clock', 'disk', 'index', 'invoices', 'journal']),
    );
    expect(part(reply, 'journal')).toMatchObject({ lag_entries: 0, lag: null });
    expect(part(reply, 'journal').message).toMatch(/^\d+ of \d+ bytes; incarnation 1, start 1$/);
  }));

test('a part that follows the journal says how far it is, and how old the rest is', () =>
  service(async (running, clock) => {
    await use(running, { orgId: 'acme', meter: 'executions', quantity: '1' });
    const sequence = running.core.journal.lastSequence();
    clock.advance(90_000);
    const reply = await status(running);
    const { sequence: stored, lag_entries } = part(reply, 'checkpoint');
    expect(stored + lag_entries).toBe(sequence);
    // Too little was recorded for the indexes to write anything out.
    const rest = { sequence: 0, lag_entries: sequence, lag: { seconds: 90 } };
    expect(part(reply, 'index')).toMatchObject({ ok: true, ...rest });
  }));

/** With dues that no pump works on. */
async function invoicesPart(running: Running, dues: Dues) {
  const { reply } = await getStatus({ ...running.core, dues }, {});
  const found = reply.parts.find(({ name }) => name === 'invoices');
  return { ok: found?.ok, message: found?.message, seconds: found?.lag?.seconds };
}

test('closings that are late are trouble', () =>
  service(async (running, clock) => {
    const dues = openDues();
    const nowMs = clock.wallMs();
    dues.touch('unknown');
    dues.set('later', nowMs + 1);
    const message = 'organisations that wait: 1';
    expect(await invoicesPart(running, dues)).toEqual({ ok: true, message, seconds: undefined });
    dues.set('slow', nowMs - 4 * 60_000);
    expect(await invoicesPart(running, dues)).toMatchObject({ ok: true, seconds: 240n });
    dues.set('late', nowMs - 6 * 60_000);
    expect(await invoicesPart(running, dues)).toEqual({
      ok: false,
      message: 'organisations that wait: 3',
      seconds: 360n,
    });
  }));

test('an organisation that cannot be closed is trouble until it can', () =>
  service(async (running, clock) => {
    const dues = openDues();
    dues.putOff('acme', clock.wallMs() + 60_000);
    expect(await invoicesPart(running, dues)).toEqual({
      ok: false,
      message: 'organisations that cannot be closed: 1; the log says why (closing_failed)',
      seconds: undefined,
    });
    dues.set('acme', Number.POSITIVE_INFINITY);
    expect(await invoicesPart(running, dues)).toMatchObject({ ok: true, message: '' });
  }));

test('a clock that was set is trouble', () =>
  service(async (running, clock) => {
    moveTo(clock, '2026-11-20T12:00:01Z');
    clock.setWall(clock.wallMs() + 3 * 60_000);
    const reply = await status(running);
    expect(part(reply, 'clock')).toMatchObject({
      ok: false,
      message: 'the wall clock went 3 minutes from the monotonic one',
    });
    expect(reply.ok).toBe(false);
  }));

test('before the parts are up there are none', () => {
  const { parts } = openSystemStatus({ version: '1', instance: 'a', startMs: 0 });
  expect(parts()).toEqual([]);
});

test('a pump says why its last turn failed, until one goes well', async () => {
  const failures: unknown[] = [new Error('first'), undefined];
  const pump = startPump({
    name: 'p',
    everyMs: 3_600_000,
    turn() {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
    },
    onError: () => undefined,
  });
  const turn = async () => {
    pump.nudge();
    await new Promise((resolve) => setImmediate(resolve));
    return pump.failure();
  };
  expect(await turn()).toMatchObject({ message: 'first' });
  expect(await turn()).toBeUndefined();
  await pump.stop();
});
