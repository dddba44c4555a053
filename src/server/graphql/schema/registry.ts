// The type Registry, and the queries for one registry and for a page of registries.

import DataLoader from 'dataloader';
import type { CountedUse } from '../../../core/pulls/usage/uses.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { type OrderDirection, type RegistryOrderField, registryOrderFields } from '../../../core/registry/store.ts';
import { accountDescription, builder, connectionOf, type GraphqlContext, pageOfRows, scan } from './builder.ts';
import { enumValues, RegistryTypeEnum, ValidationOutcomeEnum, ValidationReportType } from './validation.ts';

// Not `builder.node`, which creates a promise per ID: a page has fifty.
/** The GraphQL type of a registry. */
export const RegistryNode = builder.objectRef<Registry>('Registry').implement({
  interfaces: [builder.nodeInterfaceRef()],
  description: 'A stored registry credential. Passwords are write-only: no field returns one.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The ID: `reg_` and 32 hexadecimal digits. Immutable.' }),
    registry: t.exposeString('registry', {
      description:
        'The canonical registry pattern, unique in the account: `docker.io` (a host), `docker.io/anchore/*` (everything below a path), or `docker.io/anchore/grype` (one repository).',
    }),
    host: t.exposeString('host', { description: 'The host: `host[:port]`.' }),
    repository: t.exposeString('repository', {
      nullable: true,
      description:
        'The part of the pattern after the host, such as `anchore/*` or `anchore/grype`; null if the registry covers the whole host.',
    }),
    name: t.exposeString('name', { description: 'The display name. Defaults to the registry pattern.' }),
    type: t.expose('type', { type: RegistryTypeEnum, description: 'The type: how to log in to the registry.' }),
    username: t.exposeString('username', { description: 'The username, or the key ID for a cloud type.' }),
    secureConnection: t.exposeBoolean('secureConnection', { description: 'Whether TLS certificates are verified.' }),
    trustedRealm: t.exposeString('trustedRealm', {
      nullable: true,
      description:
        'The token server (`host[:port]`) that may receive this credential in addition to the registry; null if none.',
    }),
    probeRepository: t.exposeString('probeRepository', {
      nullable: true,
      description: 'The repository that a validation requests if the registry pattern names none; null if not set.',
    }),
    lastValidation: t.field({
      type: ValidationReportType,
      nullable: true,
      description: 'The most recent validation report; null if the credential was never validated.',
      // With a resolver, so that the stored JSON is parsed only when the field is selected.
      resolve: ({ lastValidation }) => lastValidation,
    }),
    pendingSince: t.expose('pendingSince', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the pending password was stored; null if there is none. It is tried when the registry rejects the current one.',
    }),
    previousUsableUntil: t.expose('previousUsableUntil', {
      type: 'DateTime',
      nullable: true,
      description:
        'Until when the previous password is tried if the registry rejects the current one; null if none is kept.',
    }),
    account: t.exposeString('account', { description: 'The account that owns the registry.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the registry was created.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When the registry was last updated. Validations do not count.',
    }),
    ...usageFields(t),
  }),
});

builder.queryField('registry', (t) =>
  t.field({
    type: RegistryNode,
    nullable: true,
    description:
      'Fetches a registry by either `id` or `registry`; null if it does not exist or you do not have access. Pass exactly one of the two.',
    args: {
      id: t.arg.id({ description: 'The ID (`reg_…`).' }),
      registry: t.arg.string({ description: 'The registry pattern, in any spelling that `createRegistry` accepts.' }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { registries, caller }) => registries.get(caller, args),
  }),
);

const RegistryFilterInput = builder.inputType('RegistryFilter', {
  description: 'Filters a list. All given conditions must match.',
  fields: (t) => ({
    search: t.string({
      description:
        'Only registries whose pattern, name, or username contains each word of this text, ignoring case and accents.',
    }),
    host: t.string({ description: 'Only registries on exactly this `host[:port]`.' }),
    type: t.field({ type: RegistryTypeEnum, description: 'Only registries of this type.' }),
    outcome: t.field({
      type: ValidationOutcomeEnum,
      description: 'Only registries whose most recent validation had this outcome.',
    }),
  }),
});

const orderFieldDescriptions: Readonly<Record<RegistryOrderField, string>> = {
  REGISTRY: 'By registry pattern.',
  NAME: 'By name, ignoring case and accents.',
  CREATED_AT: 'By creation time.',
  UPDATED_AT: 'By time of the last update.',
};

const RegistryOrderFieldEnum = builder.enumType('RegistryOrderField', {
  description: 'The field that a list is sorted by.',
  values: enumValues(registryOrderFields, orderFieldDescriptions),
});

const RegistryOrderDirectionEnum = builder.enumType('RegistryOrderDirection', {
  description: 'The sort direction.',
  values: enumValues<OrderDirection>(['ASC', 'DESC'], {
    ASC: 'Ascending: lowest, A to Z, or oldest first.',
    DESC: 'Descending.',
  }),
});

const RegistryOrderInput = builder.inputType('RegistryOrder', {
  description: 'The sort order of a list. Equal values are sorted by ID, so that pages never overlap.',
  fields: (t) => ({
    field: t.field({
      type: RegistryOrderFieldEnum,
      required: true,
      defaultValue: 'REGISTRY',
      description: 'The field to sort by. Defaults to REGISTRY.',
    }),
    direction: t.field({
      type: RegistryOrderDirectionEnum,
      required: true,
      defaultValue: 'ASC',
      description: 'The sort direction. Defaults to ASC.',
    }),
  }),
});

builder.queryField('registries', (t) =>
  t.connection(
    {
      type: RegistryNode,
      description:
        'Lists the registries of an account, one page at a time. A page has 50 registries by default and at most 100.',
      extensions: pageOfRows(),
      args: {
        filter: t.arg({ type: RegistryFilterInput, description: 'The conditions that every registry must match.' }),
        orderBy: t.arg({
          type: RegistryOrderInput,
          description: 'The sort order. Defaults to ascending by registry pattern.',
        }),
        account: t.arg.string({ description: accountDescription }),
      },
      resolve: async (_root, args, { registries, caller }) => connectionOf(await registries.list(caller, args)),
    },
    {
      name: 'RegistryConnection',
      description: 'One page of registries.',
      fields: (connectionFields) => ({
        totalCount: connectionFields.int({
          extensions: scan,
          description: 'The number of registries that match the filter, on all pages. Computed only when selected.',
          resolve: ({ page }) => page.totalCount(),
        }),
      }),
    },
    { name: 'RegistryEdge', description: 'A registry and its cursor.' },
  ),
);

const RegistryUseType = builder.objectRef<CountedUse>('RegistryUse').implement({
  description: "Pulls with a registry's credential, counted by actor, image, registry version, and outcome.",
  fields: (t) => ({
    actor: t.exposeString('actor', { description: 'The subject of the principal that pulled.' }),
    image: t.exposeString('image', {
      description:
        'The image without tag or digest, such as `docker.io/anchore/grype`; only the host for reads of its catalog.',
    }),
    version: t.exposeInt('registryVersion', {
      description:
        'The version of the registry when its credential was used. Starts at 1 and increases with every update.',
    }),
    outcome: t.exposeString('outcome', {
      description: '`DONE`, or the validation outcome that the rejection by the registry corresponds to.',
    }),
    count: t.exposeFloat('count', {
      description: 'The number of pulls. A whole number, which may exceed the range of Int.',
    }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When this combination was last recorded.' }),
  }),
});

const forbidden = 'Callers with the role PULL get null and a FORBIDDEN error for this field only.';

type RegistryFields = Parameters<
  NonNullable<Parameters<ReturnType<typeof builder.objectRef<Registry>>['implement']>[0]['fields']>
>[0];

/** The fields about usage. Both are nullable, so that callers who may not read them still get the rest of the response. */
function usageFields(t: RegistryFields) {
  return {
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: `When a pull last used this credential; null if never, or longer ago than the server keeps usage (400 days by default). A pull is visible within about a second. ${forbidden}`,
      resolve: async (registry, _args, context) => (await lastUsedLoader(context).load(registry)) ?? null,
    }),
    uses: t.field({
      type: [RegistryUseType],
      nullable: { list: true, items: false },
      description: `The usage of this credential, most recent first. Only the latest 1000 entries are kept, each for 400 days after its last use by default. ${forbidden}`,
      extensions: pageOfRows(20),
      args: {
        first: t.arg.int({
          defaultValue: 20,
          description: 'The maximum number of entries to return. Defaults to 20; at most 100.',
        }),
      },
      resolve: async (registry, args, { uses, caller }) => [...(await uses.of(caller, registry, args))],
    }),
  };
}

const lastUsedLoaders = new WeakMap<GraphqlContext, DataLoader<Registry, Date | undefined>>();

/** Returns the loader of this request. A page of registries queries the store once. */
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
