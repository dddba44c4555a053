// Stops an HTTP server so that no request fails: each connection ends after an answer that says so (RFC 9112 §9.6), and one without a request later.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a server takes to stop. */
export interface StopTimes {
  /** Milliseconds that requests in flight have. */
  readonly drainTimeoutMs: number;
  /**
   * Milliseconds for which connections without a request stay open after new ones are refused. A client or balancer that sends a request on one of
   * them in this time gets its answer, and learns at the first refused connection that this server is gone. Defaults to 0.
   */
  readonly idleGraceMs?: number;
  /** Milliseconds after which a response that has begun and does not move is cut. Defaults to 15,000. */
  readonly stalledMs?: number;
}

/** The end of a server. */
export interface Stop {
  /** Registers a connection when it was made, before TLS. */
  connect(socket: Socket): void;
  /** Registers a request. Returns false for one that must not be served, because an earlier response said that its connection ends. */
  begin(request: IncomingMessage, response: ServerResponse): boolean;
  /** Registers the end of its response. */
  end(request: IncomingMessage, response: ServerResponse): void;
  /** From now on, each connection ends after its next answer. */
  announce(): void;
  /** Refuses new connections, waits for the answers of others, and closes all. */
  close(server: Server, times: StopTimes): Promise<void>;
}

/** A registry that pauses for longer has usually lost its connection. */
const defaultStalledMs = 15_000;
/** Milliseconds between two looks at the responses and connections of a drain. */
const lookMs = 1_000;
/** Milliseconds: a turn of the event loop that took less had nothing to do. */
const quietTurnMs = 0.1;
/** Turns that a stop waits for a quiet one at most: some 100 ms under load. */
const maxTurns = 100;

/** Creates the end of one server. */
export function createStop(): Stop {
  /** The last response of each connection that has one in flight: a client may send several requests before the first answer (pipelining). */
  const inFlight = new Map<Socket, ServerResponse>();
  /** Node's server forgets those that have not finished the handshake of TLS, and waits for them all the same. */
  const connections = new Set<Socket>();
  const limited = new WeakSet<ServerResponse>();
  let isStopping = false;
  let closesIdle: (() => void) | undefined;
  const announce = (): void => {
    isStopping = true;
    for (const response of inFlight.values()) sayClose(response);
  };
  const limitStalled = (stalledMs: number): void => {
    for (const response of inFlight.values()) {
      if (!response.headersSent || limited.has(response)) continue;
      limited.add(response);
      // Node counts also parts of a write as movement. If the route does not listen for the timeout of its response, Node destroys the socket.
      response.setTimeout(stalledMs);
    }
  };
  const closeSilent = (): void => {
    // Nothing was ever sent on them: browsers and balancers make connections in advance.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  return {
    announce,
    connect(socket) {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    },
    begin({ socket }, response) {
      const earlier = inFlight.get(socket);
      if (isStopping && !takeOver(earlier, response)) return false;
      inFlight.set(socket, response);
      return true;
    },
    end({ socket }, response) {
      if (inFlight.get(socket) === response) inFlight.delete(socket);
      if (closesIdle !== undefined) setImmediate(closesIdle);
    },
    async close(server, { drainTimeoutMs, idleGraceMs = 0, stalledMs = defaultStalledMs }) {
      announce();
      await quietTurn();
      const timers = [
        setTimeout(() => {
          server.closeAllConnections();
          for (const socket of connections) socket.destroy();
        }, drainTimeoutMs),
        setInterval(() => {
          limitStalled(stalledMs);
          closeSilent();
        }, lookMs),
        setTimeout(() => {
          closesIdle = () => server.closeIdleConnections();
          // After the turn has read what has arrived on them.
          setImmediate(closesIdle);
        }, idleGraceMs),
      ];
      await refuseConnections(server);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function sayClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

/** Lets the connection end after this response instead of an earlier one. Returns false if that one has said already that it is the last. */
function takeOver(earlier: ServerResponse | undefined, response: ServerResponse): boolean {
  if (earlier?.headersSent === true && earlier.getHeader('Connection') === 'close') return false;
  if (earlier?.headersSent === false) earlier.removeHeader('Connection');
  sayClose(response);
  return true;
}

/** Waits for a moment in which no connection waits to be accepted: the kernel resets those when the server closes its port, with what was sent on them. */
async function quietTurn(): Promise<void> {
  for (let turn = 0; turn < maxTurns; turn += 1) {
    const startedMs = performance.now();
    await nextTurn();
    if (performance.now() - startedMs < quietTurnMs) return;
  }
}

/** Resolves once the last connection is closed. Node's own `close` of an HTTP server would close those without a request at once. */
async function refuseConnections(server: Server): Promise<void> {
  await new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  // Ends the timer that looks for slow requests.
  server.close(() => undefined);
}
