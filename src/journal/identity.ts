// The identity file names a data directory and what its journal has reached, so that an emptied or
// swapped directory is seen. Rewritten at start, rotation, checkpoint and clean stop.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/failure.js';
import { replaceFile } from '../base/replace-file.js';
import type { EpochMs, Sequence } from '../base/units.js';

const NAME = 'identity.json';

export interface Fork {
  readonly incarnation: number;
  readonly parent: number;
  /** The last sequence shared with the parent. */
  readonly forkSequence: Sequence;
  readonly atMs: EpochMs;
}

export interface Identity {
  readonly format: 1;
  readonly uuid: string;
  readonly createdMs: EpochMs;
  /** Which line of history this is: repair and restore begin a new one. */
  readonly incarnation: number;
  readonly forks: readonly Fork[];
  /** Counts the starts; stands in every batch header. */
  readonly epoch: number;
  readonly lastSequence: Sequence;
}

/** Which line of history a journal is on, and where it left the ones before. */
export type History = Pick<Identity, 'incarnation' | 'forks'>;

/** The last sequence of `incarnation` that a journal with this history has too. */
export function sharedUpTo(history: History, incarnation: number): Sequence {
  if (history.incarnation < incarnation) return 0;
  // Each fork since then may have cut deeper.
  const since = history.forks.filter(({ parent }) => parent >= incarnation);
  return Math.min(Number.MAX_SAFE_INTEGER, ...since.map(({ forkSequence }) => forkSequence));
}

export function newIdentity(nowMs: EpochMs): Identity {
  return {
    format: 1,
    uuid: randomUUID(),
    createdMs: nowMs,
    incarnation: 1,
    forks: [],
    epoch: 0,
    lastSequence: 0,
  };
}

/**
 * The line of history that goes on behind `forkSequence`: what else the one before had is not in
 * it, so that its cursors and page tokens beyond are refused.
 */
export function newIncarnation(
  identity: Identity,
  forkSequence: Sequence,
  atMs: EpochMs,
): Identity {
  const parent = identity.incarnation;
  const incarnation = parent + 1;
  const fork = { incarnation, parent, forkSequence, atMs };
  return {
    ...identity,
    incarnation,
    forks: [...identity.forks, fork],
    lastSequence: forkSequence,
  };
}

export function readIdentity(directory: string): Identity | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isIdentity(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Failure('IDENTITY_DAMAGED', `${path}: not an identity file of format 1`);
}

export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  await replaceFile(directory, NAME, `${JSON.stringify(identity, null, 2)}\n`);
}

export function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false;
  const identity = value as Partial<Record<keyof Identity, unknown>>;
  return (
    identity.format === 1 &&
    typeof identity.uuid === 'string' &&
    identity.uuid.length === 36 &&
    Array.isArray(identity.forks) &&
    [identity.createdMs, identity.incarnation, identity.epoch, identity.lastSequence].every(
      (field) => Number.isSafeInteger(field),
    )
  );
}
