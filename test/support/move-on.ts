// Moves a test clock while nothing is on its way to the disk. A write under way would seem to have
// taken as long as the clock moved: hours of it are an overload, and then a hang.

import type { TestClock } from './clock.js';
import type { Running } from './service.js';

export async function moveOn(running: Running, clock: TestClock, ms: number): Promise<void> {
  await running.core.journal.drain();
  clock.advance(ms);
}
