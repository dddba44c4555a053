// The HTTPS client as clouds use it: what is read of a response, what is not followed, which certificates and addresses are refused.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCloudClient } from '../../../src/upstream/cloud/minter.ts';
import { sendToCloud } from '../../../src/upstream/cloud/provider.ts';
import { createHttpsClient, HttpsError } from '../../../src/upstream/transport/https-client.ts';
import type { HttpsClientSettings, HttpsResponse } from '../../../src/upstream/transport/https-client.ts';
import { authority, closedPort, secure } from '../fixtures.ts';
import { failureOf, startCloud } from '../cloud/servers.ts';

async function ask(
  url: string,
  settings: Partial<HttpsClientSettings> = {},
  signal = AbortSignal.timeout(20_000),
): Promise<HttpsResponse> {
  const http = createCloudClient({ extraCa: undefined, ...settings });
  onTestFinished(() => http.close());
  return sendToCloud(http, 'The cloud', { method: 'GET', url: new URL(url), headers: {}, signal });
}

describe('an answer', () => {
  it('that never ends is cut off, and its connection with it', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    let sent = 0;
    const server = createServer((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16 * 1024))) sent += 16 * 1024;
      };
      response.on('drain', more).on('close', () => resolve());
      more();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => void server.close());
    expect((await failureOf(ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))).message).toBe(
      'The cloud issued no usable login (its response is larger than a token can be).',
    );
    await closed;
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  it.each([301, 302, 303, 307, 308])('of %i is not followed', async (status) => {
    const other = await startCloud(() => ({ body: 'token' }));
    const cloud = await startCloud(() => ({ status, headers: { location: other.origin } }));
    expect((await failureOf(ask(cloud.origin))).message).toContain(`HTTP ${status}, a redirect`);
    expect(other.asked).toEqual([]);
  });

  it('is asked for without compression, in our name', async () => {
    const cloud = await startCloud(() => ({ body: 'token' }));
    expect((await ask(cloud.origin)).body.toString()).toBe('token');
    expect(cloud.asked[0]!.headers).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'regway' });
  });
});

describe('a server', () => {
  it('with an untrusted certificate gets no request', async () => {
    const cloud = await secure((_, response) => response.end('token'));
    const { message, retryable } = await failureOf(ask(cloud.origin));
    expect(message).toMatch(
      /^The cloud could not be reached: 127\.0\.0\.1:\d+ did not respond \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)\.$/,
    );
    expect(retryable).toBe(true);
    expect(cloud.received).toEqual([]);
  });

  it('with a certificate of an authority that the operator added is', async () => {
    const cloud = await secure((_, response) => response.end('token'));
    expect((await ask(cloud.origin, { extraCa: authority.cert })).body.toString()).toBe('token');
  });

  it('that is not reachable is named, and the request can be retried', async () => {
    expect(await failureOf(ask(`http://127.0.0.1:${await closedPort()}`))).toMatchObject({
      message: expect.stringContaining('ECONNREFUSED'),
      retryable: true,
    });
  });

  it('that is silent is left when the caller leaves', async () => {
    const leaving = new AbortController();
    const cloud = await startCloud(() => {
      leaving.abort(new Error('the client left'));
      return new Promise(() => undefined);
    });
    await expect(ask(cloud.origin, {}, leaving.signal)).rejects.toThrow('the client left');
  });
});

describe('an address without TLS', () => {
  async function send(url: string, allowsPlainHttp?: (hostname: string) => boolean): Promise<number> {
    const http = createHttpsClient({ extraCa: undefined, connectTimeoutMs: 5_000, maxBodyBytes: 10, allowsPlainHttp });
    onTestFinished(() => http.close());
    const signal = AbortSignal.timeout(20_000);
    return (await http.send({ method: 'GET', url: new URL(url), headers: {}, signal })).status;
  }

  it('is refused before anything is sent', async () => {
    const cloud = await startCloud(() => ({}));
    await expect(send(cloud.origin)).rejects.toThrow(new HttpsError('INSECURE'));
    await expect(send(cloud.origin, (hostname) => hostname !== '127.0.0.1')).rejects.toThrow(
      new HttpsError('INSECURE'),
    );
    await expect(send('file:///etc/passwd', () => true)).rejects.toThrow(new HttpsError('INSECURE'));
    expect(cloud.asked).toEqual([]);
  });

  it('is used where the caller allows its host', async () => {
    const cloud = await startCloud(() => ({}));
    expect(await send(cloud.origin, (hostname) => hostname === '127.0.0.1')).toBe(200);
  });
});
