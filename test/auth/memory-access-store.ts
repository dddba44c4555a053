// Tokens in memory, for tests of logging in: it keeps what a database would keep and counts the reads.

import type { AuditEvent } from '../../src/core/audit.ts';
import type { AccessStore, StoredToken } from '../../src/core/ports.ts';

export interface MemoryAccessStore extends AccessStore {
  readonly tokens: Map<string, StoredToken>;
  readonly events: AuditEvent[];
  readonly accounts: Set<string>;
  reads: number;
}

/** A store without tokens that knows the accounts `admin` and `anchore`. */
export function memoryAccessStore(): MemoryAccessStore {
  return {
    tokens: new Map(),
    events: [],
    accounts: new Set(['admin', 'anchore']),
    reads: 0,
    async tokenById(id) {
      this.reads += 1;
      return this.tokens.get(id);
    },
    async insertToken(token, event) {
      this.tokens.set(token.id, token);
      this.events.push(event);
    },
    async hasNoTokens() {
      this.reads += 1;
      return this.tokens.size === 0;
    },
    async insertFirstToken(token, event) {
      if (this.tokens.size > 0) {
        return false;
      }
      await this.insertToken(token, event);
      return true;
    },
    async accountExists(name) {
      this.reads += 1;
      return this.accounts.has(name);
    },
    async listTokens(account) {
      return [...this.tokens.values()].filter((token) => account === undefined || token.account === account);
    },
    async revokeToken(id, at, event) {
      const token = this.tokens.get(id);
      if (token === undefined || token.revokedAt !== null) {
        return false;
      }
      this.tokens.set(id, { ...token, revokedAt: at });
      this.events.push(event);
      return true;
    },
  };
}
