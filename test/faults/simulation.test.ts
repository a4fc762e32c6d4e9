// The core on a simulated disk, clock and network, with everything that goes wrong with them, beside
// a model that keeps every event: test/support/simulation.ts says what happens. Each seed is one
// run; a run that fails says how to see it again.
//
//   make sim SEED=7 STEPS=500
//   TOLLGATE_SIM_SECONDS=600 make faults ARGS=test/faults/simulation.test.ts

import { describe, expect, test } from 'vitest';
import { simulate } from '../support/simulation.js';

const ASKED = process.env['TOLLGATE_SIM_SEED'];
const STEPS = Number(process.env['TOLLGATE_SIM_STEPS'] ?? 20);
/** For further seeds, where the time is given. */
const SECONDS = Number(process.env['TOLLGATE_SIM_SECONDS'] ?? 0);
const SEEDS = 200;
const SEEDS_PER_TEST = 20;
const MS_PER_STEP = 2000;

/** Runs that failed once, and what they found. */
const ONCE_FAILED: readonly (readonly [seed: number, steps: number, found: string])[] = [];

describe.runIf(ASKED !== undefined)('one seed', () => {
  test(`${ASKED}, ${STEPS} steps`, { timeout: STEPS * MS_PER_STEP }, async () => {
    await simulate(Number(ASKED), STEPS);
  });
});

describe.runIf(ASKED === undefined)(
  'whatever goes wrong, what was acknowledged counts once',
  () => {
    const starts = Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, i) => i * SEEDS_PER_TEST + 1);
    const timeout = SEEDS_PER_TEST * STEPS * MS_PER_STEP;

    test.each(starts)(
      `${SEEDS_PER_TEST} seeds from %i: ${STEPS} steps each`,
      { timeout },
      async (at) => {
        for (let seed = at; seed < at + SEEDS_PER_TEST; seed++) await simulate(seed, STEPS);
      },
    );

    test.each(ONCE_FAILED)('seed %i, %i steps: %s', { timeout }, (seed, steps) =>
      simulate(seed, steps),
    );
  },
);

describe.runIf(SECONDS > 0)('further seeds', () => {
  test(`for ${SECONDS} s`, { timeout: SECONDS * 2000 + 60_000 }, async () => {
    const endMs = performance.now() + SECONDS * 1000;
    // Others each time: which ones is said where one fails.
    let seed = 1000 + Math.floor(Date.now() / 1000);
    let runs = 0;
    for (; performance.now() < endMs; runs++) await simulate(seed++, 10 * STEPS);
    expect(runs).toBeGreaterThan(0);
  });
});
