// Random histories of one organisation, played on a real service, with a small model beside it: what
// was recorded, and what the organisation was on at each time, as the calls and their replies say.

import fc from 'fast-check';
import { tenureAt, usagePeriodAt } from '../../src/domain/subscriptions/terms.js';
import { readAccount } from '../../src/operations/billing/account-state.js';
import { type Account, AT_END, manual, NOW, ORG } from './account.js';
import { kindOf, stateOf } from './books.js';
import { cold, type Json, time, timeText } from './cold.js';
import { refusedOf } from './refusals.js';

const HOUR_MS = 3_600_000;
const hours = (...of: readonly number[]) => fc.constantFrom(...of);
const plan = fc.constantFrom('basic', 'pro', 'slow', 'month');

const ACTS = {
  move: fc.record({
    what: fc.constant('move' as const),
    hours: hours(1, 24, 120, 400, 800),
    close: fc.boolean(),
  }),
  use: fc.record({
    what: fc.constant('use' as const),
    meter: fc.constantFrom('tokens', 'tokens', 'calls'),
    quantity: fc.integer({ min: 1, max: 1000 }),
    late: hours(0, 0, 0, 1, 30, 200, 500, 830),
  }),
  subscribe: fc.record({
    what: fc.constant('subscribe' as const),
    plan: fc.oneof(plan, fc.constant('trial')),
    day: fc.constantFrom(0, 0, 1, 15, 31),
    late: hours(0, 0, 30, 200),
  }),
  change: fc.record({
    what: fc.constant('change' as const),
    plan: fc.oneof(plan, fc.constant('year')),
    seats: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    now: fc.boolean(),
  }),
  cancel: fc.record({ what: fc.constant('cancel' as const), now: fc.boolean() }),
  resume: fc.record({ what: fc.constant('resume' as const) }),
  manual: fc.record({
    what: fc.constant('manual' as const),
    late: hours(1, 48, 300, 900),
    length: hours(1, 48, 600),
  }),
  draft: fc.record({ what: fc.constant('draft' as const), finalize: fc.boolean() }),
  void: fc.record({ what: fc.constant('void' as const), pick: fc.nat() }),
  again: fc.record({
    what: fc.constant('again' as const),
    pick: fc.nat(),
    restart: fc.boolean(),
  }),
  settle: fc.record({
    what: fc.constant('settle' as const),
    pick: fc.nat(),
    cents: fc.option(fc.nat({ max: 2000 })),
  }),
  amend: fc.record({
    what: fc.constant('amend' as const),
    pick: fc.nat(),
    quantity: fc.nat({ max: 1000 }),
  }),
  restart: fc.record({ what: fc.constant('restart' as const) }),
};
type Acts = {
  readonly [What in keyof typeof ACTS]: (typeof ACTS)[What] extends fc.Arbitrary<infer Act>
    ? Act
    : never;
};
export type Act = Acts[keyof Acts];

export const act: fc.Arbitrary<Act> = fc.oneof(
  { arbitrary: ACTS.move as fc.Arbitrary<Act>, weight: 5 },
  { arbitrary: ACTS.use, weight: 6 },
  { arbitrary: ACTS.subscribe, weight: 3 },
  { arbitrary: ACTS.change, weight: 4 },
  { arbitrary: ACTS.cancel, weight: 1 },
  { arbitrary: ACTS.resume, weight: 1 },
  { arbitrary: ACTS.manual, weight: 2 },
  { arbitrary: ACTS.draft, weight: 1 },
  { arbitrary: ACTS.void, weight: 2 },
  { arbitrary: ACTS.again, weight: 2 },
  { arbitrary: ACTS.settle, weight: 1 },
  { arbitrary: ACTS.amend, weight: 2 },
  { arbitrary: ACTS.restart, weight: 1 },
);

interface On {
  readonly fromMs: number;
  readonly plan: string;
  readonly seats: number;
  readonly trial: boolean;
}

interface Used {
  id: string;
  readonly meter: string;
  quantity: number;
  /** The largest that it was: what an invoice may still say after an amendment. */
  most: number;
  readonly atMs: number;
}

export interface Model {
  readonly events: Used[];
  on: On[];
  /** Voided and not made again yet. */
  voided: Json[];
  changedMs: number;
}

export const newModel = (): Model => ({
  events: [],
  on: [{ fromMs: 0, plan: 'free', seats: 0, trial: false }],
  voided: [],
  changedMs: 0,
});

export const onAt = ({ on }: Model, atMs: number) =>
  on.findLast(({ fromMs }) => fromMs <= atMs) as On;

/** From then on, whatever was planned. */
function become(model: Model, fromMs: number, next: Partial<On>): void {
  const last = onAt(model, fromMs);
  model.on = [
    ...model.on.filter((each) => each.fromMs < fromMs),
    { ...last, trial: false, ...next, fromMs },
  ];
}

function forgetPlans(model: Model, nowMs: number): void {
  model.on = model.on.filter(({ fromMs }) => fromMs <= nowMs);
}

/** The reply; undefined where the call was refused for what it is. */
async function tried(call: Promise<Json>): Promise<Json | undefined> {
  try {
    return await call;
  } catch (error) {
    const { code, reason } = refusedOf(error as never);
    if (['FAILED_PRECONDITION', 'ALREADY_EXISTS', 'NOT_FOUND'].includes(code)) return undefined;
    if (code === 'INVALID_ARGUMENT' && reason === 'FIELD_INVALID') return undefined;
    throw error;
  }
}

const CHANGES: readonly Act['what'][] = ['subscribe', 'change', 'cancel', 'resume'];

export async function play(own: Account, model: Model, given: Act): Promise<void> {
  if (CHANGES.includes(given.what)) {
    // Of two changes at one instant nobody can say which of their voided invoices is meant.
    if (model.changedMs === own.clock.wallMs()) await own.advance(1000);
    model.changedMs = own.clock.wallMs();
  }
  const nowMs = own.clock.wallMs();
  switch (given.what) {
    case 'move':
      await own.advance(given.hours * HOUR_MS);
      if (given.close) await own.close();
      return;
    case 'use': {
      const atMs = nowMs - given.late * HOUR_MS;
      const quantity = given.meter === 'calls' ? 1 : given.quantity;
      const id = `e${model.events.length}`;
      await own.use(quantity, new Date(atMs).toISOString(), { meter: given.meter, eventId: id });
      model.events.push({ id, meter: given.meter, quantity, most: quantity, atMs });
      return;
    }
    case 'subscribe':
      return subscribe(own, model, given);
    case 'change':
      return change(own, model, given);
    case 'cancel': {
      const done = await tried(own.subscription('CancelSubscription', given.now ? NOW : AT_END));
      if (done === undefined) return;
      const { cancel_at, end_time } = done.subscription;
      forgetPlans(model, nowMs);
      become(model, Date.parse(timeText(end_time ?? cancel_at)), { plan: 'free', seats: 0 });
      return;
    }
    case 'resume':
      return resume(own, model);
    case 'manual': {
      const fromMs = nowMs - given.late * HOUR_MS;
      const toMs = Math.min(nowMs, fromMs + given.length * HOUR_MS);
      const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString()) as [string, string];
      await tried(own.invoice('GenerateInvoice', manual(from, to)));
      return;
    }
    case 'draft':
      return draft(own, given.finalize);
    case 'void':
      return voidOne(own, model, given.pick);
    case 'again':
      if (given.restart) await own.restart();
      return again(own, model, given.pick);
    case 'settle':
      return settle(own, given);
    case 'amend':
      return amend(own, model, given);
    case 'restart':
      return own.restart();
  }
}

async function subscribe(own: Account, model: Model, given: Acts['subscribe']): Promise<void> {
  const startMs = own.clock.wallMs() - given.late * HOUR_MS;
  const start = {
    start_time: time(new Date(startMs).toISOString()),
    billing_anchor_day: given.day,
  };
  const done = await tried(own.subscription('CreateSubscription', { plan: given.plan, ...start }));
  if (done === undefined) return;
  const { trial_end, seats, plan: bought } = done.subscription;
  become(model, startMs, { plan: bought, seats, trial: trial_end !== null });
  if (trial_end !== null) become(model, Date.parse(timeText(trial_end)), {});
}

async function change(own: Account, model: Model, given: Acts['change']): Promise<void> {
  const request = {
    plan: given.plan,
    ...(given.seats === undefined ? {} : { seats: given.seats }),
  };
  const done = await tried(
    own.subscription('ChangeSubscription', { ...request, ...(given.now ? NOW : AT_END) }),
  );
  if (done === undefined) return;
  const nowMs = own.clock.wallMs();
  const { pending_change: pending, plan: held, seats, trial_end } = done.subscription;
  forgetPlans(model, nowMs);
  const trialMs = trial_end === null ? 0 : Date.parse(timeText(trial_end));
  const trial = nowMs < trialMs;
  if (pending === null) become(model, nowMs, { plan: held, seats, trial });
  if (trial) become(model, trialMs, {});
  if (pending === null) return;
  become(model, Date.parse(timeText(pending.effective_time)), {
    plan: pending.plan,
    seats: pending.seats,
  });
}

/** What had been planned besides the cancellation is forgotten; a trial ends all the same. */
async function resume(own: Account, model: Model): Promise<void> {
  const done = await tried(own.subscription('ResumeSubscription'));
  if (done === undefined) return;
  const nowMs = own.clock.wallMs();
  forgetPlans(model, nowMs);
  const { trial_end } = done.subscription;
  if (trial_end === null) return;
  const trialMs = Date.parse(timeText(trial_end));
  if (nowMs < trialMs) become(model, trialMs, {});
}

/** The last period that has ended, where it is the next to be closed, in the kind that the pump makes. */
async function draft(own: Account, finalize: boolean): Promise<void> {
  const { core } = own.running();
  const { terms, billing } = await readAccount(core, ORG);
  const running = usagePeriodAt(terms, own.clock.wallMs());
  if (running.startMs === 0) return;
  const { startMs, endMs, tenure } = usagePeriodAt(terms, running.startMs - 1);
  if (billing?.value.closed_to_ms !== startMs) return;
  const next = tenureAt(terms, endMs).document.subscription_id;
  const isFinal = tenure.subscription_id !== '' && next !== tenure.subscription_id;
  const kind = isFinal ? 'INVOICE_KIND_FINAL' : 'INVOICE_KIND_RECURRING';
  await tried(own.invoice('GenerateInvoice', { kind, finalize }));
}

async function voidOne(own: Account, model: Model, pick: number): Promise<void> {
  const all = (await own.invoices()).filter((invoice) => stateOf(invoice) === 'OPEN');
  const invoice = all[pick % Math.max(1, all.length)];
  if (invoice === undefined) return;
  const { invoice_id } = invoice;
  if ((await tried(own.invoice('VoidInvoice', { invoice_id, reason: 'wrong' }))) !== undefined)
    model.voided.push(invoice);
}

/** Makes an invoice in the place of a voided one; an earlier one may have been in its place already. */
export async function again(own: Account, model: Model, pick: number): Promise<void> {
  const invoice = model.voided[pick % Math.max(1, model.voided.length)];
  if (invoice === undefined) return;
  const { period_start, period_end } = invoice;
  // Of a change there is no other way than by the time that it was made.
  const kind = kindOf(invoice) === 'PRORATION' ? 'INVOICE_KIND_RECURRING' : invoice.kind;
  const done = await tried(
    own.invoice('GenerateInvoice', { kind, period_start, period_end, finalize: true }),
  );
  if (done !== undefined) model.voided = model.voided.filter((each) => each !== invoice);
}

/** Pays an invoice, or gives a part of it back. */
async function settle(own: Account, { pick, cents }: Acts['settle']): Promise<void> {
  const all = await own.invoices();
  const invoice = all[pick % Math.max(1, all.length)];
  if (invoice === undefined) return;
  const { invoice_id } = invoice;
  if (cents === null || cents === 0) await tried(own.invoice('MarkInvoicePaid', { invoice_id }));
  else
    await tried(
      own.invoice('CreateCreditNote', {
        invoice_id,
        reason: 'x',
        amount: (cents / 100).toFixed(2),
      }),
    );
}

/** Another quantity for the same time. That the last event of a line is voided is in attack-corrections. */
async function amend(own: Account, model: Model, { pick, quantity }: Acts['amend']): Promise<void> {
  const all = model.events.filter(({ meter }) => meter === 'tokens');
  const used = all[pick % Math.max(1, all.length)];
  // In a trial an amended event, which changes neither money nor count, is on no invoice.
  if (used === undefined || onAt(model, used.atMs).trial) return;
  const event_id = `${used.id}x`;
  const event_time = time(new Date(used.atMs).toISOString());
  const replacement = { event_id, meter: 'tokens', quantity: `${quantity}`, event_time };
  await cold(own.running(), 'Correction', 'AmendEvent', {
    org_id: ORG,
    event_id: used.id,
    reason: 'x',
    replacement,
  });
  used.id = event_id;
  used.quantity = quantity;
  used.most = Math.max(used.most, quantity);
}
