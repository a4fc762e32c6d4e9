import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tenuresFrom, withFallbackPlan } from '../../../src/domain/subscriptions/tenures.js';
import {
  type TenureDocument,
  tenureAt,
  unsubscribed,
} from '../../../src/domain/subscriptions/terms.js';
import { utc } from '../given.js';
import { changed, type Step, step, subscribed as subscribedTo, tenuresAfter } from './histories.js';

type Tenures = readonly TenureDocument[];

/** "free from 1970-01-01, s1 pro from 2026-11-10 (trial)". */
function shown(tenures: Tenures): readonly string[] {
  return tenures.map(({ from_ms, subscription_id: id, plan, trial }) => {
    const words = [id, plan || 'default', new Date(from_ms).toISOString().slice(0, 10)];
    return [...words.filter((word) => word !== ''), ...(trial ? ['trial'] : [])].join(' ');
  });
}

const withoutTime = (tenure: TenureDocument) => ({ ...tenure, from_ms: 0 });
const NONE: Tenures = [unsubscribed('')];
const NOVEMBER = utc('2026-11-01');
const TENTH = utc('2026-11-10');
const DECEMBER = utc('2026-12-01');
const subscribed = (id: string, plan: string, fromMs: number) =>
  subscribedTo(id, plan, fromMs, { anchor_ms: NOVEMBER, anchor_day: 1 });

describe('what an organisation is on from a time on', () => {
  test('follows what it was on before', () => {
    const own = subscribed('s1', 'pro', NOVEMBER);
    const tenures = tenuresFrom(NONE, NOVEMBER, [own]);
    expect(shown(tenures)).toEqual(['default 1970-01-01', 's1 pro 2026-11-01']);
    expect(tenureAt({ tenures }, NOVEMBER - 1).document).toEqual(NONE[0]);
    expect(tenureAt({ tenures }, NOVEMBER).document).toEqual(own);
  });

  test('takes the place of everything that was planned from then on', () => {
    const planned = [
      subscribed('s1', 'pro', NOVEMBER),
      subscribed('s1', 'basic', DECEMBER),
      unsubscribed('', DECEMBER + 1),
    ];
    const before = tenuresFrom(NONE, NOVEMBER, planned);
    const after = tenuresFrom(before, TENTH, [subscribed('s1', 'big', TENTH)]);
    expect(shown(after)).toEqual(['default 1970-01-01', 's1 pro 2026-11-01', 's1 big 2026-11-10']);
  });

  test('is one with what it was on before where both are alike', () => {
    const before = tenuresFrom(NONE, NOVEMBER, [subscribed('s1', 'pro', NOVEMBER)]);
    expect(tenuresFrom(before, TENTH, [subscribed('s1', 'pro', TENTH)])).toEqual(before);
    const other = tenuresFrom(before, TENTH, [subscribed('s2', 'pro', TENTH)]);
    expect(other).toHaveLength(3);
  });

  test('changes back and forth within a millisecond leave one tenure', () => {
    const before = tenuresFrom(NONE, NOVEMBER, [subscribed('s1', 'pro', NOVEMBER)]);
    const there = tenuresFrom(before, TENTH, [subscribed('s1', 'big', TENTH)]);
    expect(tenuresFrom(there, TENTH, [subscribed('s1', 'pro', TENTH)])).toEqual(before);
    const on = tenuresFrom(there, TENTH, [subscribed('s1', 'huge', TENTH)]);
    expect(shown(on).slice(1)).toEqual(['s1 pro 2026-11-01', 's1 huge 2026-11-10']);
  });
});

describe('another plan for the time without a subscription', () => {
  test('holds from then on, and not before', () => {
    expect(shown(withFallbackPlan(NONE, TENTH, 'team'))).toEqual([
      'default 1970-01-01',
      'team 2026-11-10',
    ]);
  });

  test('waits for the end of a subscription', () => {
    const ending = [subscribed('s1', 'pro', NOVEMBER), unsubscribed('', DECEMBER)];
    const before = tenuresFrom(NONE, NOVEMBER, ending);
    for (const atMs of [NOVEMBER, TENTH, DECEMBER - 1]) {
      expect(shown(withFallbackPlan(before, atMs, 'team'))).toEqual([
        'default 1970-01-01',
        's1 pro 2026-11-01',
        'team 2026-12-01',
      ]);
    }
    expect(shown(withFallbackPlan(before, DECEMBER, 'team'))).toEqual(
      shown(withFallbackPlan(before, TENTH, 'team')),
    );
  });

  test('is nothing to a subscription that goes on', () => {
    const before = tenuresFrom(NONE, NOVEMBER, [subscribed('s1', 'pro', NOVEMBER)]);
    expect(withFallbackPlan(before, TENTH, 'team')).toEqual(before);
  });
});

describe('tenures, whatever happened', () => {
  const steps = fc.array(step, { maxLength: 12 });

  test('begin with the beginning of time, ascend, and no two neighbours are alike', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const tenures = tenuresAfter(history);
        expect(tenures[0]?.from_ms).toBe(0);
        for (const [i, each] of tenures.slice(1).entries()) {
          const before = tenures[i] as TenureDocument;
          expect(each.from_ms).toBeGreaterThan(before.from_ms);
          expect(withoutTime(each)).not.toEqual(withoutTime(before));
        }
      }),
    );
  });

  test('stay as they were before a change, and are what it says from then on', () => {
    fc.assert(
      fc.property(steps, step, fc.nat(), (history, last: Step, earlierMs) => {
        const before = { tenures: tenuresAfter(history) };
        const after = { tenures: changed(before.tenures, last) };
        const at = (terms: { readonly tenures: Tenures }, ms: number) =>
          withoutTime(tenureAt(terms, ms).document);
        const pastMs = Math.max(0, last.atMs - 1 - (earlierMs % last.atMs));
        expect(at(after, pastMs)).toEqual(at(before, pastMs));
        const now = at(after, last.atMs);
        if (last.what === 'fallback') {
          if (now.subscription_id === '') expect(now.plan).toBe(last.plan);
          else expect(now).toEqual(at(before, last.atMs));
        } else expect(now.plan).toBe(last.what === 'end' ? '' : last.plan);
      }),
    );
  });

  test('keep every subscription where only the plan without one changes', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 400 }), fc.constantFrom('a', 'b'), (history, day, plan) => {
        const before = tenuresAfter(history);
        const after = withFallbackPlan(before, NOVEMBER + day * 86_400_000, plan);
        const own = (all: Tenures) => all.filter(({ subscription_id }) => subscription_id !== '');
        expect(own(after)).toEqual(own(before));
      }),
    );
  });
});
