// Random sequences of commands against the core, and what the model says of each: what they were, and
// how they shrink, is fast-check's. test/rpc/model.test.ts asks the same over gRPC.
//
//   TOLLGATE_MODEL_RUNS=2000 make faults ARGS=test/faults/model.test.ts

import fc from 'fast-check';
import { test } from 'vitest';
import { drawsOf } from '../support/draws.js';
import { COMMANDS } from '../support/quota-commands.js';
import { compare } from '../support/quota-world.js';
import {
  close,
  jump,
  openSimulation,
  type Simulation,
  settleDown,
  stop,
  twice,
} from '../support/simulation.js';

const RUNS = Number(process.env['TOLLGATE_MODEL_RUNS'] ?? 50);
const COMMANDS_MAX = 40;

const EVERY: Readonly<Record<string, (simulation: Simulation) => Promise<void>>> = {
  ...Object.fromEntries(
    Object.entries(COMMANDS).map(([name, run]) => [name, ({ world }: Simulation) => run(world)]),
  ),
  jump,
  stop,
  twice,
};
/** One `record` in so many commands. */
const RECORDS = 8;

/** What it does is drawn from its number: the same again, wherever it stands in a sequence. */
function commandOf(name: string, number: number): fc.AsyncCommand<object, Simulation> {
  return {
    check: () => true,
    async run(_model, simulation) {
      simulation.world.draw = drawsOf(number);
      await EVERY[name]?.(simulation);
      await settleDown(simulation);
      await compare(simulation.world);
    },
    toString: () => `${name} ${number}`,
  };
}

const names = [...Object.keys(EVERY), ...Array<string>(RECORDS).fill('record')];
const command = fc
  .tuple(fc.constantFrom(...names), fc.nat())
  .map(([name, number]) => commandOf(name, number));

test(`${RUNS} sequences of commands are answered as the model says`, {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands([command], { maxCommands: COMMANDS_MAX }), async (commands) => {
      const simulation = await openSimulation(drawsOf(1));
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: simulation }), commands);
      } finally {
        await close(simulation);
      }
    }),
    { numRuns: RUNS },
  );
});
