// Tracks the sockets of a pool and closes silent ones, because the driver waits for minutes if the server's host disappears.

import { Socket } from 'node:net';

export interface PoolSockets {
  /** The driver's option `stream`: returns a socket, which the driver connects. */
  readonly open: () => Socket;
  /**
   * Closes sockets that received nothing for this many milliseconds. That includes idle ones, each of which costs a new connection.
   * Returns whether there were sockets and none heard more recently, so that their host may be silent as a whole.
   */
  closeSilent(silentMs: number): boolean;
  /** Ends the tracking. */
  close(): void;
}

interface Heard {
  bytes: number;
  /** Milliseconds of `performance.now`. */
  at: number;
}

/** Milliseconds between two looks, which is the precision of the silence. */
const lookEveryMs = 500;

export function poolSockets(): PoolSockets {
  const sockets = new Map<Socket, Heard>();
  const looking = setInterval(
    () => sockets.forEach((heard, socket) => look(sockets, socket, heard)),
    lookEveryMs,
  ).unref();
  return {
    open() {
      const socket = new Socket();
      sockets.set(socket, { bytes: 0, at: performance.now() });
      return socket;
    },
    closeSilent(silentMs) {
      const before = performance.now() - silentMs;
      const open = [...sockets].filter(([socket]) => !socket.destroyed);
      const silent = open.filter(([, { at }]) => at <= before);
      for (const [socket] of silent) socket.destroy();
      return silent.length > 0 && silent.length === open.length;
    },
    close: () => clearInterval(looking),
  };
}

/** Counts bytes instead of listening: under TLS the driver removes all listeners. */
function look(sockets: Map<Socket, Heard>, socket: Socket, heard: Heard): void {
  if (socket.destroyed) sockets.delete(socket);
  if (socket.bytesRead === heard.bytes) return;
  heard.bytes = socket.bytesRead;
  heard.at = performance.now();
}
