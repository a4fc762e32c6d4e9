// Unary calls: attempts until one answers, the deadline has passed or retrying cannot help.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { MeteringServiceService } from '../../generated/ts/tollgate/v1/metering_service.js';
import { systemClock } from '../base/clock.js';
import type { DurationMs } from '../base/units.js';
import { backoffMs } from './backoff.js';
import type { Connection, Credential } from './connection.js';
import { type CallTrouble, closedError, errorOf, readTrouble, unavailable } from './errors.js';
import type { Settings } from './options.js';

type Definition = typeof MeteringServiceService;
export type UnaryName = 'checkQuota' | 'reserve' | 'settle' | 'release' | 'extendReservation';
type RequestOf<Name extends UnaryName> = Parameters<Definition[Name]['requestSerialize']>[0];
type ReplyOf<Name extends UnaryName> = ReturnType<Definition[Name]['responseDeserialize']>;

export interface Calls {
  /**
   * Rejects with TollgateUnavailable once the deadline has passed, and with another TollgateError
   * at once where the same call cannot succeed.
   */
  readonly call: <Name extends UnaryName>(
    name: Name,
    request: RequestOf<Name>,
    deadlineMs: DurationMs,
  ) => Promise<ReplyOf<Name>>;
  /** What still runs or waits rejects with CLOSED. */
  readonly close: () => void;
}

/** `isOldKey`: the server refused a key, and there is another one by now. */
type Attempt<Reply> =
  | { readonly reply: Reply }
  | { readonly trouble: CallTrouble; readonly isOldKey: boolean };

export function openCalls(connection: Connection, settings: Settings): Calls {
  const stopping = new AbortController();

  async function call<Name extends UnaryName>(
    name: Name,
    request: RequestOf<Name>,
    deadlineMs: DurationMs,
  ): Promise<ReplyOf<Name>> {
    const endMs = systemClock.monotonicMs() + deadlineMs;
    for (let retries = 0; ; retries++) {
      if (stopping.signal.aborted) throw closedError();
      const leftMs = endMs - systemClock.monotonicMs();
      const attemptMs = Math.min(leftMs, settings.deadlineMs);
      const attempt = await attemptCall(connection, name, request, attemptMs);
      if ('reply' in attempt) return attempt.reply;
      if (stopping.signal.aborted) throw closedError();
      const { trouble, isOldKey } = attempt;
      if (!trouble.retriable && !(isOldKey && retries === 0)) throw errorOf(trouble);
      const waitMs = isOldKey ? 0 : backoffMs(settings.retry, retries, trouble.retryDelayMs);
      if (systemClock.monotonicMs() + waitMs >= endMs) throw unavailable(trouble, deadlineMs);
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {
        throw closedError();
      });
    }
  }

  return { call, close: () => stopping.abort() };
}

async function attemptCall<Name extends UnaryName>(
  connection: Connection,
  name: Name,
  request: RequestOf<Name>,
  attemptMs: DurationMs,
): Promise<Attempt<ReplyOf<Name>>> {
  const credential = await connection.credential();
  if ('trouble' in credential) return { trouble: credential.trouble, isOldKey: false };
  const answer = await answerOf(connection, credential, name, request, attemptMs);
  if ('reply' in answer) return answer;
  const trouble = readTrouble(answer.error);
  const refused = trouble.status === status.UNAUTHENTICATED;
  return { trouble, isOldKey: refused && (await connection.hasOtherKey(credential)) };
}

function answerOf<Name extends UnaryName>(
  { client }: Connection,
  { metadata }: Credential,
  name: Name,
  request: RequestOf<Name>,
  attemptMs: DurationMs,
): Promise<{ readonly reply: ReplyOf<Name> } | { readonly error: ServiceError }> {
  const { path, requestSerialize, responseDeserialize } = MeteringServiceService[name];
  const deadline = systemClock.wallMs() + attemptMs;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize as (value: RequestOf<Name>) => Buffer,
      responseDeserialize as (bytes: Buffer) => ReplyOf<Name>,
      request,
      metadata,
      { deadline },
      (error: ServiceError | null, reply?: ReplyOf<Name>) => {
        // grpc-js gives exactly one of the two.
        if (error === null) resolve({ reply: reply as ReplyOf<Name> });
        else resolve({ error });
      },
    );
  });
}
