// Relays connections to a database like a bad network: delays bytes, hangs, loses or half-closes connections (no more bytes arrive, and no end either), and resets them.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay extends AsyncDisposable {
  /** The database's url, through the relay. */
  readonly url: string;
  /** Milliseconds that each byte takes in each direction from now on. Defaults to 0; the connections stay in order when it changes. */
  delay: RelayDelay;
  /** From now on, accepts connections and forwards nothing through any connection, until `resume`. */
  hang(): void;
  /** Forwards what `hang` kept, and then goes on. */
  resume(): void;
  /** Forwards nothing more through the existing connections: half-open, as when the host on the other side has no power. New ones work. */
  loseConnections(): void;
  /** Ends the direction from the database of the existing connections, as a server does that stops; what clients send is swallowed. New ones work. */
  halfClose(): void;
  /** Resets the existing connections. New ones work. */
  resetConnections(): void;
  /** Number of connections of clients. */
  readonly connections: () => number;
}

export interface RelayDelay {
  readonly toDatabaseMs: number;
  readonly toClientMs: number;
}

interface Link {
  readonly client: Socket;
  readonly database: Socket;
  readonly toDatabase: Direction;
  readonly toClient: Direction;
}

/** @param delay from the first connection on. */
export async function startRelay(
  databaseUrl: string,
  delay: RelayDelay = { toDatabaseMs: 0, toClientMs: 0 },
): Promise<Relay> {
  const { hostname, port } = new URL(databaseUrl);
  const links = new Set<Link>();
  let isHanging = false;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const database = connect({ port: Number(port), host: hostname, allowHalfOpen: true, noDelay: true });
    const link: Link = {
      client,
      database,
      toDatabase: direction(client, database, () => relay.delay.toDatabaseMs),
      toClient: direction(database, client, () => relay.delay.toClientMs),
    };
    links.add(link);
    if (isHanging) hold(link);
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      socket.on('error', () => link.toClient.isLost() || other.resetAndDestroy());
      socket.on('close', () => socket.readableEnded || link.toClient.isLost() || other.destroy());
    }
    client.on('close', () => database.closed && links.delete(link));
    database.on('close', () => client.closed && links.delete(link));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay: Relay = {
    url: databaseUrl.replace(`:${port}`, `:${(server.address() as AddressInfo).port}`),
    delay,
    hang() {
      isHanging = true;
      links.forEach(hold);
    },
    resume() {
      isHanging = false;
      for (const { toDatabase, toClient } of links) [toDatabase, toClient].forEach((each) => each.resume());
    },
    loseConnections() {
      for (const { toDatabase, toClient } of links) [toDatabase, toClient].forEach((each) => each.lose());
    },
    halfClose() {
      for (const { client, toDatabase, toClient } of links) {
        [toDatabase, toClient].forEach((each) => each.lose());
        client.end();
      }
    },
    resetConnections() {
      for (const { client, database } of links) [client, database].forEach((each) => each.resetAndDestroy());
    },
    connections: () => links.size,
    async [Symbol.asyncDispose]() {
      for (const { client, database } of links) [client, database].forEach((each) => each.destroy());
      server.close();
      await once(server, 'close');
    },
  };
  return relay;
}

function hold({ toDatabase, toClient }: Link): void {
  toDatabase.hang();
  toClient.hang();
}

interface Direction {
  hang(): void;
  resume(): void;
  lose(): void;
  isLost(): boolean;
}

/** The bytes of one direction, or its end (null), and when they are due. */
interface Chunk {
  readonly bytes: Buffer | null;
  /** Milliseconds of `performance.now`. */
  readonly dueAt: number;
}

/** Forwards one direction of a connection, in order. Keeps what it reads while it hangs, as a network does with what is on its way. */
function direction(from: Socket, to: Socket, delayMs: () => number): Direction {
  const chunks: Chunk[] = [];
  let state: 'OPEN' | 'HANGING' | 'LOST' = 'OPEN';
  let timer: NodeJS.Timeout | undefined;
  const forward = (): void => {
    timer = undefined;
    if (state !== 'OPEN') return;
    for (let next = chunks[0]; next !== undefined; next = chunks[0]) {
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(forward, waitMs);
        return;
      }
      chunks.shift();
      if (next.bytes === null) to.end();
      else to.write(next.bytes);
    }
  };
  const take = (bytes: Buffer | null): void => {
    if (state === 'LOST') return;
    chunks.push({ bytes, dueAt: performance.now() + delayMs() });
    if (timer === undefined) forward();
  };
  from.on('data', take).on('end', () => take(null));
  return {
    hang() {
      if (state === 'OPEN') state = 'HANGING';
    },
    resume() {
      if (state !== 'HANGING') return;
      state = 'OPEN';
      if (timer === undefined) forward();
    },
    lose() {
      state = 'LOST';
      chunks.length = 0;
    },
    isLost: () => state === 'LOST',
  };
}
