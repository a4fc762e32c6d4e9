// Work of which only so much may be under way: the rest waits in order of arrival.

export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** What waits is not bounded here: callers are, by the calls that the server takes. */
export function takeTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < atOnce) running++;
    else await new Promise<void>((begin) => waiting.push(begin));
    try {
      return await work();
    } finally {
      // A place goes from hand to hand, so that nobody slips in between.
      const begin = waiting.shift();
      if (begin === undefined) running--;
      else begin();
    }
  };
}
