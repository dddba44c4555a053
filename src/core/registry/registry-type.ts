// Which type the host of a registry suggests. It is shown to a person and never set for one: a type decides where a secret goes.

import type { RegistryType } from './registry.ts';

interface Suggestion {
  readonly type: RegistryType;
  /** The service, as people call it. */
  readonly service: string;
}

/** Anchored, so that a look-alike such as `….amazonaws.com.evil.net` suggests nothing. */
const hostPatterns: readonly (readonly [RegExp, Suggestion])[] = [
  [/^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.(com|com\.cn|eu)|on\.aws|on\.amazonwebservices\.com\.cn)$/, { type: 'AWSECR', service: 'Amazon ECR' }],
  [/^((us|eu|asia)\.)?gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$/, { type: 'GCR', service: 'Google Artifact Registry' }],
  [/^[a-z0-9]{5,50}(-[a-z0-9]+)?\.azurecr\.(io|cn|us)$/, { type: 'ACR', service: 'Azure Container Registry' }],
];

/** The suggestion for a registry text as it is typed; null when its host suggests nothing. */
export function suggestType(registryText: string): Suggestion | null {
  const host = registryText.trim().toLowerCase().split(/[/:]/, 1)[0] ?? '';
  return hostPatterns.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}
