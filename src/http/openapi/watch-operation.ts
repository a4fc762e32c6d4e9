// The stream of usage, which is no RPC: its operation is written by hand.

import type { JsonObject } from '@bufbuild/protobuf';
import { PATH_ID } from '../../operations/parse.js';
import { WATCH } from '../../rpc/metering.js';
import { WATCH_METHOD, WATCH_PATH, WATCH_TYPE } from '../watch.js';
import { failuresOf } from './errors.js';
import { needsText } from './rpc-facts.js';

const ABOUT = [
  'Server-sent events, each as soon as it is durable, in the order of the journal. Without a',
  'sequence to go on from, from now on. A reader that loses the connection comes again with the id',
  'of the last event, as browsers do by themselves, and misses nothing that no `gap` tells of.',
].join(' ');

const EVENTS = `Events until the reader goes, its credential ends or the server stops:
- \`usage\`: one event, its sequence as \`id\`. \`data\` is JSON with \`event_id\`, \`meter\`, \
\`quantity\`, \`sequence\`, \`event_time\`, \`recorded_time\` and \`dimensions\`, as in \
ListUsageEvents.
- \`gap\`: what came between \`after\` and \`through\` in \`data\` is not told, because it is too \
much or of another journal. Read it with ListUsageEvents.
- \`lagging\`: the reader is too slow, and the stream ends. Come again with the last id.

A comment with an \`id\` alone says that the stream is alive.`;

const EXAMPLE = `retry: 2000
id: 41

event: usage
id: 42
data: {"event_id":"thread-1/call-11","meter":"run_units","quantity":"0.6","sequence":"42",\
"event_time":"2026-11-20T12:00:00Z","recorded_time":"2026-11-20T12:00:00.250Z",\
"dimensions":{"tool":"search"}}

`;

const SEQUENCE: JsonObject = { type: 'string', pattern: '^([0-9]{1,15})?$' };

/** Its path with its operation. */
export function describeWatch(): JsonObject {
  return {
    [WATCH_PATH]: {
      get: {
        tags: ['MeteringService'],
        operationId: WATCH_METHOD,
        summary: 'Tells of every event of an organisation as it is recorded',
        description: `${ABOUT}\n\n${needsText(WATCH.needs)}`,
        parameters: [
          {
            name: 'org_id',
            in: 'path',
            required: true,
            description: 'Organisation.',
            schema: { type: 'string', pattern: PATH_ID.source },
          },
          {
            name: 'after',
            in: 'query',
            description: 'The last sequence that is known: what came after it is told first.',
            schema: SEQUENCE,
          },
          {
            name: 'Last-Event-ID',
            in: 'header',
            description: 'The same, from a reader that comes again: it goes before `after`.',
            schema: SEQUENCE,
          },
        ],
        responses: {
          200: {
            description: EVENTS,
            content: { [WATCH_TYPE]: { schema: { type: 'string' }, example: EXAMPLE } },
          },
          ...failuresOf(FAILING, 'Status'),
        },
      },
    },
  };
}

/** An organisation that is not known has no events yet, and may have some soon. */
const FAILING = {
  needsCredential: true,
  hasBody: false,
  mayMiss: false,
  mayConflict: false,
  takesVersion: false,
};
