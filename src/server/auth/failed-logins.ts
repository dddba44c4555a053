// Limits failed logins only. The credential is verified first, and a valid one always passes: a token has 256 random bits, so a lock would protect
// nothing, and a lock by address would let one attacker lock out every client behind the same proxy. Verification is cheap: a mistyped or made-up
// text fails its checksum without the database, and any other costs one read by primary key.

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import { type RateLimit, consume } from '../../core/shared/rate-limit.ts';
import type { ClientAddress } from '../http/proxies/client-address.ts';
import { type Authenticator, type Authorization, presentedTokenId } from './authenticator.ts';

/**
 * Resolves a header to its principal like `Authenticator`, or undefined without a header.
 * @throws Problem `UNAUTHENTICATED` if the header does not authenticate; `RATE_LIMITED` instead after too many of these.
 */
export type RequestAuthenticator = (
  authorization: Authorization,
  request: IncomingMessage,
) => Promise<Principal | undefined>;

/** The limit and how it identifies a client. */
export interface FailedLoginLimit {
  /** Failures per address and per token ID. All APIs share one. */
  readonly rateLimit: RateLimit;
  readonly clientAddress: ClientAddress;
  readonly now: () => Date;
}

/** Adds the limit to an authenticator. A request without credentials or with valid ones never counts. */
export function limitFailedLogins(
  authenticate: Authenticator,
  { rateLimit, clientAddress, now }: FailedLoginLimit,
): RequestAuthenticator {
  const fail = async (error: unknown, authorization: Authorization, request: IncomingMessage): Promise<never> => {
    // An error with a reason is not a guess: the login is genuine but has no account here, or its issuer is down, and then no guess authenticates.
    if (!(error instanceof Problem) || error.code !== 'UNAUTHENTICATED' || error.reason !== undefined) throw error;
    await consume(rateLimit, `address ${clientAddress(request)}`, now(), tooManyFailures);
    // Many addresses that try one token are one attack. It makes no difference whether a token with that ID exists.
    const id = presentedTokenId(authorization);
    if (id !== undefined) await consume(rateLimit, `token ${id}`, now(), tooManyFailures);
    throw error;
  };
  return (authorization, request) =>
    authenticate(authorization).catch((error: unknown) => fail(error, authorization, request));
}

const tooManyFailures = 'Too many failed logins. A valid API token is accepted at any time.';
