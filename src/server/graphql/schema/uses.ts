// When and by whom the credential of a registry is used: two fields of the type Registry.

import DataLoader from 'dataloader';
import type { CountedUse } from '../../../core/ports.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { builder, type GraphqlContext } from './builder.ts';

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
