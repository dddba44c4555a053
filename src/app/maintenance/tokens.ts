// API tokens made, listed and revoked without a server.

import { randomUUID } from 'node:crypto';
import type { StoredToken } from '../../core/accounts/store.ts';
import type { Role } from '../../core/authz/principal.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { issueToken, revokeToken } from '../../server/auth/token-issuer.ts';
import type { Config } from '../config.ts';
import { now, onData } from '../wiring/store.ts';

export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** Makes an API token on the data directory, whether or not a server runs on it. @throws Problem as `issueToken`. */
export async function createToken(config: Config, request: TokenRequest): Promise<Secret> {
  return await onData(
    config,
    async ({ access }) => (await issueToken({ access, now, ...request, actor: 'cli', requestId: randomUUID() })).text,
  );
}

/** The tokens of one account, or of all, as they stand on the data directory. */
export async function listTokens(config: Config, account: string | undefined): Promise<StoredToken[]> {
  return await onData(config, ({ access }) => access.listTokens(account));
}

/** Ends a token on the data directory; a server that runs on it refuses the next request. @throws Problem as `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  return await onData(config, ({ access }) => revokeToken({ access, now, id, actor: 'cli', requestId: randomUUID() }));
}
