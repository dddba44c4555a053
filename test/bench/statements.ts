// The product's statements as plain SQL, for seeding and for the servers that it is compared with.

import type { Registry } from '../../src/core/registry/registry.ts';

const columns = `id, account, registry, host, repository, name, type, username, secure_connection, trusted_realm, probe_repository,
  last_validation, version, secret_version, created_at, updated_at`;

/** A registry as the statements read it. */
export interface RegistryRow {
  readonly id: string;
  readonly account: string;
  readonly registry: string;
  readonly host: string;
  readonly repository: string | null;
  readonly name: string;
  readonly type: string;
  readonly username: string;
  readonly secure_connection: 0 | 1;
  readonly trusted_realm: string | null;
  readonly probe_repository: string | null;
  readonly last_validation: string | null;
  readonly version: number;
  readonly secret_version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export const registryByPattern = `SELECT ${columns} FROM registry WHERE account = ? AND registry = ?`;

/** The second value is a JSON list of texts. */
export const registriesByPatterns = `SELECT ${columns} FROM registry WHERE account = ? AND registry IN (SELECT value FROM json_each(?))`;

export const registryPage = `SELECT ${columns} FROM registry WHERE account = ? AND registry > ? ORDER BY registry LIMIT ?`;

export const insertRegistry = `INSERT INTO registry (${columns}, outcome, sealed) VALUES (@id, @account, @registry, @host, @repository, @name, @type,
  @username, @secure_connection, @trusted_realm, @probe_repository, @last_validation, @version, @secret_version, @created_at, @updated_at, @outcome, @sealed)`;

/** Events beside the product's chain: their numbers lie far above its own. */
export const insertAuditEvent = `INSERT INTO audit_event (seq, at, actor, account, action, target, target_text, outcome, request_id)
  VALUES (@seq, @at, @actor, @account, @action, @target, @target_text, @outcome, @request_id)`;

/** The values of `insertRegistry`. */
export function registryRow(
  registry: Registry,
  sealed: Uint8Array,
): RegistryRow & { outcome: string | null; sealed: Uint8Array } {
  return {
    id: registry.id,
    account: registry.account,
    registry: registry.registry,
    host: registry.host,
    repository: registry.repository,
    name: registry.name,
    type: registry.type,
    username: registry.username,
    secure_connection: registry.secureConnection ? 1 : 0,
    trusted_realm: registry.trustedRealm,
    probe_repository: registry.probeRepository,
    last_validation: registry.lastValidation === null ? null : JSON.stringify(registry.lastValidation),
    version: registry.version,
    secret_version: registry.secretVersion,
    created_at: registry.createdAt.getTime(),
    updated_at: registry.updatedAt.getTime(),
    outcome: registry.lastValidation?.outcome ?? null,
    sealed,
  };
}
