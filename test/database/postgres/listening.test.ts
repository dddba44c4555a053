// The connection that listens: however often LISTEN fails, one connection listens, and what it hears is heard once.

import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { parseAddress } from '../../../src/database/postgres/address.ts';
import { channel, postgresNotifications } from '../../../src/database/postgres/listen-notify.ts';
import { createPool } from '../../../src/database/postgres/pool.ts';
import { openPools } from '../../../src/database/postgres/pool/counts.ts';
import { startStandIn } from './stand-in.ts';

/** https://www.postgresql.org/docs/15/protocol-message-formats.html */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const refusal = Buffer.concat([message('E', Buffer.from('SERROR\0C42501\0Mno\0\0')), message('Z', Buffer.from('I'))]);
const notification = (text: string) => message('A', Buffer.from(`\0\0\0\x01${channel}\0${text}\0`));

it.each<[string, number, (socket: Socket) => void]>([
  ['is refused on a connection that stays', 0, (socket) => void socket.write(refusal)],
  ['breaks its connection', 0, (socket) => void socket.destroy()],
  ['is answered before its connection breaks', 1_000, (socket) => void socket.end()],
])('a LISTEN that %s is repeated twice a second until it succeeds, by one connection', async (_what, after, end) => {
  await using standIn = await startStandIn();
  const purpose = 'listening-test';
  const pool = createPool(parseAddress(`postgres://u@${standIn.host}/d`), 1, { purpose });
  const notifications = postgresNotifications(pool, () => Promise.resolve());
  const listens = () => standIn.statements.filter((statement) => statement === `listen ${channel}`).length;
  const heard: string[] = [];
  standIn.cut = { statement: /^listen/, after, end };
  notifications.listen((text) => heard.push(text));
  await expect.poll(listens, { timeout: 5_000 }).toBe(2);
  standIn.cut = undefined;
  await expect.poll(listens, { timeout: 5_000 }).toBe(3);
  await expect.poll(() => openPools().get(purpose)).toEqual({ inUse: 1, idle: 0, waiting: 0 });

  standIn.disconnect((socket) => socket.write(notification('first')));
  await expect.poll(() => heard).toEqual(['first']);
  standIn.disconnect((socket) => socket.destroy());
  await expect.poll(listens, { timeout: 5_000 }).toBe(4);
  standIn.disconnect((socket) => socket.write(notification('second')));
  await expect.poll(() => heard).toEqual(['first', 'second']);
  await expect.poll(() => openPools().get(purpose)).toEqual({ inUse: 1, idle: 0, waiting: 0 });
  await notifications.close();
});
