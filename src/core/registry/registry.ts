// Defines the registry, a stored credential, and the binding of its password to the only destination it is sent to.

import type { ValidationReport } from './report.ts';

/** The kinds of registry: any V2 registry, or a cloud whose logins are issued from the stored credential. */
export const registryTypes = ['DOCKER_V2', 'AWSECR', 'GCR', 'ACR'] as const;
export type RegistryType = (typeof registryTypes)[number];

/** A stored registry credential. Contains no password: the sealed one is stored next to it and read only when used. */
export interface Registry {
  /** `reg_` and 32 hex digits. */
  readonly id: string;
  /** The name of the account that owns it. */
  readonly account: string;
  /** The registry pattern, canonical and unique in the account: `docker.io/anchore/*`. */
  readonly registry: string;
  /** `host[:port]`, canonical. */
  readonly host: string;
  /** `anchore/*`, `a/b`, or null for the whole host. */
  readonly repository: string | null;
  /** The display name. */
  readonly name: string;
  readonly type: RegistryType;
  readonly username: string;
  /** Whether to verify TLS certificates. */
  readonly secureConnection: boolean;
  /** The `host[:port]` that may receive this credential in addition to the registry itself; null for none. */
  readonly trustedRealm: string | null;
  /** A repository that validation requests if the pattern names none, such as `anchore/grype`; null for none. */
  readonly probeRepository: string | null;
  readonly lastValidation: ValidationReport | null;
  /** Increases by one with every update. A writer with an old version gets `CONFLICT`. */
  readonly version: number;
  /** Increases by one with every new password. */
  readonly secretVersion: number;
  /** When the pending password was stored; null if there is none. */
  readonly pendingSince: Date | null;
  /** Until when the previous password is tried if the registry rejects the current one; null if none is stored. */
  readonly previousUsableUntil: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const idPattern = /^reg_[0-9a-f]{32}$/;

/** Returns whether a text has the form of a registry ID. Any other text is not looked up. */
export function isRegistryId(text: string): boolean {
  return idPattern.test(text);
}

/** The slots of a registry's passwords: pulls use `CURRENT`; the others are tried when the registry rejects it. */
export const secretSlots = ['CURRENT', 'PENDING', 'PREVIOUS'] as const;
export type SecretSlot = (typeof secretSlots)[number];

/** The properties that a sealed password is bound to. A change of any of them outside Regway makes it unreadable. */
export interface SecretBinding {
  /** Bound so that write access to the database is not enough to make an old password the current one. */
  readonly slot: SecretSlot;
  readonly account: string;
  readonly id: string;
  readonly registry: string;
  /** Bound in addition to the pattern, because it is what gets dialed. */
  readonly host: string;
  readonly repository: string | null;
  readonly type: RegistryType;
  readonly username: string;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly secretVersion: number;
}

/** Returns the binding of a registry's password. The slot defaults to `CURRENT`. */
export function secretBinding(registry: Registry, slot: SecretSlot = 'CURRENT'): SecretBinding {
  const { account, id, host, repository, type, username, secureConnection, trustedRealm, secretVersion } = registry;
  return {
    slot,
    account,
    id,
    registry: registry.registry,
    host,
    repository,
    type,
    username,
    secureConnection,
    trustedRealm,
    secretVersion,
  };
}

/** The type that a host suggests. */
interface Suggestion {
  readonly type: RegistryType;
  /** The usual name of the service. */
  readonly service: string;
}

/** Anchored, so that a look-alike such as `….amazonaws.com.evil.net` suggests nothing. */
const hostPatterns: readonly (readonly [RegExp, Suggestion])[] = [
  [
    /^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.(com|com\.cn|eu)|on\.aws|on\.amazonwebservices\.com\.cn)$/,
    { type: 'AWSECR', service: 'Amazon ECR' },
  ],
  [/^((us|eu|asia)\.)?gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$/, { type: 'GCR', service: 'Google Artifact Registry' }],
  [/^[a-z0-9]{5,50}(-[a-z0-9]+)?\.azurecr\.(io|cn|us)$/, { type: 'ACR', service: 'Azure Container Registry' }],
];

/** Returns the type that the host of a registry pattern suggests, also of an incomplete one, or null for none. */
export function suggestType(pattern: string): Suggestion | null {
  const host = pattern.trim().toLowerCase().split(/[/:]/, 1)[0] ?? '';
  return hostPatterns.find(([hosts]) => hosts.test(host))?.[1] ?? null;
}
