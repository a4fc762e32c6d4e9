// Bad usage of a command (exit 2), found before anything is done.

import { Failure } from '../../base/failure.js';

const USAGE = 'BAD_USAGE';

export function usageFailure(message: string): Failure {
  return new Failure(USAGE, message);
}

export function isUsage(error: unknown): boolean {
  return error instanceof Failure && error.code === USAGE;
}
