// One service for all tests of a file; every test takes an organisation of its own.

import { afterAll, beforeAll, expect } from 'vitest';
import { type Running, type StartOptions, start } from './service.js';

export interface SharedService {
  /** The service that runs now. */
  readonly now: () => Running;
  /** An organisation that nobody has used. */
  readonly org: () => string;
  /** Journal sequence of the last entry: unchanged where nothing changed. */
  readonly lastSequence: () => number;
}

export function sharedService(options: StartOptions = {}): SharedService {
  let running: Running | undefined;
  let organisations = 0;

  const now = () => {
    if (running === undefined) throw new Error('the service runs only within tests');
    return running;
  };
  beforeAll(async () => {
    running = await start(options);
  });
  afterAll(async () => {
    await running?.stop();
    expect(running?.fatal).toEqual([]);
  });
  return {
    now,
    org: () => `org-${++organisations}`,
    lastSequence: () => now().core.journal.lastSequence(),
  };
}
