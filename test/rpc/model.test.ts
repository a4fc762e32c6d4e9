// A service against a model that keeps every event and adds up anew each time: random commands over
// days, with restarts. A failure names its seed.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { drawsOf } from '../support/draws.js';
import { step } from '../support/quota-commands.js';
import { grpcFace } from '../support/quota-faces.js';
import { yamlWith } from '../support/quota-rules.js';
import { compare, openWorld, restartAt } from '../support/quota-world.js';
import { start } from '../support/service.js';

const STEPS = 150;
const SEEDS = [1, 2, 3];
/** One step in so many is a stop and a start. */
const RESTART_EVERY = 50;

describe('a service and its model agree', () => {
  test.each(SEEDS)('with seed %s', async (seed) => {
    const clock = createTestClock('2026-10-25T06:00:00Z');
    let running = await start({ yaml: yamlWith('DAY'), clock });
    const draw = drawsOf(seed);
    const face = grpcFace(() => running, clock);
    const world = openWorld({ draw, clock, face, usersWindow: 'DAY' });
    for (let i = 0; i < STEPS; i++) {
      if (draw(RESTART_EVERY) > 0) await step(world);
      else {
        running = await running.restart();
        restartAt(world, 0);
      }
      if (i % 10 === 0) await compare(world);
    }
    await compare(world);
    expect(running.fatal).toEqual([]);
    await running.stop();
  });
});
