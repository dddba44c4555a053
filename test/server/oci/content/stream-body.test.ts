// The laws of streaming a body that the end-to-end path reaches only by chance.

import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { ContentBrokenOff, streamBody } from '../../../../src/server/oci/content/stream-body.ts';

test('content that broke off while its pull waited for a place fails at once, and is not the fault of its client', async () => {
  const stream = new Readable({ read: () => undefined });
  stream.on('error', () => undefined);
  stream.destroy(new Error('The upstream closed the connection.'));
  const { promise: outcome, resolve } = Promise.withResolvers<unknown>();
  const server = createServer((_request, response) => {
    const content = { stream, release: () => undefined, onYield: () => undefined };
    const options = { writeHead: () => void response.writeHead(200), check: undefined, meter: { bytes: 0 } };
    resolve(streamBody(content, response, options).catch((error: unknown) => error));
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  expect(await outcome).toBeInstanceOf(ContentBrokenOff);
}, 3_000);
