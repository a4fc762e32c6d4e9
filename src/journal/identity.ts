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

function isIdentity(value: unknown): value is Identity {
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
