// Times the changes of the store for the metrics, in the store ports themselves, so that both databases are measured alike.

import type { Store } from '../../database/store.ts';
import type { Metrics } from '../../server/ops/metrics.ts';

/** The changes of each part of the store that requests and schedules make. */
const changes = {
  registries: ['insert', 'update', 'recordValidation', 'exchangeValidation', 'delete', 'appendAudit'],
  access: ['insertToken', 'revokeToken', 'noteTokenUses', 'insertAccount', 'disableAccount', 'enableAccount'],
  uses: ['addUses'],
} as const satisfies { readonly [Part in keyof Store]?: readonly (keyof Store[Part])[] };

/** Returns the store with its changes timed. */
export function observedStore(store: Store, metrics: Pick<Metrics, 'beginWrite'>): Store {
  return {
    ...store,
    registries: timed(store.registries, changes.registries, metrics),
    access: timed(store.access, changes.access, metrics),
    uses: timed(store.uses, changes.uses, metrics),
  };
}

function timed<Part extends object>(
  part: Part,
  names: readonly (keyof Part)[],
  { beginWrite }: Pick<Metrics, 'beginWrite'>,
): Part {
  const replaced = names.map((name) => {
    const change = part[name] as (...values: unknown[]) => Promise<unknown>;
    return [
      name,
      (...values: unknown[]) => {
        const end = beginWrite();
        return change.apply(part, values).finally(end);
      },
    ] as const;
  });
  return { ...part, ...Object.fromEntries(replaced) };
}
