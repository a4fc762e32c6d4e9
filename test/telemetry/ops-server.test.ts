import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type OpsServer, type OpsServerOptions, openOpsServer } from '../../src/ops/ops-server.js';
import { openMetrics } from '../../src/telemetry/metrics.js';

const WELL = () => ({ ok: true, why: '' });
const ill = (why: string) => () => ({ ok: false, why });

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function open(options: Partial<OpsServerOptions> = {}): Promise<OpsServer> {
  const server = await openOpsServer({
    address: { host: '127.0.0.1', port: 0 },
    metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'x 1\n' },
    isLive: WELL,
    isReady: WELL,
    isStarted: WELL,
    onTrouble: () => {},
    ...options,
  });
  endings.push(() => server.close());
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(server: OpsServer, path: string, method = 'GET', agent?: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { ...server.address, path, method, agent: agent ?? false };
    const call = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    call.on('error', reject).end();
  });
}

describe('a probe', () => {
  const cases: [string, Partial<OpsServerOptions>, number, string][] = [
    ['/livez', {}, 200, 'ok'],
    ['/readyz', {}, 200, 'ok'],
    ['/startupz', {}, 200, 'ok'],
    ['/livez', { isLive: ill('disk hangs') }, 503, 'disk hangs'],
    ['/readyz', { isReady: ill('draining') }, 503, 'draining'],
    ['/startupz', { isStarted: ill('replaying') }, 503, 'replaying'],
    ['/livez', { isReady: ill('draining'), isStarted: ill('replaying') }, 200, 'ok'],
    ['/livez?verbose', {}, 200, '[+]livez ok\nlivez check passed\n'],
    [
      '/readyz?verbose',
      {
        isReady: () => ({
          ok: false,
          why: 'journal full',
          checks: [
            { name: 'replay', ok: true, why: '' },
            { name: 'journal', ok: false, why: 'full' },
          ],
        }),
      },
      503,
      '[+]replay ok\n[-]journal failed: full\nreadyz check failed\n',
    ],
  ];
  it.each(cases)('%s with %o answers %i %j', async (path, options, status, body) => {
    const reply = await ask(await open(options), path);
    expect([reply.status, reply.body]).toEqual([status, body]);
    expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(reply.headers['cache-control']).toBe('no-store');
  });

  it('sees a change at once', async () => {
    let ok = false;
    const server = await open({ isStarted: () => ({ ok, why: 'replaying' }) });
    expect((await ask(server, '/startupz')).status).toBe(503);
    ok = true;
    expect((await ask(server, '/startupz')).status).toBe(200);
  });

  it('that cannot tell is a failure, and is reported', async () => {
    const troubles: unknown[] = [];
    const server = await open({
      isLive: () => {
        throw new Error('secret detail');
      },
      onTrouble: (what, error) => troubles.push([what, String(error)]),
    });
    const reply = await ask(server, '/livez');
    expect([reply.status, reply.body]).toEqual([500, 'internal error']);
    expect(troubles).toEqual([['/livez', 'Error: secret detail']]);
  });
});

describe('the listener', () => {
  it('serves the metrics with their content type', async () => {
    const metrics = openMetrics({ version: '1.2.3' });
    endings.push(metrics.close);
    const reply = await ask(await open({ metrics }), '/metrics');
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(reply.body).toContain('tollgate_build_info{version="1.2.3"');
    expect(Number(reply.headers['content-length'])).toBe(Buffer.byteLength(reply.body));
  });

  it('answers 500 where the metrics cannot be rendered', async () => {
    const render = () => Promise.reject(new Error('no figures'));
    const reply = await ask(await open({ metrics: { contentType: 'a/b', render } }), '/metrics');
    expect([reply.status, reply.body]).toEqual([500, 'internal error']);
  });

  it('answers HEAD like GET without the body', async () => {
    const server = await open();
    const [get, head] = [await ask(server, '/metrics'), await ask(server, '/metrics', 'HEAD')];
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  it.each(['/', '/metrics/', '/livez/x', '//livez', '/Livez', '/debug', '/%6civez'])(
    'knows no %s',
    async (path) => {
      expect((await ask(await open(), path)).status).toBe(404);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('refuses %s', async (method) => {
    const reply = await ask(await open(), '/metrics', method);
    expect([reply.status, reply.headers['allow']]).toEqual([405, 'GET, HEAD']);
    expect(reply.headers['connection']).toBe('close');
  });

  it('answers bytes that are no HTTP with 400 and hangs up', async () => {
    const server = await open();
    const socket = await dial(server);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(await untilClosed(socket)).toContain('400 Bad Request');
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('hangs up on requests that do not wait for the answer before', async () => {
    const server = await open();
    const socket = await dial(server);
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100));
    expect((await untilClosed(socket)).split('HTTP/1.1').length).toBeLessThan(3);
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('answers one request after the other on a connection', async () => {
    const server = await open();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    endings.push(() => agent.destroy());
    for (const path of ['/metrics', '/livez', '/nothing', '/metrics']) {
      await ask(server, path, 'GET', agent);
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    expect((await ask(server, '/livez', 'GET', agent)).status).toBe(200);
  });

  it('takes a probe in although silent connections fill it', async () => {
    const server = await open();
    const closings: Promise<string>[] = [];
    for (let i = 0; i < 128; i++) closings.push(untilClosed(await dial(server)));
    // This one does not get in any more, but makes room.
    await untilClosed(await dial(server));
    await Promise.all(closings);
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('refuses headers beyond its bound', async () => {
    const socket = await dial(await open());
    socket.write(`GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}\r\n\r\n`);
    expect(await untilClosed(socket)).toContain('431 ');
  });

  it('says which address it cannot listen on', async () => {
    const server = await open();
    await expect(open({ address: server.address })).rejects.toMatchObject({
      name: 'Failure',
      code: 'LISTEN_FAILED',
      message:
        `ops_listen: cannot listen on 127.0.0.1:${server.address.port}: ` +
        'another process has this address; stop it, or set another one (EADDRINUSE)',
    });
  });
});

describe('close', () => {
  it('ends idle kept-alive connections and silent ones, and the port is free', async () => {
    const server = await open();
    const agent = new Agent({ keepAlive: true });
    endings.push(() => agent.destroy());
    const reply = await ask(server, '/livez', 'GET', agent);
    expect(reply.headers['connection']).toBe('keep-alive');
    const silent = await dial(server);
    const silentClosed = untilClosed(silent);
    await server.close();
    await silentClosed;
    await expect(ask(server, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await open({ address: server.address });
  });

  it('lets an answer under way end, and may be asked for twice', async () => {
    let rendered: (text: string) => void = () => {};
    let begun: () => void = () => {};
    const rendering = new Promise<void>((resolve) => (begun = resolve));
    const render = () =>
      new Promise<string>((resolve) => {
        rendered = resolve;
        begun();
      });
    const server = await open({ metrics: { contentType: 'a/b', render } });
    const agent = new Agent({ keepAlive: true });
    endings.push(() => agent.destroy());
    const reply = ask(server, '/metrics', 'GET', agent);
    await rendering;
    const closed = Promise.all([server.close(), server.close()]);
    rendered('late 1\n');
    expect(await reply).toMatchObject({ status: 200, body: 'late 1\n' });
    expect((await reply).headers['connection']).toBe('close');
    await closed;
  });

  it('does not wait for ever for an answer that never comes', async () => {
    let begun: () => void = () => {};
    const rendering = new Promise<void>((resolve) => (begun = resolve));
    const render = () => {
      begun();
      return new Promise<string>(() => {});
    };
    const server = await open({ metrics: { contentType: 'a/b', render } });
    const reply = ask(server, '/metrics');
    const failed = expect(reply).rejects.toMatchObject({ code: 'ECONNRESET' });
    await rendering;
    await server.close();
    await failed;
  });
});

function dial(server: OpsServer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.address, () => resolve(socket)).on('error', reject);
    endings.push(() => socket.destroy());
  });
}

function untilClosed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => (text += chunk));
    socket.on('close', () => resolve(text));
  });
}
