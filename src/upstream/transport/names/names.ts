// Resolves host names by the system, search list and hosts file included, so that names that do not resolve delay no other name.
// The system's call blocks a thread of libuv's pool and cannot be canceled, so calls are shared, bounded, and counted until they return.

import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { codeOf } from '../../../core/shared/fault.ts';
import type { Lookup } from '../connector.ts';
import { type Addresses, createNameMemory, maxWaitMs, type NameMemory, slowMs } from './memory.ts';
import { createTurns, type Turns } from './turns.ts';

/** `not_found`: the name has no address. `no_answer`: DNS failed or was too slow. `busy`: too many other lookups were waiting. */
export type LookupFailure = 'not_found' | 'no_answer' | 'busy';

interface NameSettings {
  /** Threads of libuv's pool. At most half of them resolve names. Defaults to libuv's own 4. */
  readonly threads?: number | undefined;
  /** Called once for each lookup that fails, and for each name that found no thread in time. */
  readonly onFailure?: ((reason: LookupFailure) => void) | undefined;
  /** Defaults to the system's resolver. */
  readonly resolve?: Lookup | undefined;
  /** Returns monotonic milliseconds. Defaults to the system's clock. */
  readonly nowMs?: (() => number) | undefined;
}

/** Resolves the names of registries, token servers, storage, clouds, and issuers. */
export interface Names {
  /**
   * Resolves a name to all its addresses; callers share one call. Fails after 4 seconds, while the call continues.
   * @throws Error with the code of the system, or `EAI_AGAIN` if there is no answer in time.
   */
  readonly lookup: Lookup;
  /** The same for a socket. */
  readonly lookupFunction: LookupFunction;
  /** Returns the calls that the system has not answered, and the names that wait for a thread. */
  counts(): { readonly running: number; readonly waiting: number };
}

/** One call of the system, or its wait for a thread. */
interface Flight {
  readonly result: Promise<Addresses>;
  waiters: number;
  /** Monotonic milliseconds; undefined while it waits for a thread. */
  startedMs: number | undefined;
  /** Takes it out of the queue. Returns false if it has begun. */
  readonly cancel: () => boolean;
}

interface State {
  readonly resolve: Lookup;
  readonly nowMs: () => number;
  readonly onFailure: (reason: LookupFailure) => void;
  readonly turns: Turns<Addresses>;
  readonly memory: NameMemory;
  readonly flights: Map<string, Flight>;
}

const defaultThreads = 4;

/** Creates a resolver, which resolves nothing yet. One serves the whole process, because the threads do. */
export function createNames({
  threads = defaultThreads,
  onFailure = () => undefined,
  resolve = (hostname) => systemLookup(hostname, { all: true }),
  nowMs = () => performance.now(),
}: NameSettings = {}): Names {
  const state: State = {
    resolve,
    nowMs,
    onFailure,
    turns: createTurns(threads),
    memory: createNameMemory(nowMs),
    flights: new Map(),
  };
  const lookup: Lookup = (hostname) => lookUp(state, hostname);
  return { lookup, lookupFunction: socketLookup(lookup), counts: () => state.turns.counts() };
}

async function lookUp(state: State, name: string): Promise<Addresses> {
  const { memory, flights, nowMs } = state;
  const known = memory.outcomeOf(name);
  if (known !== undefined) {
    if ('answer' in known) return known.answer;
    throw known.failure;
  }
  const flight = flights.get(name) ?? takeOff(state, name);
  if (flight.startedMs !== undefined && nowMs() - flight.startedMs >= maxWaitMs)
    throw noAnswer('DNS has not answered for seconds.');
  return waitFor(state, name, flight);
}

function takeOff(state: State, name: string): Flight {
  const { turns, memory, flights, onFailure } = state;
  const turn = turns.enter(name, memory.laneOf(name), () => call(state, name));
  if (turn === undefined) {
    onFailure('busy');
    throw noAnswer('Too many lookups are waiting.');
  }
  const flight: Flight = { result: turn.result, waiters: 0, startedMs: undefined, cancel: () => turn.cancel() };
  // Its failure must not be unhandled after its last caller has left.
  flight.result.catch(() => undefined);
  flights.set(name, flight);
  turn.begin();
  return flight;
}

/** Calls the system. Holds a thread until it returns, whoever still waits. */
async function call({ resolve, nowMs, memory, flights, onFailure }: State, name: string): Promise<Addresses> {
  const startedMs = nowMs();
  const flight = flights.get(name);
  if (flight !== undefined) flight.startedMs = startedMs;
  // On a busy machine every name can take a second once, and a proven one keeps its threads then.
  const patienceMs = memory.laneOf(name) === 'PROVEN' ? maxWaitMs : slowMs;
  const timer = setTimeout(() => memory.addSlow(name), patienceMs);
  try {
    const answer = await resolve(name);
    memory.addAnswer(name, answer, nowMs() - startedMs);
    return answer;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error('The lookup failed.');
    memory.addFailure(name, failure, nowMs() - startedMs);
    onFailure(notFoundCodes.has(codeOf(error) ?? '') ? 'not_found' : 'no_answer');
    throw failure;
  } finally {
    clearTimeout(timer);
    flights.delete(name);
  }
}

async function waitFor({ flights, onFailure }: State, name: string, flight: Flight): Promise<Addresses> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(noAnswer('DNS did not answer in time.')), maxWaitMs);
  flight.waiters += 1;
  try {
    return await Promise.race([flight.result, late.promise]);
  } finally {
    clearTimeout(timer);
    flight.waiters -= 1;
    // A name that no one waits for needs no thread.
    if (flight.waiters === 0 && flights.get(name) === flight && flight.cancel()) {
      flights.delete(name);
      onFailure('busy');
    }
  }
}

const notFoundCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_NONAME', 'EAI_NODATA']);

/** Returns the failure of a lookup that can succeed later, with the system's own code for it. */
function noAnswer(message: string): Error {
  return Object.assign(new Error(message), { code: 'EAI_AGAIN' });
}

/** Returns a lookup as sockets call it. */
function socketLookup(lookup: Lookup): LookupFunction {
  return (hostname, options, callback) => {
    callbackify(() => lookup(hostname))((error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined)
        return callback(error ?? Object.assign(new Error('The name has no address.'), { code: 'ENOTFOUND' }), []);
      if (options.all === true) return callback(null, [...addresses]);
      return callback(null, first.address, first.family);
    });
  };
}
