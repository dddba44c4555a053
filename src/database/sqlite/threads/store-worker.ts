// Runs on a thread of the store: opens the database file, and runs the calls that it receives in the order in which they come.

import { createHmac, type KeyObject } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { AuditMac } from '../../../core/audit/chain.ts';
import { repositoriesOn } from '../../repositories/repositories.ts';
import { openReads, openWrites } from '../open.ts';
import {
  type Call,
  type CallbackPlace,
  type Order,
  type Reply,
  type Report,
  type ThreadSetup,
  toCrossing,
} from './messages.ts';

type Method = (...args: unknown[]) => Promise<unknown>;

const { path, kind } = workerData as ThreadSetup;
const database = kind === 'WRITES' ? await openWrites(path) : openReads(path);
const repositories = repositoriesOn(database);

let replies: Reply[] = [];
let lastCalled = 0;
const awaited = new Map<number, PromiseWithResolvers<unknown>>();

parentPort?.on('message', (order: Order) => {
  if ('calls' in order) for (const call of order.calls) void run(call);
  else if ('returned' in order) endCallback(order);
  else void end();
});

send({ opened: true });

async function run({ id, part, method, args }: Call): Promise<void> {
  let reply: Reply;
  try {
    const methods = repositories[part] as unknown as Readonly<Record<string, Method>>;
    reply = { id, value: await methods[method]?.(...args.map(argumentOf)) };
  } catch (error) {
    reply = { id, error: toCrossing(error) };
  }
  replies.push(reply);
  // After everything that one commit acknowledges, so that it crosses as one message.
  if (replies.length === 1) process.nextTick(sendReplies);
}

function sendReplies(): void {
  const ended = replies;
  replies = [];
  send({ replies: ended });
}

function argumentOf(arg: unknown): unknown {
  if (typeof arg !== 'object' || arg === null) return arg;
  if ('callback' in arg) return callbackOf(arg as CallbackPlace);
  return 'auditKey' in arg ? macOf(arg.auditKey as KeyObject) : arg;
}

/** The same as on the main thread: HMAC-SHA256 in hex. */
function macOf(key: KeyObject): AuditMac {
  return (text) => createHmac('sha256', key).update(text).digest('hex');
}

function callbackOf({ callback }: CallbackPlace): Method {
  return (...args) => {
    const called = (lastCalled += 1);
    const result = Promise.withResolvers<unknown>();
    awaited.set(called, result);
    send({ called, callback, args });
    return result.promise;
  };
}

function endCallback(order: Extract<Order, { returned: number }>): void {
  const result = awaited.get(order.returned);
  awaited.delete(order.returned);
  if (order.failed) result?.reject(new Error('The function that the store called has failed.'));
  else result?.resolve(order.value);
}

function send(report: Report): void {
  parentPort?.postMessage(report, []);
}

async function end(): Promise<void> {
  await database.close();
  parentPort?.close();
}
