// The operations of the GraphQL contract as a caller writes them, each giving the typed payload of its one field.

import { createClient } from 'graphql-sse';
import type { RegwayServer } from './server.ts';

export interface Report {
  readonly outcome: string;
  readonly valid: boolean;
  readonly message: string;
  readonly hint: string | null;
  readonly retryable: boolean;
  readonly realmHost: string | null;
  readonly checkedAt: string;
  readonly durationMs: number;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly kind: string;
  readonly status: string;
  readonly message: string;
  readonly durationMs: number;
}

export interface RegistryNode {
  readonly id: string;
  readonly registry: string;
  readonly host: string;
  readonly repository: string | null;
  readonly name: string;
  readonly type: string;
  readonly username: string;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly account: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastValidation: Report | null;
}

export interface Payload {
  readonly registry: RegistryNode | null;
  readonly validation: Report | null;
  readonly errors: readonly {
    readonly code: string;
    readonly reason: string | null;
    readonly message: string;
    readonly field: readonly string[] | null;
  }[];
}

export interface RegistryInput {
  /** Of an update. */
  readonly rotation?: 'REPLACE' | 'PENDING';
  readonly registry: string;
  readonly username: string;
  readonly password: string;
  readonly name?: string;
  readonly trustedRealm?: string;
  readonly probeRepository?: string;
}

export type RegistryChange = Partial<Omit<RegistryInput, 'registry'>>;

export interface Settings {
  readonly secureConnection?: boolean;
  readonly validate?: boolean;
}

export interface Image {
  readonly reference: string;
  readonly registry: RegistryNode | null;
  readonly candidates: readonly {
    readonly registry: RegistryNode;
    readonly matched: boolean;
    readonly reason: string;
  }[];
}

export interface Progress {
  readonly step: Step | null;
  readonly report: Report | null;
}

const step = 'kind status message durationMs';
const report = `outcome valid message hint retryable retryAfter realmHost checkedAt durationMs steps { ${step} }`;
const registry = `id registry host repository name type username secureConnection trustedRealm account createdAt updatedAt lastValidation { ${report} }`;
const errors = 'errors { code reason message field }';

/** Every operation, as documents. */
export const documents = {
  create: `mutation Create($input: CreateRegistryInput!, $secureConnection: Boolean! = true, $validate: Boolean! = true) {
    answer: createRegistry(input: $input, secureConnection: $secureConnection, validate: $validate) {
      registry { ${registry} } validation { ${report} } ${errors}
    }
  }`,
  update: `mutation Update($id: ID!, $input: UpdateRegistryInput!, $secureConnection: Boolean! = true, $validate: Boolean! = true) {
    answer: updateRegistry(id: $id, input: $input, secureConnection: $secureConnection, validate: $validate) {
      registry { ${registry} } validation { ${report} } ${errors}
    }
  }`,
  delete: `mutation Delete($id: ID!) { answer: deleteRegistry(id: $id) { deletedId ${errors} } }`,
  validate: `mutation Validate($id: ID!) { answer: validateRegistry(id: $id) { registry { ${registry} } validation { ${report} } ${errors} } }`,
  check: `mutation Check($input: CreateRegistryInput!, $secureConnection: Boolean! = true) {
    answer: checkRegistry(input: $input, secureConnection: $secureConnection) { validation { ${report} } ${errors} }
  }`,
  progress: `subscription Progress($input: CreateRegistryInput!, $secureConnection: Boolean! = true) {
    answer: registryCheck(input: $input, secureConnection: $secureConnection) { step { ${step} } report { ${report} } }
  }`,
  get: `query Get($id: ID, $registry: String) { answer: registry(id: $id, registry: $registry) { ${registry} } }`,
  list: `query List($filter: RegistryFilter) { answer: registries(first: 100, filter: $filter) { totalCount nodes { ${registry} } } }`,
  image: `query Image($reference: String!) {
    answer: image(reference: $reference) { reference registry { ${registry} } candidates { registry { ${registry} } matched reason } }
  }`,
} as const;

/** The operations against one server. Each rejects when the answer has top-level errors. */
export function operationsOn(server: Pick<RegwayServer, 'graphql' | 'url' | 'firstToken'>, token?: string) {
  const run = async <Answer>(document: string, variables: object): Promise<Answer> => {
    const { body, text, status } = await server.graphql(document, variables, token);
    if (body.errors !== undefined || body.data === undefined) {
      throw new Error(`HTTP ${status}: ${text}`);
    }
    return (body.data as { answer: Answer }).answer;
  };
  return {
    create: (input: RegistryInput, settings: Settings = {}) => run<Payload>(documents.create, { input, ...settings }),
    update: (id: string, input: RegistryChange, settings: Settings = {}) =>
      run<Payload>(documents.update, { id, input, ...settings }),
    delete: (id: string) => run<Pick<Payload, 'errors'> & { deletedId: string | null }>(documents.delete, { id }),
    validate: (id: string) => run<Payload>(documents.validate, { id }),
    /** Gives the report; the errors of a check that could not run are thrown. */
    async check(input: RegistryInput, settings: Pick<Settings, 'secureConnection'> = {}): Promise<Report> {
      const payload = await run<Omit<Payload, 'registry'>>(documents.check, { input, ...settings });
      if (payload.validation === null) {
        throw new Error(JSON.stringify(payload.errors));
      }
      return payload.validation;
    },
    get: (key: { id: string } | { registry: string }) => run<RegistryNode | null>(documents.get, key),
    list: (filter?: object) => run<{ totalCount: number; nodes: RegistryNode[] }>(documents.list, { filter }),
    image: (reference: string) => run<Image>(documents.image, { reference }),
    /** Everything that the subscription sends, in order. */
    progress: (input: RegistryInput, settings: Pick<Settings, 'secureConnection'> = {}) =>
      collectProgress(server.url, token ?? server.firstToken(), { input, ...settings }),
  };
}

export type Operations = ReturnType<typeof operationsOn>;

/** The registry of a payload that has one. @throws Error with the payload's errors when it has none. */
export function registryOf(payload: Payload): RegistryNode {
  if (payload.registry === null) {
    throw new Error(`no registry, but ${JSON.stringify(payload.errors)}`);
  }
  return payload.registry;
}

async function collectProgress(url: string, token: string, variables: Record<string, unknown>): Promise<Progress[]> {
  const client = createClient({
    url: `${url}/graphql`,
    headers: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  const events: Progress[] = [];
  for await (const event of client.iterate<{ answer: Progress }>({ query: documents.progress, variables })) {
    if (event.errors !== undefined || !event.data) {
      throw new Error(JSON.stringify(event.errors));
    }
    events.push(event.data.answer);
  }
  client.dispose();
  return events;
}
