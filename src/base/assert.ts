// A failed assertion is a bug in Tollgate, never bad input: it ends the process, because going on
// would write a wrong fact into the journal.

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`);
}

/** Narrows away `undefined` where an invariant, not the type, says that the value is there. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new AssertionFailure(`absent: ${what}`);
  return value;
}
