// What a stream of events says, in the format of server-sent events.
// https://html.spec.whatwg.org/multipage/server-sent-events.html

import { formatUnits } from '../base/decimal.js';
import { SECOND_MS, type Sequence } from '../base/units.js';
import { toTimestamp } from '../operations/parse.js';
import type { WatchedEvent } from '../operations/watchers.js';
import { writeTimestamp } from './json/well-known.js';

/** How soon a reader comes again, where its connection ends. */
const RETRY_MS = 2 * SECOND_MS;

/** The id is where a reader goes on that loses the connection before its first event. */
export function beginningText(last: Sequence): string {
  return `retry: ${RETRY_MS}\nid: ${last}\n\n`;
}

/** What came in between is not said: it is too much, or of another journal. */
export function gapText(after: Sequence, last: Sequence): string {
  return `event: gap\nid: ${last}\ndata: {"after":"${after}","through":"${last}"}\n\n`;
}

/** A comment; its id spares a reader that comes again what is none of its organisation's. */
export function heartbeatText(last: Sequence): string {
  return `: nothing new\nid: ${last}\n\n`;
}

/** The last one: more waited for the reader than may. */
export const LAGGING_TEXT = 'event: lagging\ndata: {}\n\n';

export function eventText({ entry, sequence }: WatchedEvent): string {
  const data = {
    event_id: entry.eventId,
    meter: entry.meter,
    quantity: formatUnits(entry.quanta, entry.scale),
    sequence: `${sequence}`,
    event_time: writeTimestamp(toTimestamp(entry.eventTimeMs)),
    recorded_time: writeTimestamp(toTimestamp(entry.atMs)),
    dimensions: Object.fromEntries(entry.labels),
  };
  return `event: usage\nid: ${sequence}\ndata: ${JSON.stringify(data)}\n\n`;
}

export type Render = (events: readonly WatchedEvent[], after: Sequence) => Buffer;

/** Of a batch all who watch an organisation are sent the same bytes. */
export function openRender(): Render {
  const known = new WeakMap<readonly WatchedEvent[], Buffer>();
  return (events, after) => {
    if ((events[0]?.sequence ?? 0) <= after) {
      return render(events.filter(({ sequence }) => sequence > after));
    }
    const bytes = known.get(events) ?? render(events);
    known.set(events, bytes);
    return bytes;
  };
}

function render(events: readonly WatchedEvent[]): Buffer {
  return Buffer.from(events.map(eventText).join(''));
}
