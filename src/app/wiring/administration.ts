// The wiring of accounts, tokens and the audit trail.

import { issueToken, revokeToken } from '../../server/auth/authenticator.ts';
import { createAccounts, type Accounts } from '../../core/accounts/accounts.ts';
import { createAuditReading, type AuditReading } from '../../core/audit/trail.ts';
import { createTokens, type TokenIssuer, type Tokens } from '../../core/accounts/tokens.ts';
import type { Store } from '../../database/store.ts';

export interface Administration {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly auditReading: AuditReading;
}

/** @param now the clock of token expiry and of events. */
export function createAdministration({ access, audit }: Pick<Store, 'access' | 'audit'>, now: () => Date): Administration {
  const issuer: TokenIssuer = {
    issue: (request) => issueToken({ access, now, ...request }),
    revoke: (request) => revokeToken({ access, now, ...request }),
  };
  return { accounts: createAccounts({ access, now }), tokens: createTokens({ access, issuer, now }), auditReading: createAuditReading({ audit, access }) };
}
