// Hostile cases on quota windows: clocks that jump, rules that come and go, values seen, thresholds.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, rulesYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, item, nameIn } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const DAY = 'window: CALENDAR_DAY';
const NONE = catalogueYaml();
const A = { run: 'a' };
const user = (name: string) => ({ meter: 'users', dimensions: { user: name } });

async function record(running: Running, given: GivenEvent, enforceQuota = false) {
  const call = ask(running, 'record', { event: event({ orgId: 'o', ...given }), enforceQuota });
  return call.then(
    ({ outcome }) => nameIn(Outcome, outcome),
    async (error: Error) => (await refused(Promise.reject(error))).reason,
  );
}

async function check(running: Running, given: GivenEvent = {}) {
  const { meter = 'tokens', ...rest } = given;
  const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items: [item(meter, rest)] });
  return { used: quotas[0]?.used, since: iso(quotas[0]?.countingSince) };
}

async function at(running: Running, clock: TestClock, text: string): Promise<void> {
  await running.core.journal.drain();
  clock.setWall(Date.parse(text));
}

/** Runs the steps on a service of their own and stops it, whatever they find. */
async function withService<T>(
  yaml: string,
  wall: string,
  steps: (
    running: Running,
    clock: TestClock,
    restart: (given?: { yaml?: string; wipe?: boolean }) => Promise<Running>,
  ) => Promise<T>,
): Promise<T> {
  const clock = createTestClock(wall);
  let running = await start({ yaml, clock });
  const { directory } = running;
  let current = yaml;
  try {
    return await steps(running, clock, async (given = {}) => {
      current = given.yaml ?? current;
      await running.service.close();
      running.client.close();
      if (given.wipe === true) {
        for (const name of ['state', 'index']) {
          rmSync(join(directory, name), { recursive: true, force: true });
        }
      }
      running = await start({ yaml: current, clock, directory });
      return running;
    });
  } finally {
    expect(running.fatal).toEqual([]);
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

describe.concurrent('values seen', () => {
  const yaml = rulesYaml(`{key: r, meter: users, limit: 9, ${DAY}}`);

  test('a value seen in a kept window is not new there, in whatever order it came', async () => {
    const found = await withService(yaml, '2026-11-20T23:57:00Z', async (running, clock) => {
      await record(running, { ...user('u'), at: '2026-11-21T00:01:00Z' });
      await record(running, user('u'));
      await record(running, { ...user('u'), at: '2026-11-19T12:00:00Z' });
      await at(running, clock, '2026-11-22T12:00:00Z');
      await record(running, user('u'));
      await record(running, { ...user('u'), at: '2026-11-21T12:00:00Z' });
      await at(running, clock, '2026-11-21T13:00:00Z');
      return check(running, user('x'));
    });
    expect(found.used).toBe('1');
  });

  test('a window that was dropped and came back counts each value anew', async () => {
    const found = await withService(yaml, '2026-11-16T12:00:00Z', async (running, clock) => {
      await record(running, user('u'));
      await record(running, user('v'));
      for (const day of [17, 18, 19]) {
        await at(running, clock, `2026-11-${day}T12:00:00Z`);
        await record(running, user('w'));
      }
      await at(running, clock, '2026-11-16T13:00:00Z');
      await record(running, user('u'));
      await record(running, user('v'));
      return check(running, user('x'));
    });
    expect(found).toEqual({ used: '2', since: '2026-11-16T13:00:00.000Z' });
  });

  test('an atomic batch that is backdated knows what its own window has seen', async () => {
    const two = rulesYaml(`{key: r, meter: users, limit: 2, ${DAY}}`);
    const found = await withService(two, '2026-11-20T12:00:00Z', async (running) => {
      await record(running, user('u'));
      const late = { orgId: 'o', at: '2026-11-19T12:00:00Z' };
      const events = ['u', 'v', 'w'].map((name) => event({ ...late, ...user(name) }));
      const given = { events, atomic: true, enforceQuota: true };
      const { results } = await ask(running, 'recordBatch', given);
      return results.map(({ outcome }) => nameIn(Outcome, outcome));
    });
    expect(found).toEqual(['NOT_APPLIED', 'NOT_APPLIED', 'DENIED']);
  });

  test('and is not refused for a value that its window has seen', async () => {
    const two = rulesYaml(`{key: r, meter: users, limit: 2, ${DAY}}`);
    const found = await withService(two, '2026-11-20T12:00:00Z', async (running) => {
      const late = { orgId: 'o', at: '2026-11-19T12:00:00Z' };
      await record(running, { ...late, ...user('u') });
      const events = ['u', 'v'].map((name) => event({ ...late, ...user(name) }));
      const given = { events, atomic: true, enforceQuota: true };
      const { results } = await ask(running, 'recordBatch', given);
      return results.map(({ outcome }) => nameIn(Outcome, outcome));
    });
    expect(found).toEqual(['RECORDED', 'RECORDED']);
  });
});

describe.concurrent('a rule that comes back', () => {
  test('has what was reported ahead of its time while it was gone', async () => {
    const yaml = rulesYaml('{key: r, meter: tokens, limit: 100, window: CALENDAR_HOUR}');
    const ahead = '2026-11-20T12:01:00Z';
    const found = await withService(yaml, '2026-11-20T11:58:00Z', async (first, clock, restart) => {
      await record(first, { quantity: '5', at: ahead });
      const second = await restart({ yaml: NONE });
      await record(second, { quantity: '4', at: ahead });
      const third = await restart({ yaml });
      await at(third, clock, '2026-11-20T12:02:00Z');
      return check(third);
    });
    expect(found).toEqual({ used: '9', since: undefined });
  });

  // BUG: since when a rule counts is read off a clock that was set back.
  test.fails('while the clock is set back has what came while it was gone', async () => {
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 100, ${DAY}}`);
    const found = await withService(yaml, '2026-11-20T12:00:00Z', async (first, clock, restart) => {
      await record(first, { quantity: '5' });
      const second = await restart({ yaml: NONE });
      await record(second, { quantity: '4' });
      await at(second, clock, '2026-11-10T12:00:00Z');
      const third = await restart({ yaml });
      await at(third, clock, '2026-11-20T13:00:00Z');
      return check(third);
    });
    expect(found).toEqual({ used: '9', since: undefined });
  });

  // BUG: the same.
  test.fails('a new one that comes while the clock is set back starts from the totals', async () => {
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 100, ${DAY}}`);
    const found = await withService(NONE, '2026-11-20T12:00:00Z', async (first, clock, restart) => {
      await record(first, { quantity: '5' });
      await at(first, clock, '2026-11-10T12:00:00Z');
      const second = await restart({ yaml });
      await at(second, clock, '2026-11-20T13:00:00Z');
      return check(second);
    });
    expect(found).toEqual({ used: '5', since: undefined });
  });

  test('on a window from first use says so where it missed some', async () => {
    const window = 'window: FIXED_FROM_FIRST_USE, window_length: 5h';
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 100, ${window}}`);
    const found = await withService(yaml, '2026-11-20T12:00:00Z', async (first, clock, restart) => {
      await record(first, { quantity: '5' });
      const second = await restart({ yaml: NONE });
      await record(second, { quantity: '40' });
      await at(second, clock, '2026-11-20T13:00:00Z');
      return check(await restart({ yaml }));
    });
    expect(found.used === '45' || found.since !== undefined).toBe(true);
  });

  const SCOPED = '{key: r, meter: tokens, limit: 10, scope: [run], window: LIFETIME}';
  test('an override that becomes a rule of the plan keeps what was used', async () => {
    const own = catalogueYaml({ organizations: `[{id: o, quota_overrides: [${SCOPED}]}]` });
    const found = await withService(own, '2026-11-20T12:00:00Z', async (first, _, restart) => {
      await record(first, { quantity: '8', dimensions: A });
      return check(await restart({ yaml: rulesYaml(SCOPED) }), { dimensions: A });
    });
    expect(found).toEqual({ used: '8', since: undefined });
  });

  test('a rule of the plan that becomes an override keeps what was used', async () => {
    const own = catalogueYaml({ organizations: `[{id: o, quota_overrides: [${SCOPED}]}]` });
    const plan = rulesYaml(SCOPED);
    const found = await withService(plan, '2026-11-20T12:00:00Z', async (first, _, restart) => {
      await record(first, { quantity: '8', dimensions: A });
      return check(await restart({ yaml: own }), { dimensions: A });
    });
    expect(found).toEqual({ used: '8', since: undefined });
  });
});

describe.concurrent('a clock that was set back', () => {
  test('a scope is bounded in the window before the one it is set back to', async () => {
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 10, scope: [run], ${DAY}}`);
    const found = await withService(yaml, '2026-11-20T12:00:00Z', async (running, clock) => {
      for (const day of [20, 21, 22]) {
        await at(running, clock, `2026-11-${day}T12:00:00Z`);
        await record(running, { quantity: '1', dimensions: A });
      }
      await at(running, clock, '2026-11-20T13:00:00Z');
      const late = { quantity: '8', dimensions: A, at: '2026-11-19T12:00:00Z' };
      return [await record(running, late, true), await record(running, late, true)];
    });
    expect(found).toEqual(['RECORDED', 'DENIED']);
  });

  // BUG: nothing tells of dropped windows from first use.
  test.fails('a window from first use that was dropped is bounded or says since when', async () => {
    const window = 'window: FIXED_FROM_FIRST_USE, window_length: 5h';
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 10, ${window}}`);
    const found = await withService(yaml, '2026-11-16T12:00:00Z', async (running, clock) => {
      for (const day of [16, 17, 18, 19]) {
        await at(running, clock, `2026-11-${day}T12:00:00Z`);
        await record(running, { quantity: '10' }, true);
      }
      await at(running, clock, '2026-11-16T13:00:00Z');
      return {
        ...(await check(running)),
        outcome: await record(running, { quantity: '10' }, true),
      };
    });
    expect(found.since !== undefined || found.outcome === 'DENIED').toBe(true);
  });

  test('an override that expired applies again, with and without a restart', async () => {
    const override = "{key: r, meter: tokens, limit: 3, expires: '2026-11-20T13:00:00Z'}";
    const yaml = catalogueYaml({ organizations: `[{id: o, quota_overrides: [${override}]}]` });
    const found = await withService(yaml, '2026-11-20T12:00:00Z', async (running, clock, again) => {
      const seen: (string | undefined)[] = [];
      for (const hour of ['12:30', '13:30', '12:30']) {
        await at(running, clock, `2026-11-20T${hour}:00Z`);
        seen.push((await check(running)).used);
      }
      return [...seen, (await check(await again())).used];
    });
    expect(found).toEqual(['0', undefined, '0', '0']);
  });

  test('a window counted all along does not say since when', async () => {
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 10, scope: [run], ${DAY}}`);
    const found = await withService(yaml, '2026-11-16T12:00:00Z', async (running, clock) => {
      for (const day of [16, 18, 20]) {
        await at(running, clock, `2026-11-${day}T12:00:00Z`);
        await record(running, { quantity: '1', dimensions: A });
      }
      await record(running, { quantity: '4', dimensions: A, at: '2026-11-19T12:00:00Z' });
      await at(running, clock, '2026-11-19T13:00:00Z');
      return check(running, { dimensions: A });
    });
    expect(found.used).toBe('4');
  });
});

describe.concurrent('thresholds', () => {
  const raised = ({ core }: Running) => core.metrics.thresholds.value();

  // BUG: a window that had to make room and comes back has nothing raised.
  test.fails('are raised once in a window that was dropped and came back', async () => {
    const yaml = rulesYaml(`{key: r, meter: tokens, limit: 10, thresholds: [80], ${DAY}}`);
    const found = await withService(yaml, '2026-11-16T12:00:00Z', async (running, clock) => {
      await record(running, { quantity: '8' });
      const once = raised(running);
      for (const day of [17, 18, 19]) {
        await at(running, clock, `2026-11-${day}T12:00:00Z`);
        await record(running, { quantity: '1' });
      }
      await at(running, clock, '2026-11-16T13:00:00Z');
      await record(running, { quantity: '1' });
      return [once, raised(running)];
    });
    expect(found).toEqual([1, 1]);
  });

  test.each(['CALENDAR_DAY'])(
    'are raised once in a window of %s whose rule was gone for a while',
    async (window) => {
      const yaml = rulesYaml(
        `{key: r, meter: tokens, limit: 10, thresholds: [80], window: ${window}}`,
      );
      const found = await withService(yaml, '2026-11-16T12:00:00Z', async (first, _, restart) => {
        await record(first, { quantity: '8' });
        await restart({ yaml: NONE });
        const third = await restart({ yaml });
        const before = raised(third);
        for (let i = 0; i < 2; i++) await record(third, { quantity: '1' });
        return raised(third) - before;
      });
      expect(found).toBe(0);
    },
  );
});
