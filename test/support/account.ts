// One organisation of a real service whose clock stands until it is moved, for tests of billing that
// attack it. At the end of each test all of its invoices go to the accountant.

import { expect } from 'vitest';
import { limits } from '../../src/limits.js';
import { closeDue, linesOf } from './billing.js';
import { bookFaults, kindOf, stateOf } from './books.js';
import { createTestClock, type TestClock } from './clock.js';
import { cold, type Json, time } from './cold.js';
import { ask, event, type GivenEvent } from './requests.js';
import { type Running, type StartOptions, start } from './service.js';

export const ORG = 'acme';

export interface Account {
  readonly clock: TestClock;
  /** The service that runs now. */
  readonly running: () => Running;
  readonly restart: (options?: StartOptions) => Promise<void>;
  /** Nothing is on its way to the disk while the clock moves. */
  readonly moveTo: (text: string) => Promise<void>;
  readonly advance: (ms: number) => Promise<void>;
  /** Closes what is due, now or then. */
  readonly close: () => Promise<void>;
  readonly closeAt: (text: string) => Promise<void>;
  /** Records tokens, now or for a time. */
  readonly use: (quantity: number, at?: string, more?: GivenEvent) => Promise<void>;
  readonly subscription: (method: string, request?: object) => Promise<Json>;
  readonly invoice: (method: string, request?: object) => Promise<Json>;
  /** Of the organisation, oldest first, with their lines. */
  readonly invoices: () => Promise<readonly Json[]>;
  /** "RECURRING OPEN 30.00: PLAN_BASE 30.00", oldest first. */
  readonly shown: () => Promise<readonly string[]>;
}

export interface AccountOptions extends StartOptions {
  readonly from: string;
  readonly orgId?: string;
  /** Long work lets others in between, as where time goes by. */
  readonly paced?: boolean;
  /** Whether the server closes by itself as well; else only `close` does, and tests know when. */
  readonly pump?: 'on' | 'off';
}

/** As far ahead of the monotonic clock the wall clock is not trusted, and nothing is closed. */
const UNSOUND_MS = 2 * limits.clockDisagreementMs;

export async function account(
  { from, orgId = ORG, paced = false, pump = 'off', ...options }: AccountOptions,
  act: (account: Account) => Promise<void>,
): Promise<void> {
  const clock = createTestClock(from);
  const monotonicMs = () => clock.monotonicMs() + (paced ? performance.now() : 0);
  const behindMs = pump === 'on' ? 0 : UNSOUND_MS;
  const started = async (starting: () => Promise<Running>) => {
    clock.setWall(clock.wallMs() - behindMs);
    const made = await starting();
    clock.setWall(clock.wallMs() + behindMs);
    return made;
  };
  let running = await started(() => start({ ...options, clock: { ...clock, monotonicMs } }));
  const own: Account = {
    clock,
    running: () => running,
    async restart(again = {}) {
      expect(running.fatal).toEqual([]);
      const before = running;
      running = await started(() => before.restart(again));
    },
    moveTo: (text) => own.advance(Date.parse(text) - clock.wallMs()),
    async advance(ms) {
      if (ms < 0) throw new Error('the clock does not go back');
      await running.core.journal.drain();
      clock.advance(ms);
    },
    close: () => closeDue(running, orgId),
    async closeAt(text) {
      await own.moveTo(text);
      await own.close();
    },
    async use(quantity, at, more = {}) {
      const given = {
        orgId,
        meter: 'tokens',
        quantity: `${quantity}`,
        ...(at === undefined ? {} : { at }),
      };
      await ask(running, 'record', { event: event({ ...given, ...more }) });
    },
    subscription: (method, request = {}) => {
      return cold(running, 'Subscription', method, { org_id: orgId, ...request });
    },
    invoice: (method, request = {}) =>
      cold(running, 'Invoice', method, { org_id: orgId, ...request }),
    invoices: () => everyInvoice(running, orgId),
    async shown() {
      return (await own.invoices()).map((each) => {
        return `${kindOf(each)} ${stateOf(each)} ${each.total}: ${linesOf(each).join(', ')}`.trim();
      });
    },
  };
  try {
    await act(own);
    expect(running.fatal).toEqual([]);
    expect(bookFaults(await everyInvoice(running, ''))).toEqual([]);
  } finally {
    await running.stop();
  }
}

/** Oldest first, with their lines; '' for every organisation. */
export async function everyInvoice(running: Running, orgId: string): Promise<readonly Json[]> {
  const heads: Json[] = [];
  let page_token = '';
  do {
    const page = await cold(running, 'Invoice', 'ListInvoices', {
      org_id: orgId,
      page_size: 1000,
      page_token,
    });
    heads.push(...page.invoices);
    page_token = page.next_page_token;
  } while (page_token !== '');
  const full: Json[] = [];
  for (const head of heads.reverse()) full.push(await wholeInvoice(running, head));
  return full;
}

async function wholeInvoice(running: Running, { org_id, invoice_id }: Json): Promise<Json> {
  const lines: Json[] = [];
  let line_page_token = '';
  let invoice: Json;
  do {
    const request = { org_id, invoice_id, line_page_token };
    ({ invoice } = await cold(running, 'Metering', 'GetInvoice', request));
    lines.push(...invoice.lines);
    line_page_token = invoice.next_line_page_token;
  } while (line_page_token !== '');
  expect(lines).toHaveLength(invoice.line_count);
  return { ...invoice, lines };
}

/** A request for the invoice of a range, closed in the same step. */
export function range(from: string, to: string, more: object = {}): object {
  return { period_start: time(from), period_end: time(to), finalize: true, ...more };
}

export function manual(from: string, to: string, more: object = {}): object {
  return range(from, to, { kind: 'INVOICE_KIND_MANUAL', ...more });
}

export const NOW = { timing: 'CHANGE_TIMING_NOW' } as const;
export const AT_END = { timing: 'CHANGE_TIMING_PERIOD_END' } as const;
