// Large answers: whole for who reads, within a bound for all together, and gone for who reads nothing.

import { createServer, get, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLargeAnswers, type LargeAnswers } from '../../../src/server/http/large-answers.ts';
import { sendJson } from '../../../src/server/http/response.ts';

const mebibyte = 1024 * 1024;
/** More than the buffers of the system hold. */
const text = `"${'é'.repeat(8 * mebibyte)}"`;
const answerBytes = Buffer.byteLength(text);

async function serve(answer: (response: ServerResponse) => void): Promise<number> {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function serveLarge(answers: LargeAnswers): Promise<number> {
  return serve((response) => {
    response.writeHead(200, { 'Content-Length': answerBytes });
    answers.send(response, [Buffer.from(text)]);
  });
}

/** A client that requests and reads nothing. */
function startReader(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  onTestFinished(() => void socket.destroy());
  return socket;
}

function read(port: number, method = 'GET'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    }).on('error', reject);
  });
}

describe('a large answer', () => {
  it('arrives whole, and holds nothing afterwards', async () => {
    const answers = createLargeAnswers();
    const port = await serveLarge(answers);
    expect(await read(port)).toBe(text);
    expect(answers.unsentBytes()).toBe(0);
  });

  it.each(['GET', 'HEAD'])('is what sendJson sends to %s', async (method) => {
    const value = { text: 'ü'.repeat(100_000) };
    const port = await serve((response) => sendJson(response, 200, value));
    expect(await read(port, method)).toBe(method === 'GET' ? JSON.stringify(value) : '');
  });

  it('of clients that read nothing holds no more than the bound; who reads meanwhile gets theirs', async () => {
    const answers = createLargeAnswers({ maxUnsentBytes: 3 * answerBytes, idleTimeoutMs: 60_000 });
    const port = await serveLarge(answers);
    for (let count = 1; count <= 10; count += 1) startReader(port);
    await expect.poll(() => answers.displaced(), { timeout: 20_000 }).toBeGreaterThanOrEqual(6);
    expect(answers.unsentBytes()).toBeLessThanOrEqual(3 * answerBytes);
    // Some of what the others hold is in the buffers of the system, so that one more fits at times.
    await pause(100);
    expect(await read(port)).toBe(text);
    expect(answers.unsentBytes()).toBeLessThanOrEqual(3 * answerBytes);
  });

  it('of a client that reads nothing is broken off in time, and releases what it held', async () => {
    const answers = createLargeAnswers({ maxUnsentBytes: 3 * answerBytes, idleTimeoutMs: 200 });
    const port = await serveLarge(answers);
    startReader(port);
    await expect.poll(() => answers.unsentBytes()).toBeGreaterThan(0);
    await expect.poll(() => answers.unsentBytes(), { timeout: 5_000 }).toBe(0);
  });

  it('of a client that leaves releases what it held', async () => {
    const answers = createLargeAnswers();
    const port = await serveLarge(answers);
    const reader = startReader(port);
    await expect.poll(() => answers.unsentBytes()).toBeGreaterThan(0);
    reader.destroy();
    await expect.poll(() => answers.unsentBytes(), { timeout: 5_000 }).toBe(0);
  });

  it('of a client that has left before it was ready holds nothing', async () => {
    const answers = createLargeAnswers();
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    const port = await serve((response) => {
      response.once('close', () => {
        answers.send(response, [Buffer.from(text)]);
        resolve();
      });
    });
    const reader = startReader(port);
    await pause(50);
    reader.destroy();
    await sent;
    expect(answers.unsentBytes()).toBe(0);
  });
});
