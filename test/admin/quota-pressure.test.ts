import { expect, test } from 'vitest';
import { moveTo, use } from '../support/billing.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

async function service(
  rules: readonly string[],
  act: (running: Running, clock: TestClock) => Promise<void>,
): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml: catalogueYaml({ plans: freePlan(...rules) }), clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const pressure = (running: Running, request: object = {}) =>
  cold(running, 'Admin', 'ListQuotaPressure', request);

/** "acme t 90.00 9/10 run=r1". */
async function lines(running: Running, request: object = {}): Promise<string[]> {
  const { quotas } = await pressure(running, request);
  return quotas.map(({ org_id, used_percent, status }: Json) => {
    const scope = Object.entries(status.scope).map(([key, value]) => ` ${key}=${value}`);
    const used = `${status.used}/${status.limit}`;
    return `${org_id} ${status.quota_key} ${used_percent} ${used}${scope.join('')}`;
  });
}

const tokens = (running: Running, orgId: string, quantity: string, dimensions = {}) =>
  use(running, { orgId, meter: 'tokens', quantity, dimensions });

test('quotas by their used part, at least 80 % unless asked otherwise', () =>
  service(
    ['{key: t, meter: tokens, limit: 300, mode: SOFT}', '{key: c, meter: calls, limit: 3}'],
    async (running) => {
      await tokens(running, 'acme', '200');
      await tokens(running, 'bolt', '239');
      await tokens(running, 'cork', '240');
      await tokens(running, 'dell', '400');
      await use(running, { orgId: 'acme', meter: 'calls' });
      expect(await lines(running)).toEqual(['dell t 133.33 400/300', 'cork t 80.00 240/300']);
      expect(await lines(running, { min_percent: 34 })).toEqual([
        'dell t 133.33 400/300',
        'cork t 80.00 240/300',
        'bolt t 79.66 239/300',
        'acme t 66.66 200/300',
      ]);
      expect(await lines(running, { min_percent: 0, meter: 'calls' })).toEqual([
        'acme c 33.33 1/3',
        'bolt c 0.00 0/3',
        'cork c 0.00 0/3',
        'dell c 0.00 0/3',
      ]);
      const { quotas } = await pressure(running);
      expect(quotas[0]).toMatchObject({
        display_name: '',
        status: {
          meter: 'tokens',
          mode: 'QUOTA_MODE_SOFT',
          source: 'QUOTA_SOURCE_PLAN',
          requested: '0',
          remaining: '0',
        },
      });
      expect(timeText(quotas[0].status.reset_time)).toBe('2026-12-01T00:00:00.000Z');
    },
  ));

test('of the running window only; unlimited ones never; a limit of 0 is used up', () =>
  service(
    [
      '{key: t, meter: tokens, limit: 10}',
      '{key: c, meter: calls}',
      '{key: p, meter: peak, limit: 0}',
    ],
    async (running, clock) => {
      await tokens(running, 'acme', '10');
      await use(running, { orgId: 'acme', meter: 'calls' });
      expect(await lines(running)).toEqual(['acme p 100.00 0/0', 'acme t 100.00 10/10']);
      moveTo(clock, '2026-12-02T00:00:00Z');
      expect(await lines(running)).toEqual(['acme p 100.00 0/0']);
    },
  ));

test('each counter of a scope stands by itself, also from what is stored', async () => {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const rule = '{key: t, meter: tokens, limit: 10, scope: [run], match: {model: m}}';
  const yaml = catalogueYaml({ plans: freePlan(rule) });
  let running = await start({ yaml, clock });
  try {
    for (const [run, quantity] of Object.entries({ r1: '9', r2: '3', r3: '10' })) {
      await tokens(running, 'acme', quantity, { run, model: 'm' });
    }
    await tokens(running, 'acme', '10', { run: 'r4', model: 'other' });
    await tokens(running, 'bolt', '8', { model: 'm' });
    const expected = [
      'acme t 100.00 10/10 run=r3',
      'acme t 90.00 9/10 run=r1',
      'bolt t 80.00 8/10 run=',
    ];
    expect(await lines(running)).toEqual(expected);
    running = await running.restart();
    expect(await lines(running)).toEqual(expected);
    await tokens(running, 'acme', '7', { run: 'r2', model: 'm' });
    await tokens(running, 'acme', '10', { run: 'r5', model: 'm' });
    expect(await lines(running, { min_percent: 100 })).toEqual([
      'acme t 100.00 10/10 run=r2',
      'acme t 100.00 10/10 run=r3',
      'acme t 100.00 10/10 run=r5',
    ]);
    // A run that nothing touched for a week has begun anew.
    clock.advance(8 * 86_400_000);
    expect(await lines(running)).toEqual([]);
  } finally {
    await running.stop();
  }
});

test('many counters of a scope are read from what is stored, each once', async () => {
  const rule = '{key: t, meter: tokens, limit: 10, scope: [run]}';
  const yaml = catalogueYaml({ plans: freePlan(rule) });
  let running = await start({ yaml, clock: createTestClock('2026-11-20T12:00:00Z') });
  try {
    for (let i = 0; i < 150; i++) await tokens(running, 'acme', '9', { run: `r${i}` });
    await tokens(running, 'bolt', '9', { run: 'r0' });
    running = await running.restart();
    await tokens(running, 'acme', '1', { run: 'r77' });
    const all = await lines(running, { page_size: 1000 });
    expect(all[0]).toBe('acme t 100.00 10/10 run=r77');
    expect(new Set(all).size).toBe(151);
    expect(all).toHaveLength(151);
  } finally {
    await running.stop();
  }
});

test('levels are those of now, by the labels of their sources', () =>
  service(
    [
      '{key: all, meter: seats, limit: 10, window: LIFETIME}',
      '{key: each, meter: seats, limit: 5, window: LIFETIME, scope: [team]}',
    ],
    async (running) => {
      const seats = (team: string, quantity: string) =>
        use(running, { orgId: 'acme', meter: 'seats', quantity, dimensions: { team } });
      await seats('a', '5');
      await seats('b', '4');
      await seats('a', '4');
      expect(await lines(running, { min_percent: 50 })).toEqual([
        'acme all 80.00 8/10',
        'acme each 80.00 4/5 team=a',
        'acme each 80.00 4/5 team=b',
      ]);
    },
  ));

test('an override is what is pressed, and a name is shown', () =>
  service(['{key: t, meter: tokens, limit: 100}'], async (running) => {
    const organization = { org_id: 'acme', display_name: 'Acme' };
    await cold(running, 'Organization', 'CreateOrganization', { organization });
    await tokens(running, 'acme', '18');
    expect(await lines(running)).toEqual([]);
    const rule = {
      key: 'own',
      meter: 'tokens',
      limit: '20',
      window: 'QUOTA_WINDOW_CALENDAR_MONTH',
      mode: 'QUOTA_MODE_HARD',
    };
    const quota_override = { org_id: 'acme', rule, replaces: 't', reason: 'less' };
    await cold(running, 'Subscription', 'PutQuotaOverride', { quota_override });
    expect(await lines(running)).toEqual(['acme own 90.00 18/20']);
    expect((await pressure(running)).quotas[0].display_name).toBe('Acme');
  }));

test('pages have each once, in order', () =>
  service(['{key: t, meter: tokens, limit: 10}'], async (running) => {
    for (let i = 0; i < 12; i++) await tokens(running, `org-${i % 10}${i}`, `${(i % 3) + 8}`);
    const listed: string[] = [];
    for (let page_token = ''; ; ) {
      const page = await pressure(running, { page_size: 5, page_token });
      listed.push(...page.quotas.map((each: Json) => `${each.used_percent} ${each.org_id}`));
      page_token = page.next_page_token;
      if (page_token === '') break;
    }
    expect(listed).toHaveLength(12);
    const [most, some, least] = [10, 9, 8].map((used) =>
      listed.filter((text) => text.startsWith(`${used}0.00`)),
    );
    expect(listed).toEqual([...(most ?? []), ...(some ?? []), ...(least ?? [])]);
    for (const group of [most, some, least]) expect(group).toEqual(group?.toSorted());
  }));

test.each<[what: string, request: object, fields: string[]]>([
  ['percentage', { min_percent: 1001 }, ['min_percent']],
  ['meter', { meter: 'NO' }, ['meter']],
  ['token', { page_token: 'abc' }, ['page_token']],
])('a bad %s is refused', (_, request, fields) =>
  service([], async (running) => {
    const refusal = await refused(pressure(running, request));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
  }),
);

test('a forged token is refused, not more', () =>
  service([], async (running) => {
    for (const place of [['x', 'acme', 'c'], [{}, 1, null], []]) {
      const text = JSON.stringify(['pressure/80/', ...place]);
      const page_token = Buffer.from(text).toString('base64url');
      const refusal = await refused(pressure(running, { page_token }));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
    }
  }));
