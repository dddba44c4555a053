// The type Registry and the queries that read registries: one of them, or a page.

import DataLoader from 'dataloader';
import type { CountedUse } from '../../../core/pulls/usage.ts';
import type { RegistryPage } from '../../../core/registries/list.ts';
import { type Registry, type RegistryType, registryTypes } from '../../../core/registry/registry.ts';
import { type OrderDirection, type RegistryOrderField, registryOrderFields } from '../../../core/registry/store.ts';
import { accountDescription, builder, type GraphqlContext } from './builder.ts';
import { enumValues, ValidationOutcomeEnum, ValidationReportType } from './validation.ts';

const typeDescriptions: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'Any registry of the Docker V2 (OCI distribution) API, with a user name and a password or token.',
  AWSECR: 'Amazon ECR: the user name is an access key id, the password its secret.',
  GCR: 'Google Container or Artifact Registry: the password is a service account key as JSON.',
  ACR: 'Azure Container Registry: a client id and its secret.',
};

export const RegistryTypeEnum = builder.enumType('RegistryType', {
  description: 'How to log in. Lower case in REST and on the command line.',
  values: enumValues(registryTypes, typeDescriptions),
});

// No `builder.node`, which gives every id a promise of its own: a page has fifty.
export const RegistryNode = builder.objectRef<Registry>('Registry').implement({
  interfaces: [builder.nodeInterfaceRef()],
  description: 'A stored credential configuration. It has no password field, here or anywhere: a password goes in and never comes out.',
  fields: (t) => ({
    id: t.exposeID('id', { description: '`reg_` and 32 hex digits; stays the same for its whole life.' }),
    registry: t.exposeString('registry', {
      description: 'The canonical text, unique in the account: `docker.io` (a host), `docker.io/anchore/*` (everything below a path) or `docker.io/anchore/grype` (one repository).',
    }),
    host: t.exposeString('host', { description: '`host[:port]`.' }),
    repository: t.exposeString('repository', { nullable: true, description: '`anchore/*` or `anchore/grype`; null means the whole host.' }),
    name: t.exposeString('name', { description: 'A label for people; the registry text when none was given.' }),
    type: t.expose('type', { type: RegistryTypeEnum, description: 'How to log in.' }),
    username: t.exposeString('username', { description: 'The user name (for a cloud, the id of its key).' }),
    secureConnection: t.exposeBoolean('secureConnection', { description: 'Whether TLS certificates are verified.' }),
    trustedRealm: t.exposeString('trustedRealm', {
      nullable: true,
      description: 'A token server (`host[:port]`) that may receive this credential besides the registry itself.',
    }),
    probeRepository: t.exposeString('probeRepository', {
      nullable: true,
      description: 'A repository that a validation asks for when the registry text names none.',
    }),
    lastValidation: t.field({
      type: ValidationReportType,
      nullable: true,
      description: 'The newest report about this credential.',
      // A resolver, as the report is read from its text only now.
      resolve: ({ lastValidation }) => lastValidation,
    }),
    pendingSince: t.expose('pendingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when a new password waits for the registry to take it; null when none does. It is tried when the registry refuses the current one.',
    }),
    previousUsableUntil: t.expose('previousUsableUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when the password before the current one is tried if the registry refuses the current one; null when it was forgotten.',
    }),
    account: t.exposeString('account', { description: 'The account that owns it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed. A validation alone does not count.' }),
    ...useFields(t),
  }),
});

builder.queryField('registry', (t) =>
  t.field({
    type: RegistryNode,
    nullable: true,
    description: 'One registry, by exactly one of `id` and `registry`. Null when it is not there or not yours.',
    args: {
      id: t.arg.id({ description: 'Its id (`reg_…`).' }),
      registry: t.arg.string({ description: 'Its text, in any spelling that `createRegistry` takes.' }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { registries, caller }) => registries.get(caller, args),
  }),
);

const RegistryFilterInput = builder.inputType('RegistryFilter', {
  description: 'Narrows a list. All that is given must hold.',
  fields: (t) => ({
    search: t.string({ description: 'Somewhere in registry text, name or user name; upper and lower case are the same.' }),
    host: t.string({ description: 'Exactly this `host[:port]`.' }),
    type: t.field({ type: RegistryTypeEnum, description: 'Only of this type.' }),
    outcome: t.field({ type: ValidationOutcomeEnum, description: 'Only those whose newest validation had this outcome.' }),
  }),
});

const orderFieldDescriptions: Readonly<Record<RegistryOrderField, string>> = {
  REGISTRY: 'By registry text.',
  NAME: 'By name.',
  CREATED_AT: 'By time of creation.',
  UPDATED_AT: 'By time of the last change.',
};

const RegistryOrderFieldEnum = builder.enumType('RegistryOrderField', {
  description: 'What a list is sorted by.',
  values: enumValues(registryOrderFields, orderFieldDescriptions),
});

const RegistryOrderDirectionEnum = builder.enumType('RegistryOrderDirection', {
  description: 'Which end comes first.',
  values: enumValues<OrderDirection>(['ASC', 'DESC'], { ASC: 'Lowest, first in the alphabet or oldest first.', DESC: 'The other way round.' }),
});

const RegistryOrderInput = builder.inputType('RegistryOrder', {
  description: 'How a list is sorted. Equal values are ordered by id, so that pages never overlap.',
  fields: (t) => ({
    field: t.field({ type: RegistryOrderFieldEnum, required: true, defaultValue: 'REGISTRY', description: 'REGISTRY unless you say otherwise.' }),
    direction: t.field({ type: RegistryOrderDirectionEnum, required: true, defaultValue: 'ASC', description: 'ASC unless you say otherwise.' }),
  }),
});

builder.queryField('registries', (t) =>
  t.connection(
    {
      type: RegistryNode,
      description: 'The registries of your account, a page at a time: 50 unless you say otherwise, 100 at most.',
      args: {
        filter: t.arg({ type: RegistryFilterInput, description: 'Narrows the list.' }),
        orderBy: t.arg({ type: RegistryOrderInput, description: 'By registry text, ascending, unless you say otherwise.' }),
        account: t.arg.string({ description: accountDescription }),
      },
      resolve: async (_root, args, { registries, caller }) => connection(await registries.list(caller, args)),
    },
    {
      name: 'RegistryConnection',
      description: 'One page of registries.',
      fields: (connectionFields) => ({
        totalCount: connectionFields.int({
          description: 'How many registries match the filter, on all pages. Counted only when you ask.',
          resolve: ({ page }) => page.totalCount(),
        }),
      }),
    },
    { name: 'RegistryEdge', description: 'A registry and its place in the list.' },
  ),
);

function connection(page: RegistryPage) {
  const edges = page.nodes.map((node) => ({ node, cursor: page.cursorOf(node) }));
  return {
    page,
    edges,
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

const RegistryUseType = builder.objectRef<CountedUse>('RegistryUse').implement({
  description: 'Pulls with the credential of a registry, counted by who, image, version of the registry and outcome.',
  fields: (t) => ({
    actor: t.exposeString('actor', { description: 'Who pulled: the subject of a principal.' }),
    image: t.exposeString('image', { description: 'What was pulled, without tag or digest: `docker.io/anchore/grype`.' }),
    version: t.exposeInt('registryVersion', { description: 'The version of the registry whose credential it was: 1 at first, one more with every update.' }),
    outcome: t.exposeString('outcome', { description: '`DONE`, or the validation outcome that the refusal of the registry stands for.' }),
    count: t.exposeFloat('count', { description: 'How often. A whole number, which may be larger than an Int.' }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When it was last so.' }),
  }),
});

const forbidden = 'Those who see a registry only because a pull uses it (the role PULL) get null and the error FORBIDDEN, here alone.';

type RegistryFields = Parameters<NonNullable<Parameters<ReturnType<typeof builder.objectRef<Registry>>['implement']>[0]['fields']>>[0];

/** Both are nullable, so that who may not see them still gets the rest of the answer. */
export function useFields(t: RegistryFields) {
  return {
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: `When a pull last used this credential; null when none ever did. A pull shows up within about a second. ${forbidden}`,
      resolve: async (registry, _args, context) => (await lastUsedLoader(context).load(registry)) ?? null,
    }),
    uses: t.field({
      type: [RegistryUseType],
      nullable: { list: true, items: false },
      description: `Who used this credential for what, the latest first. Only the latest 1000 are kept. ${forbidden}`,
      args: { first: t.arg.int({ defaultValue: 20, description: 'This many at most; 20 unless you say otherwise, 100 at most.' }) },
      resolve: async (registry, args, { uses, caller }) => [...(await uses.of(caller, registry, args))],
    }),
  };
}

const lastUsedLoaders = new WeakMap<GraphqlContext, DataLoader<Registry, Date | undefined>>();

/** One loader for each request: a whole page of registries asks the store once. */
function lastUsedLoader(context: GraphqlContext): DataLoader<Registry, Date | undefined> {
  const known = lastUsedLoaders.get(context);
  if (known !== undefined) return known;
  const loader = new DataLoader<Registry, Date | undefined>(async (registries) => {
    const found = await context.uses.lastUsed(context.caller, registries);
    return registries.map(({ id }) => found.get(id));
  });
  lastUsedLoaders.set(context, loader);
  return loader;
}
