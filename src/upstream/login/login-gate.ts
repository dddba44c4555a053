// Lets one request with a password go first, of all servers, while others wait for its answer: a password that was changed without notice is not
// rejected once for every pull. Written by hand: a mutex would keep the others one behind the other where the password is accepted.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { orAborted } from '../../core/pulls/abort.ts';
import type { CredentialVersion, LoginClaims, TryResult } from '../../core/pulls/login-claims.ts';
import type { PullSource } from '../../core/pulls/pull.ts';
import type { Registry } from '../../core/registry/registry.ts';
import { isSuccess } from '../../core/registry/report.ts';
import { UpstreamFailure } from '../errors/failure.ts';

export interface LoginGate {
  /**
   * Runs what sends a password. A request goes first if no other one with it runs. Until one is accepted, the others wait for the first, up to 2 s.
   * @param run Returns or throws the failure `INVALID_CREDENTIALS` only if the registry rejects the credential itself.
   * @param signal Ends the wait, and no request of others.
   * @throws UpstreamFailure `INVALID_CREDENTIALS` without running it, if the one that went first was rejected; what `run` throws.
   */
  pass<Result>(
    source: PullSource,
    scheme: 'basic' | 'bearer',
    run: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result>;
  /** Asks whether a registry accepts a credential, or returns the answer of another server that asks. */
  ask(source: PullSource, ask: () => Promise<UpstreamFailure | undefined>): Promise<UpstreamFailure | undefined>;
}

/** The requests with one credential version. */
interface Traffic {
  /** Requests without an answer. */
  running: number;
  /** Whether the registry has accepted the credential since there was none. */
  isProven: boolean;
  /** The request that went first. */
  first: Promise<TryResult> | undefined;
  rejection: { readonly untilMs: number; readonly validatedMs: number } | undefined;
}

/** Milliseconds that the first request delays others at most: a second rejected login is better than no pulls. */
const maxWaitMs = 2_000;

/** Milliseconds after which another server may try, if the one that claimed it is gone. Longer than anyone waits. */
const claimMs = 3_000;

/** Milliseconds that no server sends a rejected password. As long as the circuit that each opens then. */
const rejectedMs = 60_000;

/** Milliseconds for the pulls of this moment, which passed the circuit before it opened. */
const rejectedHereMs = 10_000;

/** Milliseconds between two looks at the claim of another server; an answer takes some 20. */
const lookMs = 25;

/** The clocks of the gate, and the claims; undefined if no other server uses the same database. */
interface GateParts {
  readonly now: () => Date;
  readonly monotonicMs: () => number;
  readonly claims: LoginClaims | undefined;
}

/** Creates the gate. */
export function createLoginGate({ now, monotonicMs, claims }: GateParts): LoginGate {
  const traffics = new Map<string, Traffic>();
  const shared = createSharedTries(claims);
  const isRejected = ({ rejection }: Traffic, { validatedMs }: CredentialVersion) =>
    rejection !== undefined && rejection.untilMs > monotonicMs() && rejection.validatedMs >= validatedMs;
  const trafficOf = (key: string): Traffic => {
    for (const [other, { running, rejection }] of traffics)
      if (running === 0 && (rejection?.untilMs ?? 0) <= monotonicMs()) traffics.delete(other);
    const traffic = traffics.get(key) ?? { running: 0, isProven: false, first: undefined, rejection: undefined };
    traffics.set(key, traffic);
    return traffic;
  };
  const counted = async <Result>(traffic: Traffic, version: CredentialVersion, run: () => Promise<Result>) => {
    traffic.running += 1;
    const { ended, settle } = outcomeOf(run);
    const result = await ended;
    traffic.running -= 1;
    if (result === 'REJECTED')
      traffic.rejection = { untilMs: monotonicMs() + rejectedHereMs, validatedMs: version.validatedMs };
    // Also before the one that went first has its answer: a slow one would otherwise delay every request that comes meanwhile.
    if (result === 'ACCEPTED') traffic.isProven = true;
    if (result === 'REJECTED' || traffic.running === 0) traffic.isProven = false;
    return { result, settle };
  };
  const goFirst = async <Result>(
    traffic: Traffic,
    version: CredentialVersion,
    run: () => Promise<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> => {
    const first = Promise.withResolvers<TryResult>();
    Object.assign(traffic, { first: first.promise, isProven: false });
    const { result, settle } = await counted(traffic, version, () => shared.run(version, run, signal));
    if (result === 'ACCEPTED') traffic.isProven = true;
    traffic.first = undefined;
    first.resolve(result);
    return settle();
  };
  return {
    ask: (source, ask) =>
      source.registry === null || source.renewLogin !== undefined
        ? ask()
        : shared.ask(versionOf(source.registry, now()), ask),
    async pass(source, scheme, run, signal) {
      const { registry, host } = source;
      // A cloud locks nothing, and its logins are replaced by rules of their own.
      if (registry === null || source.renewLogin !== undefined) return run();
      const version = versionOf(registry, now());
      const traffic = trafficOf(`${registry.id}@${registry.secretVersion} ${host} ${scheme}`);
      const late = createDelay(maxWaitMs);
      try {
        for (;;) {
          if (isRejected(traffic, version)) throw rejected();
          if (traffic.isProven && traffic.running > 0) break;
          if (traffic.first === undefined) return await goFirst(traffic, version, run, signal);
          const result = await orAborted(Promise.race([traffic.first, late.promise]), signal);
          if (result === 'REJECTED') throw rejected();
          if (result !== 'UNKNOWN') break;
        }
      } finally {
        late.end();
      }
      return (await counted(traffic, version, run)).settle();
    },
  };
}

/** A validation of the future comes from a clock that was wrong, and says nothing. */
function versionOf({ id, secretVersion, lastValidation }: Registry, now: Date): CredentialVersion {
  const isValid =
    lastValidation !== null && isSuccess(lastValidation.outcome) && lastValidation.checkedAt <= now.getTime();
  return { registryId: id, secretVersion, validatedMs: isValid ? lastValidation.checkedAt : 0 };
}

function rejected(): UpstreamFailure {
  return new UpstreamFailure('INVALID_CREDENTIALS', {});
}

/** Runs work, and returns what it said about the credential apart from its result. */
function outcomeOf<Result>(run: () => Promise<Result>): { ended: Promise<TryResult>; settle: () => Promise<Result> } {
  const running = run();
  return { ended: running.then(resultOf, resultOf), settle: () => running };
}

function resultOf(ended: unknown): TryResult {
  if (!(ended instanceof Error)) return 'ACCEPTED';
  if (!(ended instanceof UpstreamFailure)) return 'UNKNOWN';
  if (ended.outcome === 'INVALID_CREDENTIALS') return 'REJECTED';
  // The registry accepts it, and refuses the repository.
  return ended.outcome === 'INSUFFICIENT_SCOPE' ? 'ACCEPTED' : 'UNKNOWN';
}

function createDelay(ms: number): { readonly promise: Promise<'LATE'>; end(): void } {
  const { promise, resolve } = Promise.withResolvers<'LATE'>();
  const timer = setTimeout(() => resolve('LATE'), ms);
  return { promise, end: () => clearTimeout(timer) };
}

/** The tries of a credential version, one at a time on all servers. */
interface SharedTries {
  run<Result>(version: CredentialVersion, run: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result>;
  ask(
    version: CredentialVersion,
    ask: () => Promise<UpstreamFailure | undefined>,
  ): Promise<UpstreamFailure | undefined>;
}

function createSharedTries(claims: LoginClaims | undefined): SharedTries {
  /** The registries that this server has claimed. */
  const held = new Set<string>();
  const run: SharedTries['run'] = async (version, work, signal) => {
    // A request that went first asks about the credential too.
    if (claims === undefined || held.has(version.registryId)) return work();
    const claim = randomUUID();
    // A store that fails, which it reports itself, or that is silent keeps no pull from its content: it was only to spare a rejected login.
    const entering = enter(claims, version, claim).catch((): 'UNCLAIMED' => 'UNCLAIMED');
    const giveBack = async (): Promise<void> => {
      if ((await entering) === 'CLAIMED') await claims.settle(version, claim, 'UNKNOWN', 0).catch(leaveToEnd);
    };
    const late = createDelay(maxWaitMs);
    const entered = await orAborted(Promise.race([entering, late.promise]), signal)
      .catch((error: unknown) => {
        void giveBack();
        throw error;
      })
      .finally(() => late.end());
    if (entered === 'REJECTED') throw rejected();
    if (entered === 'LATE') void giveBack();
    if (entered !== 'CLAIMED') return work();
    held.add(version.registryId);
    const outcome = outcomeOf(work);
    const result = await outcome.ended;
    held.delete(version.registryId);
    const settling = claims.settle(version, claim, result, rejectedMs).catch(leaveToEnd);
    // Before this server answers anyone, so that no other one sends the password once more.
    if (result === 'REJECTED') await settling;
    return outcome.settle();
  };
  return {
    run,
    async ask(version, ask) {
      const failed = (): Promise<UpstreamFailure | undefined> =>
        ask().then((failure) => {
          if (failure !== undefined) throw failure;
          return undefined;
        });
      return run(version, failed, undefined).catch((error: unknown) => {
        if (error instanceof UpstreamFailure) return error;
        throw error;
      });
    },
  };
}

/** A claim that could not be ended ends by itself. */
function leaveToEnd(): void {
  return undefined;
}

/** Claims the next try, or waits for the answer of the server that has claimed it. */
async function enter(
  claims: LoginClaims,
  version: CredentialVersion,
  claim: string,
): Promise<'CLAIMED' | 'UNCLAIMED' | 'REJECTED'> {
  const untilMs = performance.now() + maxWaitMs;
  let other = await claims.claim(version, claim, claimMs);
  while (other !== undefined) {
    if (other.isRejected) return 'REJECTED';
    // Another server has tried it in the meantime, and it was accepted.
    if (other.claim === null || performance.now() > untilMs) return 'UNCLAIMED';
    if (other.isHeld) await pause(lookMs);
    const seen = other.claim;
    const now = other.isHeld ? await claims.look(version) : await claims.claim(version, claim, claimMs);
    if (other.isHeld && now !== undefined && now.isHeld && now.claim !== seen && !now.isRejected) return 'UNCLAIMED';
    // A registry that was deleted, or whose password was changed, in the meantime.
    if (other.isHeld && now === undefined) return 'UNCLAIMED';
    other = now;
  }
  return 'CLAIMED';
}
