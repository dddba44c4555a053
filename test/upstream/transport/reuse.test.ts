// Reused connections that end without a word: a GET is sent once more, on a new connection, and nothing else ever is.

import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAgents } from '../../../src/upstream/transport/agents.ts';
import { clientOver, type UpstreamClient } from '../../../src/upstream/transport/client.ts';
import { createEgressPolicy } from '../../../src/upstream/transport/addresses/egress.ts';
import { defaultLimits, type Limits } from '../../../src/upstream/transport/settings.ts';
import { startTcpServer } from '../fixtures.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

/** Acts on the socket at a request, with the number of the connection and of the request on it, both from 1. */
type Serve = (socket: Socket, connection: number, request: number) => void;

interface Opened {
  readonly client: UpstreamClient;
  readonly url: URL;
  /** `connection.request` of every request that arrived. */
  readonly received: string[];
}

async function open(serve: Serve, limits: Partial<Limits> = {}): Promise<Opened> {
  const received: string[] = [];
  let connections = 0;
  const server = await startTcpServer((socket) => {
    const connection = (connections += 1);
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      received.push(`${connection}.${requests}`);
      serve(socket, connection, requests);
    });
  });
  const agents = createAgents({
    egress: createEgressPolicy({ loopbackAllowed: true, allow: [], deny: [] }),
    secureContext: createSecureContext(),
    limits: { ...defaultLimits, ...limits },
  });
  onTestFinished(() => agents.close());
  const client = clientOver(agents, { userAgent: 'test', unverifiedOrigin: undefined });
  return { client, url: new URL(`http://${server.host}/v2/`), received };
}

/** Sends a GET once the connections of the requests before it are free. */
async function get({ client, url }: Opened, signal = AbortSignal.timeout(5_000)) {
  await setTimeout(20);
  return client.get({ url, maxBodyBytes: 100, signal });
}

describe('a request on a reused connection', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['ends', (socket) => socket.end()],
    ['is reset', (socket) => socket.resetAndDestroy()],
  ])('is sent once more on a new one when the connection %s before a byte of the answer', async (_what, close) => {
    const opened = await open((socket, connection, request) => {
      if (connection === 1 && request > 1) close(socket);
      else socket.write(ok);
    });
    expect((await get(opened)).status).toBe(200);
    expect((await get(opened)).status).toBe(200);
    expect(opened.received).toEqual(['1.1', '1.2', '2.1']);
  });

  it('is a HEAD or a GET whose body is streamed just as well', async () => {
    const opened = await open((socket, connection, request) => {
      if (connection % 2 === 1 && request > 1) socket.end();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    for (const method of ['GET', 'HEAD'] as const) {
      await get(opened);
      await setTimeout(20);
      const { status, body } = await opened.client.open({
        url: opened.url,
        method,
        headers: {},
        owner: 'login',
        signal: AbortSignal.timeout(5_000),
        headersTimeoutMs: 5_000,
        bodyTimeoutMs: 5_000,
      });
      body.destroy();
      expect(status).toBe(200);
    }
    expect(opened.received.slice(0, 3)).toEqual(['1.1', '1.2', '2.1']);
  });

  it('is sent once more for each of many requests whose connections a restart ended together', async () => {
    const idle: Socket[] = [];
    const opened = await open((socket, connection, request) => {
      if (connection <= 8 && request > 1) socket.destroy();
      else if (connection > 8) socket.write(ok);
      // All eight connections exist before the first of them is free again.
      else if (idle.push(socket) === 8) for (const each of idle) each.write(ok);
    });
    const round = () => Promise.all(Array.from({ length: 8 }, () => get(opened)));
    await round();
    expect((await round()).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  });

  it('goes over another one when the first is reset before the request is written', async () => {
    const sockets: Socket[] = [];
    const opened = await open((socket) => {
      sockets.push(socket);
      socket.write(ok);
    });
    await get(opened);
    await setTimeout(20);
    sockets[0]?.resetAndDestroy();
    const { client, url } = opened;
    expect(await client.get({ url, maxBodyBytes: 100, signal: AbortSignal.timeout(5_000) })).toMatchObject({
      status: 200,
    });
    expect(opened.received).toEqual(['1.1', '2.1']);
  });

  it('is never sent a third time', async () => {
    const opened = await open((socket, connection, request) => {
      if (connection === 1 && request === 1) socket.write(ok);
      else socket.end();
    });
    await get(opened);
    await expect(get(opened)).rejects.toMatchObject({ outcome: 'CONNECTION_CLOSED' });
    expect(opened.received).toEqual(['1.1', '1.2', '2.1']);
  });
});

describe('the 408 by which a proxy closes an idle connection', () => {
  const timeout = 'HTTP/1.1 408 Request Time-out\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno';

  it('is no answer: the request is sent once more, on a new connection', async () => {
    const opened = await open((socket, connection, request) => {
      if (connection === 1 && request > 1) socket.end(timeout);
      else socket.write(ok);
    });
    expect((await get(opened)).status).toBe(200);
    expect((await get(opened)).status).toBe(200);
    expect(opened.received).toEqual(['1.1', '1.2', '2.1']);
  });

  it('is the answer when it comes again', async () => {
    const opened = await open((socket) => void socket.end(timeout));
    expect((await get(opened)).status).toBe(408);
    expect(opened.received).toEqual(['1.1', '2.1']);
  });
});

describe('an interim response before the answer is skipped', () => {
  const interim = (status: string) => `HTTP/1.1 ${status}\r\nLink: </x>; rel=preload\r\n\r\n`;

  it.each([
    ['100', interim('100 Continue')],
    ['102', interim('102 Processing')],
    ['103', interim('103 Early Hints')],
    ['several', interim('103 Early Hints') + 'HTTP/1.1 100 Continue\r\n\r\n' + interim('102 Processing')],
  ])('%s', async (_case, before) => {
    const opened = await open((socket) => void socket.write(before + ok));
    for (let count = 0; count < 3; count += 1)
      expect(await get(opened)).toMatchObject({ status: 200, body: Buffer.from('{}') });
    expect(opened.received).toEqual(['1.1', '1.2', '1.3']);
  });

  it('in a packet of its own', async () => {
    const opened = await open((socket) => {
      socket.write(interim('100 Continue'));
      void setTimeout(30).then(() => socket.write(ok));
    });
    expect((await get(opened)).status).toBe(200);
    expect((await get(opened)).status).toBe(200);
  });

  it('but never one that switches protocols', async () => {
    const opened = await open((socket) => void socket.end(interim('101 Switching Protocols') + ok));
    await expect(get(opened)).rejects.toMatchObject({ outcome: 'NOT_A_V2_REGISTRY' });
  });
});

describe('a request is sent once', () => {
  it('when its connection is new', async () => {
    const opened = await open((socket) => socket.end());
    await expect(get(opened)).rejects.toMatchObject({ outcome: 'CONNECTION_CLOSED' });
    expect(opened.received).toEqual(['1.1']);
  });

  it('when a byte of the answer came', async () => {
    const opened = await open((socket, _connection, request) => {
      if (request === 1) socket.write(ok);
      else socket.end('HTTP/1.1 200');
    });
    await get(opened);
    await expect(get(opened)).rejects.toMatchObject({ outcome: 'CONNECTION_CLOSED' });
    expect(opened.received).toEqual(['1.1', '1.2']);
  });

  it('when the server is silent until the time is over', async () => {
    const opened = await open((socket, _connection, request) => void (request === 1 && socket.write(ok)), {
      headersTimeoutMs: 300,
    });
    await get(opened);
    await expect(get(opened)).rejects.toMatchObject({ outcome: 'TIMEOUT' });
    expect(opened.received).toEqual(['1.1', '1.2']);
  });

  it('when the caller aborts', async () => {
    const opened = await open((socket, _connection, request) => void (request === 1 && socket.write(ok)));
    await get(opened);
    const controller = new AbortController();
    const second = get(opened, controller.signal);
    void setTimeout(70).then(() => controller.abort(new Error('gone')));
    await expect(second).rejects.toThrow('gone');
    expect(opened.received).toEqual(['1.1', '1.2']);
  });
});
