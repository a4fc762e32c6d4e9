// A service against a model that keeps every event and adds up anew each time: random commands over
// days, with restarts. A failure names its seed.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { compare, openWorld, step, WORLD_YAML } from '../support/quota-world.js';
import { start } from '../support/service.js';

const STEPS = 150;
const SEEDS = [1, 2, 3];

describe('a service and its model agree', () => {
  test.each(SEEDS)('with seed %s', async (seed) => {
    const clock = createTestClock('2026-10-25T06:00:00Z');
    const world = openWorld(seed, clock, await start({ yaml: WORLD_YAML, clock }));
    for (let i = 0; i < STEPS; i++) {
      await step(world, async () => {
        world.running = await world.running.restart();
      });
      if (i % 10 === 0) await compare(world);
    }
    await compare(world);
    expect(world.running.fatal).toEqual([]);
    await world.running.stop();
  });
});
