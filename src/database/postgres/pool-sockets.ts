// The sockets of a pool, to be closed when a server that was lost without a word leaves them silent: the driver itself waits for minutes.

import { Socket } from 'node:net';

/** What the driver tells of where it connects to; it calls the option with all of its settings. https://github.com/porsager/postgres#connection */
interface Target {
  readonly host: readonly string[];
  readonly port: readonly number[];
  /** Of a Unix socket, else falsy. */
  readonly path: string | false;
}

export interface PoolSockets {
  /** The driver's option `socket`: gives one that is about to connect. */
  readonly open: (target: Target) => Socket;
  /** Closes those through which nothing came for so long. What is idle goes too, which costs a connection each. */
  closeSilent(silentMs: number): void;
  close(): void;
}

interface Heard {
  bytes: number;
  /** Milliseconds of `performance.now`. */
  at: number;
}

/** How exact the silence is known. */
const lookEveryMs = 500;

export function poolSockets(): PoolSockets {
  const sockets = new Map<Socket, Heard>();
  const looking = setInterval(
    () => sockets.forEach((heard, socket) => look(sockets, socket, heard)),
    lookEveryMs,
  ).unref();
  return {
    open(target) {
      const socket = new Socket();
      sockets.set(socket, { bytes: 0, at: performance.now() });
      // Not before the driver listens for failures.
      setImmediate(() => connect(socket, target));
      return socket;
    },
    closeSilent(silentMs) {
      const before = performance.now() - silentMs;
      // Without an error: so the driver fails what waits for an answer and lets the connection go in one step.
      sockets.forEach(({ at }, socket) => at < before && socket.destroy());
    },
    close: () => clearInterval(looking),
  };
}

/** Counted, not listened for: under TLS the driver takes all listeners off. */
function look(sockets: Map<Socket, Heard>, socket: Socket, heard: Heard): void {
  if (socket.destroyed) sockets.delete(socket);
  if (socket.bytesRead === heard.bytes) return;
  heard.bytes = socket.bytesRead;
  heard.at = performance.now();
}

function connect(socket: Socket, { host: [host = 'localhost'], port: [port = 5432], path }: Target): void {
  if (socket.destroyed) return;
  // The driver takes the name in the server's certificate from here.
  Object.assign(socket, { host, port });
  if (path) socket.connect(path);
  else socket.connect(port, host);
}
