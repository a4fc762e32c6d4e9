// How many connections a limit of open files leaves.

import { expect, test } from 'vitest';
import { connectionsMax, descriptorsMax } from '../../src/grpc/descriptors.js';

test.each([
  [Number.POSITIVE_INFINITY, 1024],
  [1_048_576, 1024],
  [2304, 1024],
  [2303, 1023],
  [1024, 384],
  [256, 16],
  [64, 16],
])('%d files leave at most %d', (descriptors, connections) => {
  expect(connectionsMax(1024, descriptors)).toBe(connections);
});

test('the limit of this process is known', () => {
  expect(descriptorsMax()).toBeGreaterThan(16);
});
