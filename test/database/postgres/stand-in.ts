// Imitates a PostgreSQL server: responds to every statement with the same two rows, and cuts its responses where a test says.
// https://www.postgresql.org/docs/15/protocol-message-formats.html

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** The rows of every answer. */
export const standInRows = [{ one: 'first' }, { one: 'second' }];

export interface Cut {
  /** Matches the statement whose answer is cut. */
  readonly statement: RegExp;
  /** The number of bytes of the answer that are sent. */
  readonly after: number;
  readonly end: (socket: Socket) => void;
}

export interface StandIn extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  /** The parameters that each connection began with. */
  readonly startups: Record<string, string>[];
  /** The passwords that it got. */
  readonly passwords: string[];
  /** The statements that it got, in their order. */
  readonly statements: string[];
  readonly openConnections: () => number;
  /** Ends every connection. */
  disconnect(end: Cut['end']): void;
  cut: Cut | undefined;
}

/** Starts it on a free port of loopback. @param options Whether it requires a password. It accepts any. */
export async function startStandIn({ asksPassword = false } = {}): Promise<StandIn> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    serve(socket, standIn, asksPassword);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const standIn: StandIn = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    startups: [],
    passwords: [],
    statements: [],
    openConnections: () => sockets.size,
    disconnect: (end) => sockets.forEach(end),
    cut: undefined,
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
  return standIn;
}

/** The bytes of a whole answer. */
export function answerTo(statement: string, isExtended: boolean): Buffer {
  const tag = /^[A-Z]+/.exec(statement)?.[0] ?? '';
  const end = [message('C', text(tag)), message('Z', Buffer.from(tag === 'BEGIN' ? 'T' : 'I'))];
  if (tag !== 'SELECT') return Buffer.concat(end);
  const rows = standInRows.map(({ one }) => message('D', int16(1), int32(one.length), Buffer.from(one)));
  const column = Buffer.concat([text('one'), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);
  const begin = isExtended ? [message('1'), message('2')] : [];
  return Buffer.concat([...begin, message('T', int16(1), column), ...rows, ...end]);
}

function serve(socket: Socket, standIn: StandIn, asksPassword: boolean): void {
  let received = Buffer.alloc(0);
  let isStarted = false;
  let parsed = '';
  const logIn = () => socket.write(Buffer.concat([message('R', int32(0)), message('Z', Buffer.from('I'))]));
  const answer = (statement: string, isExtended: boolean): void => {
    standIn.statements.push(statement);
    const bytes = answerTo(statement, isExtended);
    const { cut } = standIn;
    if (cut?.statement.test(statement) !== true) socket.write(bytes);
    else socket.write(bytes.subarray(0, cut.after), () => cut.end(socket));
  };
  const take = (type: string, body: Buffer): void => {
    const texts = body.toString('utf8').split('\0');
    if (type === 'p') {
      standIn.passwords.push(texts[0] ?? '');
      logIn();
    }
    if (type === 'Q') answer(texts[0] ?? '', false);
    if (type === 'P') parsed = texts[1] ?? '';
    if (type === 'S') answer(parsed, true);
    if (type === 'X') socket.end();
  };
  const start = (body: Buffer): void => {
    // SSLRequest: it has no TLS.
    if (body.length === 4 && body.readInt32BE() === 80_877_103) return void socket.write('N');
    isStarted = true;
    // After the version of the protocol.
    const texts = body.toString('utf8', 4).split('\0');
    const pairs = texts.flatMap((name, index) => (index % 2 === 0 && name !== '' ? [[name, texts[index + 1]]] : []));
    standIn.startups.push(Object.fromEntries(pairs) as Record<string, string>);
    if (asksPassword) socket.write(message('R', int32(3)));
    else logIn();
  };
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    // The first message has no type.
    for (let at = isStarted ? 1 : 0; received.length >= at + 4; at = 1) {
      const end = at + received.readInt32BE(at);
      if (received.length < end) return;
      const [type, body] = [received.toString('latin1', 0, at), received.subarray(at + 4, end)];
      received = received.subarray(end);
      if (isStarted) take(type, body);
      else start(body);
    }
  });
}

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
