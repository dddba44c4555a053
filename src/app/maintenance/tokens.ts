// Creates, lists, and revokes API tokens directly on the data directory.

import { randomUUID } from 'node:crypto';
import type { StoredToken } from '../../core/accounts/store.ts';
import { tokenList } from '../../core/accounts/tokens.ts';
import type { Role } from '../../core/authz/principal.ts';
import { maxPageSize } from '../../core/shared/input.ts';
import { type Page, readPage } from '../../core/shared/page.ts';
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

/** The tokens that a list contains. */
export interface TokenSelection {
  /** Undefined for all accounts. */
  readonly account: string | undefined;
  /** Whether revoked and expired tokens are included. */
  readonly includeInactive: boolean;
}

/** Returns the selected tokens, oldest first. */
export async function listTokens(
  config: Config,
  { account, includeInactive }: TokenSelection,
): Promise<readonly StoredToken[]> {
  return await onData(config, async ({ access }) => {
    const list = tokenList(access, { account, activeAt: includeInactive ? undefined : now() });
    const tokens: StoredToken[] = [];
    for (let after: string | null = null; ;) {
      const page: Page<StoredToken> = await readPage(list, { first: maxPageSize, after });
      tokens.push(...page.nodes);
      const last = page.nodes.at(-1);
      if (!page.hasNextPage || last === undefined) return tokens;
      after = page.cursorOf(last);
    }
  });
}

/** Revokes a token; a running server rejects it from the next request on. @throws Problem like `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  return await onData(config, ({ access }) => revokeToken({ access, now, id, actor: 'cli', requestId: randomUUID() }));
}
