// The process of `tollgate serve`: from a configuration to the exit code.

import { messageOf } from './base/failure.js';
import type { Config } from './config.js';
import { connectionsMax, descriptorsMax } from './grpc/descriptors.js';
import { limits } from './limits.js';
import { exitCodeOf, troubleOf } from './ops/cli/trouble.js';
import { openService } from './service.js';
import { type Log, openLog } from './telemetry/log.js';

/** Serves until SIGTERM or SIGINT; a second signal ends at once. Resolves with the exit code. */
export async function runServe(config: Config): Promise<number> {
  const log = openLog({ level: config.logLevel, format: config.logFormat });
  const onFatal = (error: Error) => {
    log.fatalSync('fatal', { error });
    process.exit(1);
  };
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', (reason) => {
    onFatal(reason instanceof Error ? reason : new Error(messageOf(reason)));
  });
  const stop = signalled(log);
  warnOfFewDescriptors(log);
  const service = await openService({ config, log, onFatal }).catch((error: unknown) => {
    // For people the line on standard error is enough.
    if (config.logFormat === 'json') {
      log.fatalSync('start_failed', { ...troubleOf(error), exit_code: exitCodeOf(error) });
    }
    throw error;
  });
  log.info('stopping', { signal: await stop });
  await service.close();
  log.flush();
  return 0;
}

function warnOfFewDescriptors(log: Log): void {
  const descriptors = descriptorsMax();
  const connections = connectionsMax(limits.grpcConnections, descriptors);
  if (connections === limits.grpcConnections) return;
  const hint = 'of gRPC and of HTTP each; a higher limit of open files (ulimit -Hn) allows more';
  log.warn('few_descriptors', { descriptors, connections, hint });
}

function signalled(log: Log): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (++signals === 1) {
          resolve(signal);
          return;
        }
        log.fatalSync('second_signal', { signal, hint: 'what was acknowledged is durable' });
        process.exit(1);
      });
    }
  });
}
