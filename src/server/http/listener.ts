// Listens for HTTP: gives each request an ID, finds its route, writes one log line and one metric, and stops gracefully.

import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { faultFields } from '../../core/shared/fault.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import { noStore, sendJson } from './response.ts';
import type { Route } from './route.ts';

interface ListenerOptions {
  readonly routes: readonly Route[];
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A slow client may take this long to send its headers (slow loris). */
const headersTimeoutMs = 10_000;
/** And this long for the whole request; bodies are 256 KiB at most. */
const requestTimeoutMs = 30_000;
/** Longer than the 60 s that common proxies keep an idle connection, so that they close first. */
const keepAliveTimeoutMs = 65_000;
/** Tokens are 60 bytes and GET queries short; 16 KiB is Node's own default, fixed here. */
const maxHeaderBytes = 16 * 1024;
/** Requests in flight get this long when the server stops: a validation takes 15 s at most. */
const drainTimeoutMs = 20_000;

/** The status in logs and metrics of an answer that its client did not wait for, as nginx writes it. */
const clientGone = 499;

export interface Listener {
  /** Listens and gives the port. @throws the system's error, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no new requests, lets those in flight finish, then closes. */
  close(): Promise<void>;
}

/** A listener over these routes; the first that matches serves. */
export function createListener(options: ListenerOptions): Listener {
  const server = createServer(options, (request, response) =>
    serve(options, request, response, () => {
      // While stopping, a kept-alive connection would hold the server open until its client leaves.
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    }),
  );
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = requestTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  return {
    listen: (host, port) => listen(server, host, port),
    close: () => close(server),
  };
}

function createServer(
  { tls }: ListenerOptions,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const common: ServerOptions = { maxHeaderSize: maxHeaderBytes };
  return tls === undefined
    ? createHttpServer(common, handler)
    : createHttpsServer({ ...common, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' }, handler);
}

function serve(
  { routes, log, metrics }: ListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  onEnd: () => void,
): void {
  const started = performance.now();
  const requestId = givenRequestId(request) ?? randomUUID();
  const path = pathOf(request);
  const route = routes.find((candidate) => candidate.matches(path)) ?? notFound;
  // It comes once; `once` would wrap the listener.
  response.on('close', () => {
    const status = response.writableFinished ? response.statusCode : clientGone;
    const method = request.method ?? '';
    const durationMs = Math.round(performance.now() - started);
    log.request({ requestId, method, route: route.name, status, durationMs });
    metrics.observeRequest(route.name, method, status, durationMs);
    onEnd();
  });
  response.setHeader('X-Request-Id', requestId);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const fail = (fault: unknown): void => {
    log.error({ requestId, ...faultFields(fault) }, 'a request ended in a fault');
    if (response.headersSent) return void response.destroy();
    sendJson(response, 500, { message: 'Internal error.', requestId }, noStore);
  };
  try {
    route.handle(request, response, { requestId })?.catch(fail);
  } catch (fault) {
    fail(fault);
  }
}

/** The path without the query. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

const notFound: Route = {
  name: 'unknown',
  matches: () => true,
  handle: (_, response) => sendJson(response, 404, { message: 'There is nothing at this address.' }, noStore),
};

/** A caller's own id is kept when it is harmless, so that traces join up. */
function givenRequestId(request: IncomingMessage): string | undefined {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(given) ? given : undefined;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), drainTimeoutMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
