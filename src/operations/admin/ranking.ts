// The first few of many in an order, without keeping or sorting all of them.

export interface Ranking<T> {
  readonly add: (item: T) => void;
  /** In order; at most as many as were asked for. */
  readonly first: () => readonly T[];
  /** Whether some come after them. */
  readonly isMore: () => boolean;
}

/** Below 0: `a` comes before `b`; 0: they are one, and the one added last stands. */
export type Order<T> = (a: T, b: T) => number;

/** Only those after `after`, where it is given. Cost per item: its search among `limit`. */
export function openRanking<Key, T extends Key>(
  limit: number,
  order: Order<Key>,
  after: Key | undefined,
): Ranking<T> {
  const kept: T[] = [];
  return {
    add(item) {
      if (after !== undefined && order(item, after) <= 0) return;
      let low = 0;
      let high = kept.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (order(kept[middle] as T, item) < 0) low = middle + 1;
        else high = middle;
      }
      const same = kept[low];
      const isSame = same !== undefined && order(same, item) === 0;
      kept.splice(low, isSame ? 1 : 0, item);
      if (kept.length > limit + 1) kept.pop();
    },
    first: () => kept.slice(0, limit),
    isMore: () => kept.length > limit,
  };
}
