import { describe, expect, test } from 'vitest';
import { AssertionFailure, assert, present, unreachable } from '../../src/base/assert.js';
import { Failure, messageOf, systemCode } from '../../src/base/failure.js';

describe('an assertion', () => {
  test.each([false, 0, '', null, undefined, 0n])('that finds %s is a failure by name', (value) => {
    expect(() => assert(value, 'must hold')).toThrow(new AssertionFailure('must hold'));
  });

  test('that holds does nothing', () => {
    expect(() => assert(true, 'must hold')).not.toThrow();
  });

  test('of presence lets every value but undefined pass, and says what is absent', () => {
    expect([0, '', false, null].map((value) => present(value, 'it'))).toEqual([0, '', false, null]);
    expect(() => present(undefined, 'the plan')).toThrow('absent: the plan');
  });

  test('of an exhausted union says which value came through', () => {
    expect(() => unreachable('MEDIAN' as never)).toThrow('unreachable: MEDIAN');
  });
});

describe('a failure', () => {
  test('has a code and its cause, and cannot be retried unless it says so', () => {
    const cause = new Error('disk');
    const failure = new Failure('JOURNAL_FAILED', 'write failed', { cause });
    expect(failure).toMatchObject({ name: 'Failure', code: 'JOURNAL_FAILED', retriable: false });
    expect(failure.cause).toBe(cause);
    expect(new Failure('BUSY', 'later', { retriable: true }).retriable).toBe(true);
  });

  test('without a cause has none', () => {
    expect('cause' in new Failure('BUSY', 'later')).toBe(false);
  });

  test.each<[error: unknown, code: string, message: string]>([
    [Object.assign(new Error('full'), { code: 'ENOSPC' }), 'ENOSPC', 'full'],
    [Object.assign(new Error('odd'), { code: 5 }), '', 'odd'],
    [new Error('plain'), '', 'plain'],
    ['thrown text', '', 'thrown text'],
    [undefined, '', 'undefined'],
  ])('%s has the system code "%s" and the message "%s"', (error, code, message) => {
    expect([systemCode(error), messageOf(error)]).toEqual([code, message]);
  });
});
