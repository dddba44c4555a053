// Creates, lists, and revokes API tokens directly on the data directory.

import { randomUUID } from 'node:crypto';
import type { StoredToken } from '../../core/accounts/store.ts';
import type { Role } from '../../core/authz/principal.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { issueToken, revokeToken } from '../../server/auth/token-issuer.ts';
import type { Config } from '../config.ts';
import { now, onData } from '../wiring/store.ts';

/** The properties of a new API token; `images` is null without an image limit, `expiresAt` is null if it never expires. */
export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** Creates an API token and returns its value; a server may be running. @throws Problem like `issueToken`. */
export async function createToken(config: Config, request: TokenRequest): Promise<Secret> {
  return await onData(
    config,
    async ({ access }) => (await issueToken({ access, now, ...request, actor: 'cli', requestId: randomUUID() })).text,
  );
}

/** Returns the tokens of one account, or of all accounts if undefined. */
export async function listTokens(config: Config, account: string | undefined): Promise<StoredToken[]> {
  return await onData(config, ({ access }) => access.listTokens(account));
}

/** Revokes a token; a running server rejects it from the next request on. @throws Problem like `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  return await onData(config, ({ access }) => revokeToken({ access, now, id, actor: 'cli', requestId: randomUUID() }));
}
