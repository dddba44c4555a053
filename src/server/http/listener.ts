// Listens for HTTP: assigns each request an ID, finds its route, writes one log line and one metric, and stops gracefully.

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
import { createStop, type StopTimes } from './stop.ts';

/** The routes and how to serve them. */
interface ListenerOptions {
  readonly routes: readonly Route[];
  /** The certificate chain and its key, in PEM; undefined for plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** In milliseconds: the maximum time to send the headers of a request. Bounds slow clients (Slowloris). */
const headersTimeoutMs = 10_000;
/** In milliseconds: the maximum time to send a whole request, whose body is at most 256 KiB. */
const requestTimeoutMs = 30_000;
/** In milliseconds: how often both are checked; Node's 30 s would let a slow client stay for as long again. */
const timeoutCheckMs = 5_000;
/**
 * In milliseconds: the maximum silence on a connection during a request. Longer than any request takes to be answered: a pull waits at most 10 s for a
 * connection, 15 s for a login, and 30 s for its content, and event streams send something every 12 s.
 */
const silenceTimeoutMs = 120_000;
/** In milliseconds. Longer than the 60 s for which common proxies keep an idle connection, so that they close first. */
const keepAliveTimeoutMs = 65_000;
/** API tokens are 60 bytes and JWTs at most 12 KiB; 16 KiB is the default of Node, fixed here. */
const maxHeaderBytes = 16 * 1024;
/** The status in logs and metrics of a response whose client disconnected, as in nginx. */
const clientDisconnected = 499;

/** An HTTP or HTTPS server. */
export interface Listener {
  /** Listens and returns the port; port 0 picks a free one. @throws Error of the system, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<number>;
  /** Goes on serving, but ends each connection after its next answer, so that clients and balancers move to another replica. */
  announceStop(): void;
  /** Accepts no new connections, waits for requests in flight, then closes all connections. */
  close(times: StopTimes): Promise<void>;
}

/** Creates a listener. The first route that matches a path serves it. */
export function createListener(options: ListenerOptions): Listener {
  const stop = createStop();
  const server = createServer(options, (request, response) => {
    if (stop.begin(request, response)) serve(options, request, response, () => stop.end(request, response));
  });
  server.on('connection', (socket) => stop.connect(socket));
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = requestTimeoutMs;
  server.timeout = silenceTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  return {
    listen: (host, port) => listen(server, host, port),
    announceStop: () => stop.announce(),
    close: (times) => stop.close(server, times),
  };
}

function createServer(
  { tls }: ListenerOptions,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const common: ServerOptions = { maxHeaderSize: maxHeaderBytes, connectionsCheckingInterval: timeoutCheckMs };
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
  const requestId = validRequestId(request) ?? randomUUID();
  const path = pathOf(request);
  const route = routes.find((candidate) => candidate.matches(path)) ?? notFound;
  metrics.beginRequest(route.name);
  // `close` is emitted once, and `once` would wrap the listener.
  response.on('close', () => {
    const status = response.writableFinished ? response.statusCode : clientDisconnected;
    const method = request.method ?? '';
    const durationMs = Math.round(performance.now() - started);
    const line = { requestId, method, route: route.name, status, durationMs };
    if (route.isProbe === true) log.probe(line);
    else log.request(line);
    metrics.observeRequest(route.name, method, status, isEventStream(response) ? undefined : durationMs);
    onEnd();
  });
  response.setHeader('X-Request-Id', requestId);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const fail = (error: unknown): void => {
    log.error({ requestId, ...faultFields(error) }, 'a request failed with an internal error');
    if (response.headersSent) return void response.destroy();
    sendJson(response, 500, { message: 'Internal error.', requestId }, noStore);
  };
  try {
    route.handle(request, response, { requestId })?.catch(fail);
  } catch (error) {
    fail(error);
  }
}

function isEventStream(response: ServerResponse): boolean {
  return String(response.getHeader('Content-Type')).startsWith('text/event-stream');
}

/** Returns the path without the query. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

const notFound: Route = {
  name: 'unknown',
  matches: () => true,
  handle: (_, response) => sendJson(response, 404, { message: 'This path does not exist.' }, noStore),
};

/** Returns the request ID of the caller, so that traces connect, or undefined if it is absent or unsafe for a log. */
function validRequestId(request: IncomingMessage): string | undefined {
  const id = request.headers['x-request-id'];
  return typeof id === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(id) ? id : undefined;
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
