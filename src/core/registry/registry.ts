// The registry: a stored credential configuration, and what binds its password to the place it may go to.

import type { ValidationReport } from './report.ts';

export const registryTypes = ['DOCKER_V2', 'AWSECR', 'GCR', 'ACR'] as const;
export type RegistryType = (typeof registryTypes)[number];

/** One stored configuration. It has no password: the sealed secret is kept beside it and read only to be used. */
export interface Registry {
  /** `reg_` and 32 hex digits. */
  readonly id: string;
  /** Name of the account that owns it. */
  readonly account: string;
  /** Canonical text, unique in the account: `docker.io/anchore/*`. */
  readonly registry: string;
  /** `host[:port]`, canonical. */
  readonly host: string;
  /** `anchore/*`, `a/b`, or null for the whole host. */
  readonly repository: string | null;
  readonly name: string;
  readonly type: RegistryType;
  readonly username: string;
  /** Whether TLS certificates are verified. */
  readonly secureConnection: boolean;
  /** `host[:port]` that may receive this credential besides the registry itself. */
  readonly trustedRealm: string | null;
  /** A repository that validation asks for when the text names none, such as `anchore/grype`. */
  readonly probeRepository: string | null;
  readonly lastValidation: ValidationReport | null;
  /** Rises by one with every update; a later writer with an old version gets `CONFLICT`. */
  readonly version: number;
  /** Rises by one with every new password. */
  readonly secretVersion: number;
  /** Since when a password waits that the registry did not take yet; null when none does. */
  readonly pendingSince: Date | null;
  /** Until when the password before this one is tried when the registry refuses this one; null when there is none. */
  readonly previousUsableUntil: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const idPattern = /^reg_[0-9a-f]{32}$/;

/** Whether a text can be a registry's id at all; anything else is not asked of the store. */
export function isRegistryId(text: string): boolean {
  return idPattern.test(text);
}

/** Where a password stands: `CURRENT` is used; the others wait for the registry to refuse it. */
export const secretSlots = ['CURRENT', 'PENDING', 'PREVIOUS'] as const;
export type SecretSlot = (typeof secretSlots)[number];

/** What a sealed password is bound to. Any part changed behind our back makes it unreadable. */
export interface SecretBinding {
  /** Bound so that nobody who can write the database makes an old password the current one. */
  readonly slot: SecretSlot;
  readonly account: string;
  readonly id: string;
  readonly registry: string;
  /** Bound beside the text that it comes from, because it is what gets dialled. */
  readonly host: string;
  readonly repository: string | null;
  readonly type: RegistryType;
  readonly username: string;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly secretVersion: number;
}

/** The binding of a registry's password, as the seal takes it. */
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

interface Suggestion {
  readonly type: RegistryType;
  /** The service, as people call it. */
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

/** The suggestion for a registry text as it is typed; null when its host suggests nothing. */
export function suggestType(registryText: string): Suggestion | null {
  const host = registryText.trim().toLowerCase().split(/[/:]/, 1)[0] ?? '';
  return hostPatterns.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}
