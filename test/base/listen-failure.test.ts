import { expect, test } from 'vitest';
import { listenFailure } from '../../src/base/listen-failure.js';

test.each([
  [
    Object.assign(new Error('listen EADDRINUSE: address already in use'), { code: 'EADDRINUSE' }),
    'another process has this address; stop it, or set another one (EADDRINUSE)',
  ],
  [
    new Error('No address added: [listen EADDRNOTAVAIL: address not available 127.0.0.2:1]'),
    'this machine has no such address (EADDRNOTAVAIL)',
  ],
  [new Error('odd'), 'odd'],
])('%s is told once, by its setting', (error, why) => {
  const failure = listenFailure('ops_listen', '127.0.0.2:1', error);
  expect(failure.code).toBe('LISTEN_FAILED');
  expect(failure.message).toBe(`ops_listen: cannot listen on 127.0.0.2:1: ${why}`);
  expect('cause' in failure).toBe(false);
});
