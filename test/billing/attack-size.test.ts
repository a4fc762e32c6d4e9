import { describe, expect, test } from 'vitest';
import { type Account, account, NOW, ORG } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, sumOf } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';

/** Segments as a server has them: the small ones of tests cannot be changed as fast as this fills them. */
const WIDE = { segmentBytes: 64 * 1024 * 1024 };

/** Unpriced usage with a default amount is a line per label set. */
const LABELS = catalogueYaml({
  meters: `
    - {key: service_usage, unit: use, scale: 0, aggregation: SUM, rollup_keys: [service, usage_type],
       unpriced: {default: 0.01}}`,
});

async function labelSets(own: Account, count: number, chars: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const events = Array.from({ length: 500 }, (_, i) => {
      const service = `${from + i}`.padEnd(chars, 'x');
      const dimensions = { service, usage_type: 'y'.repeat(chars) };
      return event({ orgId: ORG, meter: 'service_usage', quantity: '1', dimensions });
    });
    await ask(own.running(), 'recordBatch', { orgId: ORG, events });
  }
}

const withLabels = (chars: number, act: (own: Account) => Promise<void>) =>
  account({ yaml: LABELS, from: '2026-11-20T12:00:00Z', change: WIDE }, async (own) => {
    await labelSets(own, 10_000, chars);
    await own.closeAt('2026-12-01T02:00:00Z');
    await act(own);
  });

describe('10,000 label sets', () => {
  test('are 10,000 lines that add up, and read again after a restart', () =>
    withLabels(8, async (own) => {
      await own.restart();
      const [invoice] = await own.invoices();
      expect(invoice.lines).toHaveLength(10_000);
      expect(invoice.total).toBe('100.00');
      expect(billedQuantities([invoice])).toEqual({ service_usage: 10_000 });
    }));

  test('with the longest labels are read in pages, whose amounts add up', () =>
    withLabels(256, async (own) => {
      const [invoice] = await own.invoices();
      expect(invoice.lines).toHaveLength(10_000);
      expect(sumOf(invoice.lines)).toBe(10_000n);
      const { invoice_id } = invoice;
      const paid = (await own.invoice('MarkInvoicePaid', { invoice_id })).invoice;
      expect(paid.state).toBe('INVOICE_STATE_PAID');
      expect(paid.line_count).toBe(10_000);
      expect(paid.lines.length).toBeLessThan(5000);
      const line_page_token = invoice_id;
      const request = { org_id: ORG, invoice_id, line_page_token };
      const { fields } = await refused(cold(own.running(), 'Metering', 'GetInvoice', request));
      expect(fields).toEqual(['line_page_token']);
    }));
});

test('a change of plan in a busy quarter of an hour keeps no period from being closed', () =>
  account({ yaml: PLANS, from: '2026-11-01T00:00:00Z', change: WIDE }, async (own) => {
    await own.subscription('CreateSubscription', { plan: 'basic' });
    await own.moveTo('2026-11-10T00:07:30Z');
    for (let i = 0; i < 51; i++) {
      const events = Array.from({ length: 1000 }, () => event({ orgId: ORG, quantity: '1' }));
      await ask(own.running(), 'recordBatch', { orgId: ORG, events });
    }
    await own.advance(1000);
    await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
    await own.closeAt('2026-12-01T02:00:00Z');
    expect((await own.invoices()).map(linesOf)).toContainEqual(['USAGE tokens 51000 10200.00']);
  }));

test('a preview of 8,000 years does not hold everybody else up', () =>
  account({ yaml: PLANS, from: '2026-11-20T00:00:00Z' }, async (own) => {
    await own.use(1);
    let [last, longest] = [performance.now(), 0];
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const period = {
      period_start: time('2026-11-19T00:00:00Z'),
      period_end: time('9999-12-01T00:00:00Z'),
    };
    await own
      .invoice('PreviewInvoice', { kind: 'INVOICE_KIND_MANUAL', ...period })
      .catch(() => undefined);
    await new Promise((done) => setTimeout(done, 20));
    clearInterval(timer);
    expect(longest).toBeLessThan(200);
  }));
