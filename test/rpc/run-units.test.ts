// Run units through Record: the golden table, and tiers and tools that nobody knows.

import { describe, expect, test } from 'vitest';
import type { RunMeasurement } from '../../generated/ts/tollgate/v1/usage_event.js';
import { createTestClock } from '../support/clock.js';
import { ask, event } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const { now } = sharedService({ clock: createTestClock() });

async function unitsOf(run: Partial<RunMeasurement>, dimensions: Record<string, string>) {
  const given = event({ orgId: 'o', meter: 'run_units', run, dimensions });
  return (await ask(now(), 'record', { event: given })).quantity;
}

type Row = readonly [run: Partial<RunMeasurement>, tier: string, tool: string, units: string];
const cpu = (cpuSeconds: number, gpuSeconds?: number) =>
  gpuSeconds === undefined ? { cpuSeconds } : { cpuSeconds, gpuSeconds };
const GOLDEN: readonly Row[] = [
  [cpu(0.5), 'standard', '', '0.6'],
  [cpu(0.5), 'heavy', '', '0.85'],
  [cpu(1), 'heavy', '', '1.6'],
  [cpu(1), 'ultra', '', '3.1'],
  [cpu(1), 'standard', 'sandbox_execute', '1.2'],
  [cpu(0), 'standard', 'build_module', '0.5'],
  [cpu(0.5, 2), 'standard', '', '2.1'],
  [cpu(0), 'standard', '', '0.1'],
  [cpu(1), 'galactic', '', '1.1'],
  [cpu(0.333333), 'standard', '', '0.4333'],
  [cpu(1.5), 'heavy', 'sandbox_execute', '2.45'],
  [cpu(0), 'ultra', 'validate_module', '0.3'],
  [cpu(0.03125), 'standard', 'build_module', '0.5312'],
  [{ latencyMs: 250 }, 'standard', '', '0.35'],
  [{ latencyMs: 200 }, '', '', '0.3'],
  [{ latencyMs: 1500 }, '', 'sandbox_execute', '1.7'],
  [{ latencyMs: 3000 }, '', 'build_module', '3.5'],
  [{ cpuSeconds: 0, latencyMs: 5000 }, '', '', '0.1'],
  [{ gpuSeconds: 1, latencyMs: 5000 }, '', '', '5.1'],
  [cpu(1), '', 'install_module', '1.2'],
  [cpu(1), '', 'write_module_code', '1.3'],
  [cpu(1), '', 'a tool that nobody knows', '1.1'],
  [cpu(1), 'Heavy', '', '1.1'],
  [cpu(1e-7), '', '', '0.1'],
  [cpu(0.00005), '', '', '0.1'],
  [cpu(0.00015), '', '', '0.1002'],
];

describe('run units', () => {
  test.each(GOLDEN)('of %j, tier %j, tool %j, are %s', async (run, tier, tool, units) => {
    const labels = { ...(tier === '' ? {} : { tier }), ...(tool === '' ? {} : { tool }) };
    expect(await unitsOf(run, labels)).toBe(units);
  });

  test('of no time without overhead are the floor', async () => {
    const yaml = `
catalogue:
  default_plan: free
  meters: [{key: run_units, unit: u, scale: 4, aggregation: SUM, formula: run_units}]
  plans: [{id: free}]
  run_units: {overheads: {default: 0}}`;
    const running = await start({ yaml });
    const given = event({ orgId: 'o', meter: 'run_units', run: {} });
    expect((await ask(running, 'record', { event: given })).quantity).toBe('0.01');
    await running.stop();
  });

  test('may be reported as a quantity, too', async () => {
    const given = event({ orgId: 'o', meter: 'run_units', quantity: '0.6000' });
    expect((await ask(now(), 'record', { event: given })).quantity).toBe('0.6');
  });
});

test('an unknown tier is counted each time and logged once per value', async () => {
  const running = await start();
  for (const tier of ['galactic', 'galactic', 'cosmic', 'heavy', 'galactic']) {
    const given = event({
      orgId: 'o',
      meter: 'run_units',
      run: { cpuSeconds: 1 },
      dimensions: { tier },
    });
    await ask(running, 'record', { event: given });
  }
  expect(running.core.metrics.unknownTiers.value()).toBe(4);
  const lines = running.logLines.filter((line) => line.includes('unknown_tier'));
  expect(lines.map((line) => (JSON.parse(line) as { tier: string }).tier)).toEqual([
    'galactic',
    'cosmic',
  ]);
  await running.stop();
});
