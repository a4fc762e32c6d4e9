// Backup over gRPC: a stream of parts, one on its way at a time. A part is made when its reader has
// taken the one before, so that a slow reader costs one chunk of memory.

import { type handleServerStreamingCall, type ServerWritableStream, status } from '@grpc/grpc-js';
import type {
  BackupRequest,
  BackupResponse,
} from '../../generated/ts/tollgate/v1/admin_service.js';
import { isLive, type Session } from '../access/session.js';
import { limits } from '../limits.js';
import { openBackup } from '../operations/admin/backup.js';
import { Refusal } from '../operations/refusal.js';
import { authoriseAll } from '../rpc/authorise.js';
import { type Edge, noteDenied, recorderOf } from '../rpc/edge.js';
import { sessionOf } from './admitted.js';
import type { Decode } from './element-bound.js';
import { errorReply, GRPC_CALL } from './unary.js';

type Stream = ServerWritableStream<Buffer, BackupResponse>;

export const BACKUP = 'Backup';

export function backupHandler(
  edge: Edge,
  decode: Decode<BackupRequest>,
): handleServerStreamingCall<Buffer, BackupResponse> {
  const recorder = recorderOf(edge, BACKUP, { kind: 'administration' });
  const backup = openBackup();
  const { clock } = edge.core;

  return (stream) => {
    edge.openCalls++;
    const startedMs = clock.monotonicMs();
    void serve(stream).then((code) => {
      edge.openCalls--;
      recorder.done(code, clock.monotonicMs() - startedMs);
    });
  };

  /** Resolves with the status code; never rejects. */
  async function serve(stream: Stream): Promise<number> {
    let session = sessionOf(stream, clock.wallMs());
    try {
      const source = stream.getPeer();
      session ??= await edge.gate.admit(stream, GRPC_CALL);
      session.bucket?.take();
      const request = decode(stream.request);
      authoriseAll(session.principal, 'platform.admin');
      const { core } = session;
      const own = { ...core, caller: { ...core.caller, source } };
      for await (const response of backup(own, request)) {
        session = await liveOne(session, stream);
        await send(stream, response);
        // Its reader went away: nobody is told.
        if (stream.cancelled) return status.CANCELLED;
      }
      stream.end();
      return status.OK;
    } catch (error) {
      noteDenied(edge, BACKUP, error, { session, source: stream.getPeer(), orgId: '' });
      const answer = errorReply(edge, BACKUP, error);
      stream.emit('error', answer);
      return answer.code;
    }
  }

  /** A credential that ended, or was changed, ends its backup too. */
  async function liveOne(session: Session, stream: Stream): Promise<Session> {
    let now = session;
    while (!isLive(now, clock.wallMs())) {
      now = await edge.gate.admit(stream, GRPC_CALL);
      authoriseAll(now.principal, 'platform.admin');
    }
    return now;
  }
}

/** Resolves when it was taken, or when nobody is there any more to take it. */
function send(stream: Stream, response: BackupResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      clearTimeout(timer);
      stream.off('cancelled', onCancelled);
      if (error === undefined) resolve();
      else reject(error);
    };
    // Of a call that was cancelled grpc-js never says that a message was taken.
    const onCancelled = () => done();
    const timer = setTimeout(() => done(stalled()), limits.backupStallMs);
    stream.once('cancelled', onCancelled);
    if (stream.cancelled) done();
    else stream.write(response, () => done());
  });
}

function stalled(): Refusal {
  const text = `nothing of the backup was taken for ${limits.backupStallMs / 1000} s`;
  return new Refusal('RESOURCE_EXHAUSTED', 'BACKUP_STALLED', text);
}
