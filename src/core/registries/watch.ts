// Streams changes of registries, bounded in number and backlog, for as long as the reader's authentication is valid.

import { z } from 'zod';
import { type AccountLookup, actingAccount, authorize, mayActIn, mayRun } from '../authz/permissions.ts';
import type { Caller, Login, Principal } from '../authz/principal.ts';
import { type Notifications, parseRegistryEvent, type RegistryEvent } from '../registry/events.ts';
import type { Registry } from '../registry/registry.ts';
import type { RegistryStore } from '../registry/store.ts';
import { accountName, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Timer } from '../shared/time.ts';

/** Maximum number of open streams per subject: some browser tabs and a dashboard. */
export const maxStreamsPerSubject = 10;
/** Milliseconds between two checks of a stream's authentication when no event arrives. */
const loginCheckMs = 30_000;

/** The ports of subscriptions. */
export interface WatchPorts {
  readonly registries: Pick<RegistryStore, 'byId'>;
  readonly access: AccountLookup;
  readonly notifications: Notifications;
  /** Resolves the principal of an earlier login again, or undefined if the login has ended. */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
  readonly setTimer: Timer;
}

/** A registry that was created, updated, or deleted. */
export interface RegistryChange {
  readonly kind: Exclude<RegistryEvent['kind'], 'VALIDATED'>;
  readonly id: string;
  /** The registry at the time of the event; null if it was deleted. */
  readonly registry: Registry | null;
}

/**
 * The streams of an account, which start when the promise resolves. @param args `{ account? }`.
 * @throws Problem `NOT_FOUND` (the account), `RATE_LIMITED` for too many streams. A stream throws `UNAUTHENTICATED` when the
 * authentication or its permission has ended, and `RATE_LIMITED` when its reader is too slow.
 */
export interface Subscriptions {
  /** Streams created, updated, and deleted registries. */
  changes(caller: Caller, args: unknown): Promise<AsyncIterable<RegistryChange>>;
  /** Streams each registry whose validation report was stored. */
  validations(caller: Caller, args: unknown): Promise<AsyncIterable<Registry>>;
  /** Ends all streams without an error, and every later one at its start, before the server stops. */
  end(): void;
  /** Returns the number of open streams. */
  count(): number;
}

/** One open stream. */
interface Stream {
  readonly login: Principal;
  readonly account: string;
  readonly queue: EventQueue;
}

/** Creates the subscriptions, with no stream open. */
export function createSubscriptions(ports: WatchPorts): Subscriptions {
  const streams = openStreams(ports);
  return {
    async changes(caller, args) {
      return changesOf(ports, await streams.open(caller, args));
    },
    async validations(caller, args) {
      return validationsOf(ports, await streams.open(caller, args));
    },
    end: () => streams.end(),
    count: () => streams.count(),
  };
}

function openStreams(ports: WatchPorts) {
  const streams = new Set<Stream>();
  let stopReminding: (() => void) | undefined;
  let hasEnded = false;
  const remind = (): void => {
    for (const { queue } of streams) queue.remind();
    stopReminding = streams.size > 0 ? ports.setTimer(remind, loginCheckMs) : undefined;
  };
  ports.notifications.listen((text) => {
    const event = parseRegistryEvent(text);
    for (const { account, queue } of streams) if (event?.account === account) queue.push(event);
  });
  const open = async (caller: Caller, args: unknown): Promise<AsyncGenerator<RegistryEvent>> => {
    const login = authorize(caller, 'registry.watch');
    const account = await actingAccount(ports, login, parseInput(watchArguments, args).account);
    if ([...streams].filter((stream) => stream.login.subject === login.subject).length >= maxStreamsPerSubject)
      throw tooManyStreams();
    const stream = { login, account, queue: new EventQueue() };
    streams.add(stream);
    const close = (): void => {
      streams.delete(stream);
      stream.queue.end('CLOSED');
    };
    const signal = caller.signal?.();
    signal?.addEventListener('abort', close);
    if (hasEnded || signal?.aborted) close();
    else stopReminding ??= ports.setTimer(remind, loginCheckMs);
    return follow(ports, stream, close);
  };
  const end = (): void => {
    hasEnded = true;
    stopReminding?.();
    for (const { queue } of streams) queue.end('CLOSED');
  };
  return { open, end, count: () => streams.size };
}

async function* follow(
  ports: WatchPorts,
  { login, account, queue }: Stream,
  close: () => void,
): AsyncGenerator<RegistryEvent> {
  try {
    for (;;) {
      const taken = await queue.take();
      if (taken === 'CLOSED') return;
      if (taken === 'OVERFLOWN') throw tooSlow();
      const principal = await ports.resolveLogin(login);
      if (principal === undefined || !mayRun(principal, 'registry.watch') || !mayActIn(principal, account))
        throw authenticationEnded();
      if (taken !== 'REMINDED') yield taken;
    }
  } finally {
    close();
  }
}

async function* changesOf(
  { registries }: WatchPorts,
  events: AsyncIterable<RegistryEvent>,
): AsyncGenerator<RegistryChange> {
  for await (const { kind, id } of events) {
    if (kind === 'VALIDATED') continue;
    const registry = kind === 'DELETED' ? null : await registries.byId(id);
    // Deleted in the meantime: the next event says so.
    if (registry !== undefined) yield { kind, id, registry };
  }
}

async function* validationsOf(
  { registries }: WatchPorts,
  events: AsyncIterable<RegistryEvent>,
): AsyncGenerator<Registry> {
  for await (const { kind, id } of events) {
    const registry = kind === 'VALIDATED' ? await registries.byId(id) : undefined;
    if (registry !== undefined) yield registry;
  }
}

function tooManyStreams(): Problem {
  return new Problem('RATE_LIMITED', `This caller already has ${maxStreamsPerSubject} open streams. Close one first.`, {
    reason: 'TOO_MANY_STREAMS',
  });
}

function tooSlow(): Problem {
  return new Problem(
    'RATE_LIMITED',
    'The stream was closed because it was read too slowly. Fetch the list again, then resubscribe.',
    { reason: 'SLOW_READER' },
  );
}

function authenticationEnded(): Problem {
  return new Problem(
    'UNAUTHENTICATED',
    'The authentication of this stream is no longer valid. Authenticate again, then resubscribe.',
  );
}

const watchArguments = z.strictObject({ account: accountName.nullish() });

/** Maximum number of events in a stream's backlog: one page of IDs, some 10 KB. */
const maxWaitingEvents = 100;

/** The next item of a queue: an event, a reminder to check the authentication, or how the queue ended. */
type Taken = RegistryEvent | 'REMINDED' | 'CLOSED' | 'OVERFLOWN';

/** The bounded backlog of one stream. */
class EventQueue {
  #events: RegistryEvent[] = [];
  #isReminded = false;
  #end: 'CLOSED' | 'OVERFLOWN' | undefined;
  #wake = Promise.withResolvers<void>();

  /** Adds an event, or ends the queue if its reader is too far behind. */
  push(event: RegistryEvent): void {
    if (this.#events.length >= maxWaitingEvents) return this.end('OVERFLOWN');
    this.#events.push(event);
    this.#wake.resolve();
  }

  /** Wakes the reader with a reminder; several calls count as one. */
  remind(): void {
    this.#isReminded = true;
    this.#wake.resolve();
  }

  /** Ends the queue and drops its backlog. */
  end(how: 'CLOSED' | 'OVERFLOWN'): void {
    this.#end ??= how;
    this.#events = [];
    this.#wake.resolve();
  }

  /** Waits for the next item. */
  async take(): Promise<Taken> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#isReminded) {
        this.#isReminded = false;
        return 'REMINDED';
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
