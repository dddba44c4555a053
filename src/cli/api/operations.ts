// The GraphQL operations of the command line and the types of their results. A test validates them against the schema.

import type { AdviceFields } from '../../core/registry/advice.ts';
import type { RegistryType } from '../../core/registry/registry.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { ValidationOutcome, ValidationStep } from '../../core/registry/report.ts';

/** A GraphQL document, with the types of its variables and result. */
export interface Operation<Data, Variables extends object> {
  readonly document: string;
  /** Never set; ties the types to the document. */
  readonly types?: (variables: Variables) => Data;
}

export interface Report {
  readonly outcome: ValidationOutcome;
  readonly valid: boolean;
  readonly message: string;
  readonly hint: string | null;
  /** Empty if there is nothing to do, and in reports from before advice was data. */
  readonly advice: readonly (AdviceFields & { readonly message: string })[];
  readonly retryable: boolean;
  readonly retryAfter: string | null;
  readonly realmHost: string | null;
  readonly checkedAt: string;
  readonly durationMs: number;
  readonly steps: readonly ValidationStep[];
}

export interface Registry {
  readonly id: string;
  readonly registry: string;
  readonly host: string;
  readonly repository: string | null;
  readonly name: string;
  readonly type: RegistryType;
  readonly username: string;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly probeRepository: string | null;
  /** When the pending password was stored; null if there is none. */
  readonly pendingSince: string | null;
  /** Until when the previous password may be used; null if none is kept. */
  readonly previousUsableUntil: string | null;
  readonly lastValidation: Report | null;
  readonly account: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface PayloadError {
  readonly code: string;
  readonly reason: string | null;
  readonly message: string;
  readonly field: readonly string[] | null;
  readonly retryAfter: string | null;
}

export interface Payload {
  readonly registry?: Registry | null;
  readonly validation?: Report | null;
  readonly errors: readonly PayloadError[];
}

export interface CreateInput {
  readonly registry: string;
  readonly type?: RegistryType | undefined;
  readonly username: string;
  readonly password: Secret;
  readonly name?: string | undefined;
  readonly trustedRealm?: string | undefined;
  readonly probeRepository?: string | undefined;
  readonly account?: string | undefined;
}

export type Rotation = 'REPLACE' | 'PENDING';

export interface UpdateInput {
  readonly type?: RegistryType | undefined;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly rotation?: Rotation | undefined;
  readonly name?: string | null | undefined;
  readonly trustedRealm?: string | null | undefined;
  readonly probeRepository?: string | null | undefined;
}

export interface Filter {
  readonly search?: string | undefined;
  readonly host?: string | undefined;
  readonly type?: RegistryType | undefined;
}

export interface Principal {
  readonly subject: string;
  readonly account: string;
  readonly role: string;
  readonly expiresAt: string | null;
}

export interface Candidate {
  readonly registry: Registry;
  readonly matched: boolean;
  readonly reason: string;
}

export interface Image {
  readonly reference: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly registry: Registry | null;
  readonly candidates: readonly Candidate[];
}

export interface Page {
  readonly nodes: readonly Registry[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

interface CheckSettings {
  readonly secureConnection?: boolean | undefined;
  readonly validate?: boolean | undefined;
}

/** Page size: the maximum that the server returns. */
const pageSize = 100;

const report =
  'fragment Report on ValidationReport { outcome valid message hint advice { kind message host repository type setting until names action provider } retryable retryAfter realmHost checkedAt durationMs steps { kind status message durationMs } }';
const registry = `fragment Entry on Registry { id registry host repository name type username secureConnection trustedRealm probeRepository pendingSince previousUsableUntil account createdAt updatedAt lastValidation { ...Report } } ${report}`;
const errors = 'errors { code reason message field retryAfter }';
const changed = `registry { ...Entry } validation { ...Report } ${errors}`;

export const principalOperation: Operation<{ principal: Principal }, object> = {
  document: 'query Principal { principal { subject account role expiresAt } }',
};

export const listOperation: Operation<
  { registries: Page },
  { account?: string | undefined; filter?: Filter; after: string | null }
> = {
  document: `query List($account: String, $filter: RegistryFilter, $after: String) {
    registries(first: ${pageSize}, after: $after, filter: $filter, account: $account) { nodes { ...Entry } pageInfo { hasNextPage endCursor } } } ${registry}`,
};

export const getOperation: Operation<
  { registry: Registry | null },
  { id?: string; registry?: string; account?: string | undefined }
> = {
  document: `query Get($id: ID, $registry: String, $account: String) { registry(id: $id, registry: $registry, account: $account) { ...Entry } } ${registry}`,
};

export const createOperation: Operation<{ createRegistry: Payload }, CheckSettings & { input: CreateInput }> = {
  document: `mutation Create($input: CreateRegistryInput!, $secureConnection: Boolean! = true, $validate: Boolean! = true) {
    createRegistry(input: $input, secureConnection: $secureConnection, validate: $validate) { ${changed} } } ${registry}`,
};

export const updateOperation: Operation<
  { updateRegistry: Payload },
  CheckSettings & { id: string; input: UpdateInput }
> = {
  document: `mutation Update($id: ID!, $input: UpdateRegistryInput!, $secureConnection: Boolean! = true, $validate: Boolean! = true) {
    updateRegistry(id: $id, input: $input, secureConnection: $secureConnection, validate: $validate) { ${changed} } } ${registry}`,
};

export const deleteOperation: Operation<{ deleteRegistry: Payload & { deletedId: string | null } }, { id: string }> = {
  document: `mutation Delete($id: ID!) { deleteRegistry(id: $id) { deletedId ${errors} } }`,
};

export const validateOperation: Operation<{ validateRegistry: Payload }, { id: string }> = {
  document: `mutation Validate($id: ID!) { validateRegistry(id: $id) { ${changed} } } ${registry}`,
};

export const checkOperation: Operation<{ checkRegistry: Payload }, CheckSettings & { input: CreateInput }> = {
  document: `mutation Check($input: CreateRegistryInput!, $secureConnection: Boolean! = true) {
    checkRegistry(input: $input, secureConnection: $secureConnection) { validation { ...Report } ${errors} } } ${report}`,
};

export const checkStepsOperation: Operation<
  { registryCheck: { step: ValidationStep | null; report: Report | null } },
  CheckSettings & { input: CreateInput }
> = {
  document: `subscription CheckSteps($input: CreateRegistryInput!, $secureConnection: Boolean! = true) {
    registryCheck(input: $input, secureConnection: $secureConnection) { step { kind status message durationMs } report { ...Report } } } ${report}`,
};

export const imageOperation: Operation<{ image: Image }, { reference: string; account?: string | undefined }> = {
  document: `query Image($reference: String!, $account: String) { image(reference: $reference, account: $account) {
    reference host repository tag digest registry { ...Entry } candidates { registry { ...Entry } matched reason } } } ${registry}`,
};
