// Requests upstream tokens for exactly one repository and the action `pull`, caches them, and replaces one that the registry refuses.
// https://distribution.github.io/distribution/spec/auth/token/

import type { PullSource } from '../../core/pulls/pull.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { type BearerLogin, requestSessionToken } from '../login/login.ts';
import { tokenRefusal } from '../login/refusal.ts';
import { expiryOf, pullScope } from '../login/token.ts';
import type { CredentialVerdicts } from './credential-verdict.ts';
import { type Handshake, keyOf } from './handshake.ts';
import { openPullSession, type PullContext } from './request.ts';
import { createSingleFlightCache, type Fresh } from './single-flight-cache.ts';

export interface CachedToken {
  readonly token: Secret;
  /** When it was received, in monotonic milliseconds. */
  readonly receivedMs: number;
  /** Milliseconds from then until the token ends, as the token server says. */
  readonly lifeMs: number;
  /** When the token server says that the token ends, in epoch milliseconds. */
  readonly expiresMs: number;
}

/** A token, and whether it was got for an earlier request. */
export interface HeldToken {
  readonly key: string;
  readonly value: CachedToken;
  readonly wasCached: boolean;
}

export interface TokenCache {
  /** Returns a token for the repository of the source. @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `LOGIN_REQUIRED`, or as `PullSource.credential`. */
  get(source: PullSource, handshake: Handshake, login: BearerLogin): Promise<HeldToken>;
  /**
   * Drops a refused token that was got for an earlier request, at most once in 30 seconds for each credential and repository, or whenever its
   * stated life is over.
   * Returns whether `get` now returns another one.
   */
  replace(source: PullSource, refused: HeldToken): boolean;
  /** Drops a token whose life is half over. Returns whether `get` now returns another one. */
  dropAged(held: HeldToken): boolean;
  dropWhere(isDropped: (key: string) => boolean): void;
}

/** Entries of about 4 KiB each. */
export const maxTokens = 4_000;

/** Milliseconds before its end at which a token is replaced, at most a fifth of its lifetime, so that none expires on its way. */
const refreshMarginMs = 30_000;

/** Milliseconds between two replacements of a refused token: a right granted meanwhile counts soon, and refused pulls request few tokens. */
const replacementPauseMs = 30_000;

/** Creates an empty cache. */
export function createTokenCache(context: PullContext, verdicts: CredentialVerdicts): TokenCache {
  const { monotonicMs } = context;
  const tokens = createSingleFlightCache<CachedToken>(maxTokens, monotonicMs);
  const replacements = createSingleFlightCache<HeldToken>(maxTokens, monotonicMs);
  return {
    async get(source, handshake, login) {
      const scope = pullScope(source.repository);
      const key = [keyOf(source), handshake.endpoint.origin, login.realm.href, login.service ?? '', scope].join(' ');
      const load = () => fetchToken({ context, verdicts }, source, handshake, login);
      const found = await tokens.get(key, () => context.gate.pass(source, 'bearer', load));
      context.settings.observer?.observeTokenLookup(found.wasCached);
      return { key, ...found };
    },
    replace(source, refused) {
      if (!refused.wasCached) return false;
      // Another pull was first, and its token is there or on its way.
      if (tokens.peek(refused.key) !== refused.value) return true;
      const key = `${keyOf(source)} ${source.repository}`;
      // A token that has ended by what its server said is no right that was refused. It was cached for longer, as every client does.
      if (monotonicMs() < refused.value.receivedMs + refused.value.lifeMs) {
        if (replacements.peek(key) !== undefined) return false;
        replacements.set(key, { value: refused, lifetimeMs: replacementPauseMs });
      }
      tokens.drop(refused.key, refused.value);
      return true;
    },
    dropAged({ key, value, wasCached }) {
      if (!wasCached || monotonicMs() <= value.receivedMs + value.lifeMs / 2) return false;
      tokens.drop(key, value);
      return true;
    },
    dropWhere: (isDropped) => tokens.dropWhere(isDropped),
  };
}

async function fetchToken(
  { context, verdicts }: { readonly context: PullContext; readonly verdicts: CredentialVerdicts },
  source: PullSource,
  handshake: Handshake,
  login: BearerLogin,
): Promise<Fresh<CachedToken>> {
  const credential = await source.credential?.();
  const session = openPullSession(context, source, credential);
  const reply = await requestSessionToken(session, login, pullScope(source.repository), credential);
  if (!reply.granted) {
    const { status } = reply.response;
    const refusal = tokenRefusal(session, reply.response, login.realm, true);
    if (source.registry === null && (status === 401 || status === 403)) throw loginRequired(source);
    if (refusal.outcome !== 'INSUFFICIENT_SCOPE') throw refusal;
    throw (await verdicts.failureOf(source, handshake, login)) ?? refusal;
  }
  const { token, expiresInSeconds, statedSeconds } = reply.token;
  const nowMs = context.settings.now().getTime();
  const usableMs = expiryOf(reply.token, expiresInSeconds, nowMs) - nowMs;
  const expiresMs = expiryOf(reply.token, statedSeconds, nowMs);
  return {
    value: { token, receivedMs: context.monotonicMs(), lifeMs: expiresMs - nowMs, expiresMs },
    lifetimeMs: usableMs - Math.min(refreshMarginMs, usableMs / 5),
  };
}

/** Returns the problem of an anonymous pull that the registry refuses. */
export function loginRequired({ host, repository }: PullSource): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `${host} does not allow anonymous clients to ${repository === null ? 'read its catalog' : `pull ${repository}`}, and no registry in Regway covers it. Add a registry for it.`,
    {
      reason: 'LOGIN_REQUIRED',
    },
  );
}
