// A meter stays what it was: every way to bring it back as another one.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event } from '../support/requests.js';
import { start, temporaryDirectory } from '../support/service.js';

const meter = (scale: number, aggregation: string, more = '') =>
  catalogueYaml({
    meters: `[{key: tokens, unit: t, scale: ${scale}, aggregation: ${aggregation}${more}}]`,
  });
const OTHER = catalogueYaml({ meters: '[{key: x, unit: x, scale: 0, aggregation: SUM}]' });
const WHOLE = meter(0, 'SUM');

interface Try {
  readonly yaml: string;
  readonly wipe?: boolean;
  readonly use?: string;
}

/** Starts with each catalogue in turn on one directory: what it answers, or why it does not. */
async function outcomes(tries: readonly Try[]): Promise<string[]> {
  const clock = createTestClock();
  const directory = temporaryDirectory();
  const found: string[] = [];
  for (const { yaml, wipe, use } of tries) {
    for (const name of wipe === true ? ['state', 'index'] : []) {
      rmSync(join(directory, name), { recursive: true, force: true });
    }
    try {
      const running = await start({ yaml, clock, directory });
      if (use !== undefined) {
        await ask(running, 'record', { event: event({ orgId: 'o', quantity: use }) });
      }
      const known = await ask(running, 'getUsage', { orgId: 'o', meters: ['tokens'] }).then(
        ({ totals }) => totals[0]?.quantity ?? 'none',
        () => 'unknown',
      );
      expect(running.fatal).toEqual([]);
      await running.stop();
      found.push(known);
    } catch (error) {
      found.push((error as { code?: string }).code ?? `${error}`);
    }
  }
  rmSync(directory, { recursive: true, force: true });
  return found;
}
const NO = 'CATALOGUE_INCOMPATIBLE';

describe.concurrent('a meter that comes back', () => {
  test.each([
    ['with more decimals', meter(2, 'SUM')],
    ['as MAX', meter(0, 'MAX')],
    ['as UNIQUE', meter(0, 'UNIQUE', ', dimension: user')],
  ])('%s is refused, each time, and comes back as it was', async (_what, yaml) => {
    const tries = [
      { yaml: WHOLE, use: '60' },
      { yaml: OTHER },
      { yaml, wipe: true },
      { yaml },
      { yaml: WHOLE },
      { yaml, wipe: true },
      { yaml: WHOLE, wipe: true, use: '1' },
    ];
    expect(await outcomes(tries)).toEqual(['60', '60', NO, NO, '60', NO, '61']);
  });

  test('and was never used is refused too', async () => {
    const tries = [{ yaml: WHOLE }, { yaml: OTHER, wipe: true }, { yaml: meter(3, 'SUM') }];
    expect((await outcomes(tries))[2]).toBe(NO);
  });

  test('may have another unit, formula, rollup keys and labels', async () => {
    const changed = meter(0, 'SUM', ', rollup_keys: [a, b], label_sets_max: 3').replace(
      'unit: t',
      'unit: other',
    );
    const tries = [{ yaml: WHOLE, use: '60' }, { yaml: OTHER }, { yaml: changed, wipe: true }];
    expect(await outcomes(tries)).toEqual(['60', '60', '60']);
  });

  test('in a refused catalogue leaves nothing of that catalogue behind', async () => {
    const meters = `
    - {key: tokens, unit: t, scale: 5, aggregation: SUM}
    - {key: fresh, unit: f, scale: 5, aggregation: SUM}`;
    const fresh = `
    - {key: tokens, unit: t, scale: 0, aggregation: SUM}
    - {key: fresh, unit: f, scale: 0, aggregation: SUM}`;
    const tries = [
      { yaml: WHOLE, use: '60' },
      { yaml: catalogueYaml({ meters }) },
      { yaml: catalogueYaml({ meters: fresh }) },
    ];
    expect(await outcomes(tries)).toEqual(['60', NO, '60']);
  });
});
