// The two RPCs of separate calls, Record and RecordBatch, as promises of decisions.

import type { ServiceError } from '@grpc/grpc-js';
import { Durability } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { systemClock } from '../../base/clock.js';
import { Failure } from '../../base/failure.js';
import { detailsOf } from '../remote/call-error.js';
import type { Call } from './calls.js';
import { type Decision, decisionOf, outcomeOfError } from './outcome.js';
import { type SenderOptions, SILENCE_MS_MAX } from './sender.js';

type RecordOptions = Pick<SenderOptions, 'client' | 'metadata' | 'enforceQuota'>;

const durability = Durability.DURABILITY_UNSPECIFIED;

export function recordCall({ client, metadata, enforceQuota }: RecordOptions): Call {
  return ([event]) =>
    new Promise((resolve, reject) => {
      client.record(
        { event, durability, enforceQuota, validateOnly: false },
        metadata,
        { deadline: systemClock.wallMs() + SILENCE_MS_MAX },
        (error, response) => {
          if (error === null) return resolve([decisionOf(response)]);
          const decision = decisionOfError(error);
          if (decision === undefined) reject(error);
          else resolve([decision]);
        },
      );
    });
}

export function recordBatchCall({ client, metadata, enforceQuota }: RecordOptions): Call {
  return (events) =>
    new Promise((resolve, reject) => {
      client.recordBatch(
        { orgId: '', events: [...events], atomic: false, durability, enforceQuota },
        metadata,
        { deadline: systemClock.wallMs() + SILENCE_MS_MAX },
        (error, response) => {
          if (error !== null) return reject(error);
          const { results } = response;
          if (results.length === events.length) return resolve(results.map(decisionOf));
          const counts = `${results.length} results for ${events.length} events`;
          reject(new Failure('REPLAY_PROTOCOL', `the server answered ${counts}`));
        },
      );
    });
}

function decisionOfError(error: ServiceError): Decision | undefined {
  const outcome = outcomeOfError(error.code, detailsOf(error).reason);
  return outcome === undefined ? undefined : { outcome, message: error.details };
}
