// Limits failed logins, and them alone. The credential is judged first and a good one always passes: a token has 256 random bits, so there is
// nothing that a lock would protect, and locking by address would let one attacker shut out everybody behind the same proxy. Judging is cheap:
// a mistyped or made-up text fails its checksum without the database, and anything else costs one read by primary key.

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import { type RateLimit, consume } from '../../core/shared/rate-limit.ts';
import type { ClientAddress } from '../http/client-address.ts';
import { type Authenticator, type Authorization, presentedTokenId } from './authenticator.ts';

/** As `Authenticator`, for a request. @throws Problem `RATE_LIMITED` in place of `UNAUTHENTICATED` after too many of these. */
export type RequestAuthenticator = (
  authorization: Authorization,
  request: IncomingMessage,
) => Promise<Principal | undefined>;

export interface FailedLoginLimit {
  /** Failures that one address, and one token id, may have. Share one among all faces. */
  readonly rateLimit: RateLimit;
  readonly clientAddress: ClientAddress;
  readonly now: () => Date;
}

/** Wraps an authenticator. A request without a login, and one with a good login, never count. */
export function limitFailedLogins(
  authenticate: Authenticator,
  { rateLimit, clientAddress, now }: FailedLoginLimit,
): RequestAuthenticator {
  const fail = async (error: unknown, authorization: Authorization, request: IncomingMessage): Promise<never> => {
    // With a reason, it was no guess: the login is genuine and lacks something here, or nobody can tell while its issuer is down, and then no guess logs in.
    if (!(error instanceof Problem) || error.code !== 'UNAUTHENTICATED' || error.reason !== undefined) throw error;
    await consume(rateLimit, `address ${clientAddress(request)}`, now(), tooManyFailures);
    // Many addresses that try one token are one attack. Whether a token of that id exists makes no difference.
    const id = presentedTokenId(authorization);
    if (id !== undefined) await consume(rateLimit, `token ${id}`, now(), tooManyFailures);
    throw error;
  };
  return (authorization, request) =>
    authenticate(authorization).catch((error: unknown) => fail(error, authorization, request));
}

const tooManyFailures = 'The login failed, as too many before it. A valid API token is taken at any time.';
