// Verify: what must agree, compared beside the traffic, in slices. The same and more is done by the
// command `verify` where the server is stopped: it also rates every invoice anew from its events.

import type {
  VerifyRequest,
  VerifyResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { VerifyCheck } from '../../../generated/ts/tollgate/v1/overview.js';
import { Failure, messageOf } from '../../base/failure.js';
import type { Sequence } from '../../base/units.js';
import type { Entry } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import type { Answer, Core } from '../core.js';
import { createFaults, refuseFaults } from '../parse.js';
import { Refusal } from '../refusal.js';
import { openSteps, type Steps } from './steps.js';
import { verifyAuditChain } from './verify-audit-chain.js';
import { verifyInvoices } from './verify-invoices.js';
import { verifyTotals } from './verify-totals.js';

/** What a check found. */
export interface Compared {
  readonly count: number;
  readonly differences: readonly string[];
  /** What was left out and why; ''. */
  readonly skipped: string;
}

/** A check that has read what stands now, and is shown the journal up to there. */
export interface Begun {
  readonly through: Sequence;
  /** Undefined for a check that needs no journal. */
  readonly visit: ((entry: Entry, sequence: Sequence) => void) | undefined;
  readonly finish: () => Compared;
}

type Check = (core: Core, steps: Steps) => Promise<Begun>;

const CHECKS: ReadonlyMap<string, Check> = new Map([
  ['audit_chain', verifyAuditChain],
  ['invoices', verifyInvoices],
  ['totals', verifyTotals],
]);
const DIFFERENCES_SHOWN = 100;

/** One at a time. */
export function openVerify() {
  let running = false;
  return async (core: Core, request: VerifyRequest): Promise<Answer<VerifyResponse>> => {
    const { checks } = request;
    const faults = createFaults();
    for (const [i, name] of checks.entries()) {
      if (CHECKS.has(name)) continue;
      faults.add(`checks[${i}]`, `must be one of ${[...CHECKS.keys()].join(', ')}`);
    }
    refuseFaults(faults);
    if (running) throw isRunning();
    running = true;
    try {
      return await verify(core, new Set(checks.length === 0 ? CHECKS.keys() : checks));
    } finally {
      running = false;
    }
  };
}

async function verify(core: Core, names: ReadonlySet<string>): Promise<Answer<VerifyResponse>> {
  const steps = openSteps(core);
  const begun = new Map<string, Begun>();
  for (const [name, check] of CHECKS) {
    if (names.has(name)) begun.set(name, await check(core, steps));
  }
  const unread = await readJournal(core, steps, [...begun.values()]);
  const checks = [...begun].map(([name, each]) => toCheck(name, found(each, unread)));
  const sequence = Math.max(0, ...[...begun.values()].map(({ through }) => through));
  const ok = checks.every((check) => check.ok);
  const reply = { ok, checks, sequence: BigInt(sequence) };
  return { reply, after: core.journal.lastSequence() };
}

/** Once for all checks. Resolves with why it could not be read to its end, or ''. */
async function readJournal(core: Core, steps: Steps, checks: readonly Begun[]): Promise<string> {
  const visitors = checks.flatMap(({ visit }) => visit ?? []);
  const last = Math.max(0, ...checks.map(({ visit, through }) => (visit ? through : 0)));
  for (let sequence = 1; sequence <= last; sequence++) {
    try {
      const entry = decodeEntry(core.journal.read(sequence).body);
      for (const visit of visitors) visit(entry, sequence);
    } catch (error) {
      if (error instanceof Failure) return messageOf(error);
      throw error;
    }
    if (steps.due()) await steps.turn();
  }
  return '';
}

/** What follows from half a journal says nothing. */
function found({ visit, finish }: Begun, unread: string): Compared {
  if (visit === undefined || unread === '') return finish();
  return { count: 0, differences: [unread], skipped: 'the rest: the journal cannot be read' };
}

function toCheck(name: string, { count, differences, skipped }: Compared): VerifyCheck {
  return {
    name,
    ok: differences.length === 0,
    checkedCount: BigInt(count),
    differenceCount: BigInt(differences.length),
    differences: differences.slice(0, DIFFERENCES_SHOWN),
    skipped,
  };
}

function isRunning(): Refusal {
  const text = 'a verification is under way: wait for it';
  return new Refusal('RESOURCE_EXHAUSTED', 'VERIFY_RUNNING', text);
}
