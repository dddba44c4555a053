// Builds Authorization header values. They are secrets like the passwords in them.

import { Problem } from '../../core/shared/problem.ts';
import type { Credential } from '../../core/ports.ts';
import { Secret } from '../../core/shared/secret.ts';

/**
 * `Basic` with the credential in UTF-8 (RFC 7617).
 * @throws Problem `INVALID_INPUT` for a user name that Basic cannot carry (§2), before anything is sent.
 */
export function basicAuthorization({ username, password }: Credential): Secret {
  if (/[:\p{Cc}]/u.test(username)) {
    throw new Problem('INVALID_INPUT', 'A username for a registry holds no ":" and no control characters.', { field: ['username'] });
  }
  return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64')}`);
}

/** `Bearer` with a token (RFC 6750 §2.1). */
export function bearerAuthorization(token: Secret): Secret {
  return new Secret(`Bearer ${token.reveal()}`);
}
