import { expect, test } from 'vitest';
import { moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml({ plans: '\n    - {id: free}\n    - {id: pro}' });

async function service(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:05:00Z');
  const running = await start({ yaml, clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const active = (running: Running, request: object = {}) =>
  cold(running, 'Admin', 'ListActiveOrganizations', request);
const range = (start: string, end: string) => ({
  start_time: time(`${start}Z`),
  end_time: time(`${end}Z`),
});
/** "acme 3 last 12:00:00". */
const lines = ({ organizations }: Json): string[] =>
  organizations.map(({ org_id, event_count, last_event_time }: Json) => {
    return `${org_id} ${event_count} last ${timeText(last_event_time).slice(11, 19)}`;
  });

const call = (running: Running, orgId: string, at: string, more: object = {}) =>
  use(running, { orgId, meter: 'calls', at: `${at}Z`, ...more });

test('counts events of every meter by their time, most first, ties by id', () =>
  service(async (running) => {
    const organization = { org_id: 'acme', display_name: 'Acme', plan: 'pro' };
    await cold(running, 'Organization', 'CreateOrganization', { organization });
    await cold(running, 'Organization', 'CreateOrganization', { organization: { org_id: 'idle' } });
    await call(running, 'acme', '2026-11-20T09:00:00');
    await use(running, {
      orgId: 'acme',
      meter: 'tokens',
      quantity: '100',
      at: '2026-11-19T10:00:00Z',
    });
    await call(running, 'cork', '2026-11-20T08:00:00');
    await call(running, 'bolt', '2026-11-18T08:00:00');
    const reply = await active(running, range('2026-11-18T00:00:00', '2026-11-20T12:00:00'));
    expect(lines(reply)).toEqual([
      'acme 2 last 09:00:00',
      'bolt 1 last 08:00:00',
      'cork 1 last 08:00:00',
    ]);
    expect(reply.organization_count).toBe(3);
    expect(reply.organizations[0]).toMatchObject({ display_name: 'Acme', plan: 'pro' });
    expect(reply.organizations[1]).toMatchObject({ display_name: '', plan: 'free' });
  }));

test('the range is exact to the millisecond, also within one quarter of an hour', () =>
  service(async (running) => {
    for (const second of ['00', '10', '20', '30']) {
      await call(running, 'acme', `2026-11-20T08:01:${second}`);
    }
    await call(running, 'acme', '2026-11-20T08:20:00');
    const count = async (start: string, end: string) => {
      const day = (text: string) => `2026-11-20T08:${text}`;
      return lines(await active(running, range(day(start), day(end))));
    };
    expect(await count('01:10', '01:30')).toEqual(['acme 2 last 08:01:20']);
    expect(await count('01:10', '20:00')).toEqual(['acme 3 last 08:01:30']);
    expect(await count('01:10', '20:00.001')).toEqual(['acme 4 last 08:20:00']);
    expect(await count('00:00', '15:00')).toEqual(['acme 4 last 08:01:30']);
    expect(await count('02:00', '19:00')).toEqual([]);
    expect(await count('01:30.001', '59:00')).toEqual(['acme 1 last 08:20:00']);
  }));

test('without times: the last 30 days, with what came just now', () =>
  service(async (running, clock) => {
    await call(running, 'old', '2026-10-20T12:00:00');
    await call(running, 'acme', '2026-10-22T00:00:00');
    await call(running, 'acme', '2026-11-20T12:05:00');
    expect(lines(await active(running))).toEqual(['acme 2 last 12:05:00']);
    moveTo(clock, '2026-11-25T00:00:00Z');
    expect(lines(await active(running))).toEqual(['acme 1 last 12:05:00']);
  }));

test('an event that was taken back does not count, and is not the last', () =>
  service(async (running) => {
    await call(running, 'acme', '2026-11-20T08:00:00');
    await call(running, 'acme', '2026-11-20T09:00:00', { eventId: 'wrong' });
    await call(running, 'bolt', '2026-11-20T09:01:00', { eventId: 'wrong' });
    for (const org_id of ['acme', 'bolt']) {
      const void_ = { org_id, event_id: 'wrong', reason: 'test' };
      await cold(running, 'Correction', 'VoidEvent', void_);
    }
    const whole = range('2026-11-20T00:00:00', '2026-11-21T00:00:00');
    expect(lines(await active(running, whole))).toEqual(['acme 1 last 08:00:00']);
    const ragged = range('2026-11-20T07:59:00', '2026-11-20T09:00:01');
    expect(lines(await active(running, ragged))).toEqual(['acme 1 last 08:00:00']);
  }));

test('pages are of one range, also where time passes, and from what is stored', async () => {
  const clock = createTestClock('2026-11-20T12:05:00Z');
  let running = await start({ yaml, clock });
  try {
    for (let i = 0; i < 12; i++) {
      for (let n = 0; n <= i % 4; n++) await call(running, `org-${i}`, '2026-10-22T12:20:00');
    }
    running = await running.restart();
    const listed: string[] = [];
    for (let page_token = ''; ; ) {
      const page = await active(running, { page_size: 5, page_token });
      listed.push(...page.organizations.map((each: Json) => `${each.org_id} ${each.event_count}`));
      expect(page.organization_count).toBe(12);
      page_token = page.next_page_token;
      if (page_token === '') break;
      clock.advance(86_400_000);
    }
    expect(listed).toEqual(
      [4, 3, 2, 1].flatMap((count) =>
        [0, 4, 8].map((i) => `org-${i + count - 1} ${count}`).sort((a, b) => (a < b ? -1 : 1)),
      ),
    );
  } finally {
    await running.stop();
  }
});

test.each<[what: string, request: object, fields: string[]]>([
  ['half a range', { start_time: time('2026-11-01T00:00:00Z') }, ['end_time']],
  ['an empty range', range('2026-11-02T00:00:00', '2026-11-02T00:00:00'), ['end_time']],
  ['a foreign token', { page_token: 'abc' }, ['page_token']],
])('%s is refused', (_, request, fields) =>
  service(async (running) => {
    const refusal = await refused(active(running, request));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
  }),
);
