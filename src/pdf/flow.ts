// Pages fill from top to bottom. What must stay together goes to the next page as a whole; only
// what no page could hold is parted.

import { type Block, lowered, type Mark, space, stack } from './block.js';
import { AREA } from './look.js';

export interface Page {
  readonly marks: readonly Mark[];
}

export interface Flow {
  readonly pages: readonly Page[];
  /** Keeps `parts` on one page, a new one if need be; taller than a page, they part. */
  readonly place: (parts: readonly Block[]) => void;
  /** Keeps `block` with `followers`, of which `place` comes next, or at least with their first. */
  readonly placeBefore: (block: Block, followers: readonly Block[]) => void;
  /** From now on at the top of each new page; undefined ends that. */
  readonly repeat: (block: Block | undefined) => void;
}

/** Between what is repeated and the rest of what was parted. */
const PARTED = space(4);

/** `head` is at the top of each page but the first. */
export function createFlow(head: Block): Flow {
  const pages: { marks: Mark[] }[] = [{ marks: [] }];
  let y: number = AREA.top;
  let repeated: Block | undefined;

  const put = (block: Block) => {
    pages.at(-1)?.marks.push(...lowered(block.marks, y));
    y += block.height;
  };
  const topOfPage = () => stack(repeated === undefined ? [head] : [head, repeated]);
  const startPage = () => {
    pages.push({ marks: [] });
    y = AREA.top;
    put(topOfPage());
  };
  const fits = (height: number) => y + height <= AREA.bottom;
  const heightMax = () => AREA.bottom - AREA.top - topOfPage().height;

  return {
    pages,
    place(parts) {
      const height = heightOf(parts);
      if (!fits(height) && height <= heightMax()) startPage();
      for (const [i, part] of parts.entries()) {
        if (!fits(part.height)) {
          startPage();
          if (i > 0) put(PARTED);
        }
        put(part);
      }
    },
    placeBefore(block, followers) {
      const whole = block.height + heightOf(followers);
      const least = block.height + heightOf(followers.slice(0, 1));
      if (!fits(whole <= heightMax() ? whole : least)) startPage();
      put(block);
    },
    repeat(block) {
      repeated = block;
    },
  };
}

function heightOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { height }) => sum + height, 0);
}
