// Mints upstream tokens for clients: exactly one repository and the action `pull`, from the cache that the pull endpoint uses.

import type { PullSource, PullToken } from '../../core/ports.ts';
import type { PullAccess, PullAccesses } from './access.ts';
import { ask, repositoryUrl } from '../login/session.ts';
import { converse } from './tools.ts';
import type { PullTools } from './tools.ts';

/**
 * A token, or undefined when the registry has none to give: it takes Basic, or asks for no login.
 * @throws as `PullAccesses`
 */
export async function mintToken(tools: PullTools, accesses: PullAccesses, source: PullSource): Promise<PullToken | undefined> {
  const handshake = await accesses.greet(source);
  if (handshake.login?.scheme === 'basic') return undefined;
  const access = await accesses.enter(source, handshake);
  const { token } = access.handshake.login === undefined ? await askRepository(tools, accesses, source, access) : access;
  return token && { token: token.value.token, expiresAt: new Date(token.value.expiresMs) };
}

/** A registry that is open at `/v2/` may still want a login for the repository. */
async function askRepository(tools: PullTools, accesses: PullAccesses, source: PullSource, access: PullAccess): Promise<PullAccess> {
  const { status, headers } = await ask(converse(tools, source, undefined), repositoryUrl(access.handshake.endpoint, source.repository));
  return status === 401 ? accesses.reenter(source, access, headers['www-authenticate']) : access;
}
