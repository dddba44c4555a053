// Tokens in memory, for tests of logging in: it keeps what a database would keep and counts the reads.

import type { AccessStore, StoredToken } from '../../../src/core/accounts/store.ts';
import type { AuditEvent } from '../../../src/core/audit/event.ts';

export interface MemoryAccessStore extends AccessStore {
  readonly tokens: Map<string, StoredToken>;
  readonly events: AuditEvent[];
  readonly accounts: Set<string>;
  readonly disabled: Set<string>;
  reads: number;
}

/** A store without tokens that knows the accounts `admin` and `anchore`. */
export function memoryAccessStore(): MemoryAccessStore {
  return {
    tokens: new Map(),
    events: [],
    accounts: new Set(['admin', 'anchore']),
    disabled: new Set(),
    reads: 0,
    async tokenById(id) {
      this.reads += 1;
      return this.tokens.get(id);
    },
    async usableTokenById(id) {
      return this.disabled.has(this.tokens.get(id)?.account ?? '') ? undefined : await this.tokenById(id);
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
      await this.insertToken(token, event, 1);
      return true;
    },
    async accountExists(name) {
      this.reads += 1;
      return this.accounts.has(name);
    },
    async accountByName(name) {
      return this.accounts.has(name)
        ? { name, createdAt: new Date(0), disabledAt: this.disabled.has(name) ? new Date(0) : null }
        : undefined;
    },
    async listAccounts() {
      return (await Promise.all([...this.accounts].toSorted().map((name) => this.accountByName(name)))).flatMap(
        (account) => account ?? [],
      );
    },
    async insertAccount({ name }, event) {
      this.accounts.add(name);
      this.events.push(event);
    },
    async disableAccount(name) {
      this.disabled.add(name);
      return true;
    },
    async enableAccount(name) {
      return this.disabled.delete(name);
    },
    async noteTokenUses(uses) {
      for (const [id, lastUsedAt] of uses) {
        const token = this.tokens.get(id);
        if (token !== undefined) this.tokens.set(id, { ...token, lastUsedAt });
      }
    },
    async listTokens({ account }) {
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
