import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closeAt, invoicesOf, linesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const MONTH = 'window: CALENDAR_MONTH';
const yaml = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.10}
        - {meter: calls, unit_price: 1}
        - {meter: peak, unit_price: 2}
        - {meter: users, unit_price: 3}
        - {meter: seats, unit_price: 4}`,
  plans: freePlan(
    `{key: tokens, meter: tokens, limit: 100, ${MONTH}}`,
    `{key: calls, meter: calls, limit: 100, ${MONTH}}`,
    `{key: peak, meter: peak, limit: 100, ${MONTH}}`,
    `{key: users, meter: users, limit: 100, ${MONTH}}`,
    `{key: seats, meter: seats, limit: 100, ${MONTH}}`,
    `{key: runs, meter: tokens, limit: 100, scope: [run], ${MONTH}}`,
  ),
});

async function serving(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const call = (running: Running, method: string, request: object) =>
  cold(running, 'Correction', method, { org_id: 'acme', reason: 'wrong', ...request });

async function usedOf(running: Running, orgId: string): Promise<Record<string, string>> {
  const { quotas } = await ask(running, 'checkQuota', { orgId });
  const own = quotas.map(({ quotaKey, used }): [string, string] => [quotaKey, used]);
  return Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function totalsOf(running: Running, orgId: string): Promise<string[]> {
  const { totals } = await ask(running, 'getUsage', { orgId });
  return totals.map(({ meter, quantity, eventCount }) => `${meter} ${quantity} (${eventCount})`);
}

test('a voided event is taken out of totals, quotas and the running invoice, and stays listed', () =>
  serving(async (running) => {
    await use(running, { orgId: 'acme', eventId: 'a', meter: 'tokens', quantity: '40' });
    await use(running, { orgId: 'acme', eventId: 'b', meter: 'tokens', quantity: '2' });
    const { correction } = await call(running, 'VoidEvent', { event_id: 'a' });
    expect(correction).toMatchObject({
      event_id: 'a',
      replacement_event_id: '',
      effect: { period_invoiced: false, estimated_amount_difference: '-4' },
    });
    expect(await totalsOf(running, 'acme')).toEqual(['tokens 2 (1)']);
    expect(await usedOf(running, 'acme')).toMatchObject({ tokens: '2' });
    const { events } = await ask(running, 'listUsageEvents', { orgId: 'acme' });
    expect(events.map(({ eventId, voided }) => [eventId, voided])).toEqual([
      ['b', false],
      ['a', true],
    ]);
    const { invoice } = await cold(running, 'Metering', 'GetInvoice', { org_id: 'acme' });
    expect(linesOf(invoice)).toEqual(['USAGE tokens 2 0.20']);
    expect((await call(running, 'VoidEvent', { event_id: 'a' })).correction).toMatchObject({
      correction_sequence: correction.correction_sequence,
    });
    const retry = event({ orgId: 'acme', eventId: 'a', meter: 'tokens', quantity: '40' });
    expect(await ask(running, 'record', { event: retry })).toMatchObject({ outcome: 2 });
    expect(await refused(call(running, 'VoidEvent', { event_id: 'zz' }))).toMatchObject({
      reason: 'EVENT_NOT_FOUND',
    });
  }));

test('an amended event has another in its place, in one step', () =>
  serving(async (running) => {
    await use(running, { orgId: 'acme', eventId: 'a', meter: 'tokens', quantity: '40' });
    const amend = (request: object) =>
      call(running, 'AmendEvent', {
        event_id: 'a',
        replacement: { event_id: 'a2', meter: 'tokens', quantity: '4' },
        ...request,
      });
    const { correction } = await amend({ request_id: 'r1' });
    expect(correction).toMatchObject({ replacement_event_id: 'a2' });
    expect(await amend({ request_id: 'r1' })).toMatchObject({ correction });
    expect((await amend({})).correction.correction_sequence).toBe(correction.correction_sequence);
    expect(await totalsOf(running, 'acme')).toEqual(['tokens 4 (1)']);
    const { events } = await ask(running, 'listUsageEvents', { orgId: 'acme' });
    expect(events).toMatchObject([
      { eventId: 'a2', voided: false, replacesEventId: 'a' },
      { eventId: 'a', voided: true, replacedByEventId: 'a2' },
    ]);
    const other = refused(call(running, 'VoidEvent', { event_id: 'a' }));
    expect(await other).toMatchObject({ reason: 'EVENT_AMENDED' });
    await call(running, 'VoidEvent', { event_id: 'a2' });
    expect(await totalsOf(running, 'acme')).toEqual([]);
  }));

test('a correction in an invoiced period goes to the next invoice', () =>
  serving(async (running, clock) => {
    await use(running, { orgId: 'acme', eventId: 'a', meter: 'tokens', quantity: '40' });
    await use(running, { orgId: 'acme', eventId: 'b', meter: 'tokens', quantity: '10' });
    await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
    const { correction } = await call(running, 'VoidEvent', { event_id: 'a' });
    const [november] = (await invoicesOf(running, 'acme')) as [Json];
    expect(correction.effect).toMatchObject({
      period_invoiced: true,
      invoice_id: november.invoice_id,
    });
    await use(running, { orgId: 'acme', meter: 'tokens', quantity: '100' });
    await closeAt(running, clock, '2027-01-01T02:00:00Z', 'acme');
    expect((await invoicesOf(running, 'acme')).map(linesOf)).toEqual([
      ['USAGE tokens 50 5.00'],
      ['USAGE tokens 100 10.00', 'LATE_USAGE tokens -40 -4.00'],
    ]);
  }));

const METERS = ['tokens', 'calls', 'peak', 'users', 'seats'];
const given = fc.record({
  meter: fc.constantFrom(...METERS),
  amount: fc.nat({ max: 9 }),
  minutesAgo: fc.constantFrom(0, 5, 20, 600, 2000),
  who: fc.constantFrom('x', 'y', 'z'),
  isVoided: fc.boolean(),
});

/** What is left is as if the voided events had never been. */
test(
  'void takes back exactly what was added, with every aggregation',
  () =>
    serving(async (running, clock) => {
      let count = 0;
      const events = fc.array(given, { minLength: 1, maxLength: 14 });
      const send = async (orgId: string, list: readonly (GivenEvent & { eventId: string })[]) => {
        for (const each of list) await use(running, { ...each, orgId });
      };
      await fc.assert(
        fc.asyncProperty(events, async (list) => {
          const [left, whole] = [`left-${++count}`, `whole-${count}`];
          const all = list.map(({ meter, amount, minutesAgo, who }, i) => {
            const counts = meter === 'calls' || meter === 'users';
            const at = new Date(clock.wallMs() - minutesAgo * 60_000).toISOString();
            const dimensions = {
              team: who,
              user: who,
              region: who === 'x' ? 'eu' : 'us',
              run: who,
            };
            const quantity = counts ? {} : { quantity: `${amount}` };
            return { eventId: `e-${i}`, orgId: whole, meter, at, dimensions, ...quantity };
          });
          await send(whole, all);
          await send(
            left,
            all.filter((_, i) => list[i]?.isVoided === false),
          );
          for (const [i, { isVoided }] of list.entries()) {
            if (!isVoided) continue;
            await cold(running, 'Correction', 'VoidEvent', {
              org_id: whole,
              event_id: `e-${i}`,
              reason: 'r',
            });
          }
          const figures = async (orgId: string) => {
            const { invoice } = await cold(running, 'Metering', 'GetInvoice', { org_id: orgId });
            const totals = (await totalsOf(running, orgId)).filter(
              (text) => !text.endsWith(' 0 (0)'),
            );
            const used = Object.entries(await usedOf(running, orgId)).filter(([, n]) => n !== '0');
            const lines = linesOf(invoice).filter((text) => !text.endsWith(' 0 0.00'));
            return { totals, used, lines, subtotal: invoice.subtotal };
          };
          expect(await figures(whole)).toEqual(await figures(left));
        }),
        { numRuns: 40 },
      );
    }),
  60_000,
);

test('a corrected state is the same from the journal alone', async () => {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const first = await start({ yaml, clock });
  for (const [i, meter] of METERS.entries()) {
    const counts = meter === 'calls' || meter === 'users';
    const quantity = counts ? {} : { quantity: '5' };
    const dimensions = { team: 'a', user: 'a' };
    await use(first, { orgId: 'acme', eventId: `e${i}`, meter, dimensions, ...quantity });
    await use(first, { orgId: 'acme', eventId: `f${i}`, meter, dimensions, ...quantity });
    await call(first, 'VoidEvent', { event_id: `e${i}` });
  }
  moveTo(clock, '2026-11-20T13:00:00Z');
  const before = [await totalsOf(first, 'acme'), await usedOf(first, 'acme')];
  const second = await first.restart();
  try {
    expect([await totalsOf(second, 'acme'), await usedOf(second, 'acme')]).toEqual(before);
  } finally {
    await second.stop();
  }
});
