// The token commands on a server: the same as on the data directory, within what the caller's own token may do.

import { createTokenOperation, requireResult, revokeTokenOperation, tokensOperation, type Token } from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { TokenFacts, TokenRequest } from '../context.ts';
import type { CommandLineSettings } from '../settings.ts';

/** The text of a new token, and the account that it acts in. @param request its account may be left out: the caller's own. */
export async function createTokenOnServer(settings: CommandLineSettings, request: Omit<TokenRequest, 'account'> & { readonly account: string | undefined }): Promise<{ text: string; account: string }> {
  const input = { ...request, expiresAt: request.expiresAt?.toISOString() ?? null };
  const { createToken } = await (await connect(settings)).run(createTokenOperation, { input });
  const { account } = requireResult(createToken.token, createToken);
  return { text: requireResult(createToken.text, createToken), account };
}

export async function listTokensOnServer(settings: CommandLineSettings, account: string | undefined): Promise<TokenFacts[]> {
  const { tokens } = await (await connect(settings)).run(tokensOperation, { account });
  return tokens.map(factsOf);
}

export async function revokeTokenOnServer(settings: CommandLineSettings, id: string): Promise<TokenFacts> {
  const { revokeToken } = await (await connect(settings)).run(revokeTokenOperation, { id });
  return factsOf(requireResult(revokeToken.token, revokeToken));
}

function factsOf(token: Token): TokenFacts {
  const date = (text: string | null): Date | null => (text === null ? null : new Date(text));
  return { ...token, createdAt: new Date(token.createdAt), expiresAt: date(token.expiresAt), revokedAt: date(token.revokedAt), lastUsedAt: date(token.lastUsedAt) };
}
