// Watches the store in its ports themselves, so that both databases are observed alike: times its changes for the metrics, and reports its failures.

import { storageCodeOf } from '../../database/errors.ts';
import type { Store } from '../../database/store.ts';
import type { Metrics } from '../../server/ops/metrics.ts';
import type { StorageFailures } from '../../server/ops/storage-failures.ts';

/** The parts of the store that requests and schedules use. */
const parts = ['registries', 'access', 'uses', 'audit', 'keys', 'claims'] as const satisfies readonly (keyof Store)[];

/** The changes of each part of the store that requests and schedules make. */
const changes: Readonly<Partial<Record<(typeof parts)[number], readonly string[]>>> = {
  registries: ['insert', 'update', 'recordValidation', 'exchangeValidation', 'delete', 'appendAudit'],
  access: ['insertToken', 'revokeToken', 'noteTokenUses', 'insertAccount', 'disableAccount', 'enableAccount'],
  uses: ['addUses', 'deleteUsesBefore'],
} satisfies { readonly [Part in (typeof parts)[number]]?: readonly (keyof Store[Part])[] };

type Method = (...values: unknown[]) => unknown;

/** Returns the store with its changes timed and its failures reported. */
export function observedStore(
  store: Store,
  { beginWrite }: Pick<Metrics, 'beginWrite'>,
  failures: Pick<StorageFailures, 'observe'>,
): Store {
  const watched = parts.flatMap((part) => {
    const port = store[part] as unknown as Readonly<Record<string, Method>> | undefined;
    if (port === undefined) return [];
    const methods = Object.entries(port).map(([name, method]) => {
      const call = `${part}.${name}`;
      const reported: Method = (...values) => reporting(method.apply(port, values), call, failures);
      return [name, changes[part]?.includes(name) === true ? timed(reported, beginWrite) : reported];
    });
    return [[part, Object.fromEntries(methods)]];
  });
  return { ...store, ...Object.fromEntries(watched) };
}

/** Returns the same result, so that its callers wait for nothing more. */
function reporting(result: unknown, call: string, failures: Pick<StorageFailures, 'observe'>): unknown {
  if (result instanceof Promise) {
    result.then(undefined, (error: unknown) => {
      const code = storageCodeOf(error);
      if (code !== undefined) failures.observe(code, call);
    });
  }
  return result;
}

function timed(change: Method, beginWrite: Metrics['beginWrite']): Method {
  return (...values) => {
    const end = beginWrite();
    return (change(...values) as Promise<unknown>).finally(end);
  };
}
