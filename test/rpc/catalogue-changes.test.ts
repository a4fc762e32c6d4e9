// What a new catalogue may not change: what was counted keeps its meaning.

import { describe, expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

describe('a meter keeps its scale and aggregation', () => {
  const use = (running: Running) =>
    ask(running, 'record', { event: event({ orgId: 'o', quantity: '60' }) });
  const meter = (given: string) => catalogueYaml({ meters: `[{key: tokens, unit: t, ${given}}]` });
  const WHOLE = meter('scale: 0, aggregation: SUM');

  test.each([
    ['scale', meter('scale: 2, aggregation: SUM')],
    ['aggregation', meter('scale: 0, aggregation: MAX')],
  ])('a catalogue with another %s is refused, and the old one goes on', async (_what, yaml) => {
    const clock = createTestClock();
    const first = await start({ yaml: WHOLE, clock });
    await use(first);
    await expect(first.restart({ yaml })).rejects.toMatchObject({ code: 'CATALOGUE_INCOMPATIBLE' });
    const { directory } = first;
    const running = await start({ yaml: WHOLE, clock, directory });
    const usage = await ask(running, 'getUsage', { orgId: 'o', meters: ['tokens'] });
    await running.stop();
    await first.stop();
    expect(usage.totals[0]?.quantity).toBe('60');
  });

  test('also after a catalogue without it', async () => {
    const clock = createTestClock();
    const first = await start({ yaml: WHOLE, clock });
    await use(first);
    const other = meter('scale: 2, aggregation: SUM').replace('key: tokens', 'key: other');
    const second = await first.restart({ yaml: other });
    const third = second.restart({ yaml: meter('scale: 2, aggregation: SUM') });
    const quantity = await third.then(
      async (running) => {
        const usage = await ask(running, 'getUsage', { orgId: 'o', meters: ['tokens'] });
        await running.stop();
        return usage.totals[0]?.quantity;
      },
      () => 'refused',
    );
    await first.stop();
    expect(['60', 'refused']).toContain(quantity);
  });
});
