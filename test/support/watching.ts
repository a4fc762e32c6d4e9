// A reader of server-sent events over a socket of its own.

import { type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Json } from './cold.js';
import type { Running } from './service.js';

export interface Said {
  /** '' of a block that is none: a comment, a beginning. */
  readonly event: string;
  readonly id: string;
  readonly data: Json;
  /** As it came. */
  readonly text: string;
}

export interface Watching {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The next event; undefined: the stream has ended. */
  readonly next: () => Promise<Said | undefined>;
  /** The next block, an event or not. */
  readonly block: () => Promise<Said | undefined>;
  /** Reads nothing more until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly close: () => void;
}

export interface WatchOptions {
  readonly orgId?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Closed when the test is over. */
export async function watch(running: Running, options: WatchOptions = {}): Promise<Watching> {
  const { orgId = 'acme', query = '', headers = {} } = options;
  const path = `/v1/orgs/${orgId}/usage:watch${query}`;
  const url = new URL(`http://${running.service.addresses.http[0]}`);
  const call = request({ host: url.hostname, port: url.port, path, headers, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve);
    call.once('error', reject);
    call.end();
  });
  response.on('error', () => undefined);
  onTestFinished(() => void response.destroy());
  const blocks = blocksOf(response);
  const block = async () => (await blocks.next()).value ?? undefined;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    block,
    async next() {
      for (;;) {
        const said = await block();
        if (said === undefined || said.event !== '') return said;
      }
    },
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => response.destroy(),
  };
}

async function* blocksOf(response: IncomingMessage): AsyncGenerator<Said, undefined> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const texts = `${rest}${chunk}`.split('\n\n');
    rest = texts.pop() ?? '';
    for (const text of texts) yield readBlock(text);
  }
  return undefined;
}

function readBlock(text: string): Said {
  const fields = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  const data = fields.get('data');
  return {
    event: fields.get('event') ?? '',
    id: fields.get('id') ?? '',
    data: data === undefined ? undefined : JSON.parse(data),
    text,
  };
}
