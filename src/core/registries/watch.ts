// Watching registries: streams of what changes, for as long as their reader's login lasts.

import { z } from 'zod';
import { type AccountLookup, actingAccount, authorize, mayActIn, mayRun } from '../authz/permissions.ts';
import type { Caller, Login, Principal } from '../authz/principal.ts';
import { type Notifications, parseRegistryEvent, type RegistryEvent } from '../registry/events.ts';
import type { Registry } from '../registry/registry.ts';
import type { RegistryStore } from '../registry/store.ts';
import { accountName, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Timer } from '../shared/time.ts';

/** A person has some tabs open, a dashboard a handful of streams. */
export const maxStreamsPerSubject = 10;
/** A login that ended ends its streams within this time, also when nothing happens. */
const loginCheckMs = 30_000;

export interface WatchPorts {
  readonly registries: Pick<RegistryStore, 'byId'>;
  readonly access: AccountLookup;
  readonly notices: Notifications;
  /** Who a login of before speaks for now; undefined once it has ended. */
  readonly recall: (login: Login) => Promise<Principal | undefined>;
  readonly schedule: Timer;
}

/** A registry that came, changed or went. */
export interface RegistryChange {
  readonly kind: Exclude<RegistryEvent['kind'], 'VALIDATED'>;
  readonly id: string;
  /** As it is when it is told; null once it is deleted. */
  readonly registry: Registry | null;
}

/**
 * Both listen from the moment that they resolve. @param args `{ account? }`.
 * @throws Problem `NOT_FOUND` (the account), `RATE_LIMITED` for too many streams. A stream throws `UNAUTHENTICATED` when the login or its
 * permission has ended, and `RATE_LIMITED` when its reader is too slow.
 */
export interface Subscriptions {
  changes(caller: Caller, args: unknown): Promise<AsyncIterable<RegistryChange>>;
  /** The registry after each validation that was recorded. */
  validations(caller: Caller, args: unknown): Promise<AsyncIterable<Registry>>;
  /** Ends all streams in good order, as a server that stops must. */
  end(): void;
}

/** One open stream. */
interface Stream {
  readonly login: Principal;
  readonly account: string;
  readonly queue: EventQueue;
}

/** No stream is open yet. */
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
  };
}

function openStreams(ports: WatchPorts) {
  const streams = new Set<Stream>();
  let stopReminding: (() => void) | undefined;
  const remind = (): void => {
    for (const { queue } of streams) queue.remind();
    stopReminding = streams.size > 0 ? ports.schedule(remind, loginCheckMs) : undefined;
  };
  ports.notices.listen((text) => {
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
    if (signal?.aborted) close();
    stopReminding ??= ports.schedule(remind, loginCheckMs);
    return follow(ports, stream, close);
  };
  const end = (): void => {
    stopReminding?.();
    for (const { queue } of streams) queue.end('CLOSED');
  };
  return { open, end };
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
      const principal = await ports.recall(login);
      if (principal === undefined || !mayRun(principal, 'registry.watch') || !mayActIn(principal, account))
        throw loginEnded();
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
    // Gone meanwhile: the next event says so.
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
  return new Problem('RATE_LIMITED', `This login has ${maxStreamsPerSubject} open streams already. Close one first.`, {
    reason: 'TOO_MANY_STREAMS',
  });
}

function tooSlow(): Problem {
  return new Problem(
    'RATE_LIMITED',
    'More happened than this stream was read, so it was ended. Read the list again and subscribe anew.',
    { reason: 'SLOW_READER' },
  );
}

function loginEnded(): Problem {
  return new Problem('UNAUTHENTICATED', 'The login of this stream has ended. Log in again and subscribe anew.');
}

const watchArguments = z.strictObject({ account: accountName.nullish() });

/** A page's worth of changes; ids alone, so some 10 KB. */
const maxWaitingEvents = 100;

/** What a reader gets: an event, or `REMINDED` between events; then how the queue ended. */
type Taken = RegistryEvent | 'REMINDED' | 'CLOSED' | 'OVERFLOWN';

class EventQueue {
  #events: RegistryEvent[] = [];
  #isReminded = false;
  #end: 'CLOSED' | 'OVERFLOWN' | undefined;
  #wake = Promise.withResolvers<void>();

  /** Adds an event, or ends the queue when its reader is too far behind. */
  push(event: RegistryEvent): void {
    if (this.#events.length >= maxWaitingEvents) return this.end('OVERFLOWN');
    this.#events.push(event);
    this.#wake.resolve();
  }

  /** Wakes the reader, once however often it is called. */
  remind(): void {
    this.#isReminded = true;
    this.#wake.resolve();
  }

  /** What waits is dropped. */
  end(how: 'CLOSED' | 'OVERFLOWN'): void {
    this.#end ??= how;
    this.#events = [];
    this.#wake.resolve();
  }

  /** Waits for the next. */
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
