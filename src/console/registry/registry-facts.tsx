// Renders the stored details of a registry and its usage. No API returns a password.

import type { ReactNode } from 'react';
import type { FactsFragment, OneQuery } from '../api/operations.ts';
import { Ago, TableFrame } from '../components/controls.tsx';
import { TlsMark } from '../components/status.tsx';
import { resultLabel, typeLabels } from '../shared/words.ts';

/** The stored details of a registry. */
export function RegistryFacts({ registry }: { readonly registry: FactsFragment }) {
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['Name', registry.name],
    ['Covers', coverage(registry)],
    ['Type', typeLabels[registry.type]],
    ['Username', registry.username],
    [
      'Password',
      <span className="faint" key="password">
        stored; cannot be read back
      </span>,
    ],
    [
      'Pending password',
      registry.pendingSince && (
        <>
          used once the registry accepts it; stored <Ago isExact time={registry.pendingSince} />
        </>
      ),
    ],
    [
      'Previous password',
      registry.previousUsableUntil && (
        <>
          used if the registry rejects the current one, until <Ago isExact time={registry.previousUsableUntil} />
        </>
      ),
    ],
    ['TLS', <TlsMark key="tls" isVerified={registry.secureConnection} />],
    ['Trusted token server', registry.trustedRealm],
    ['Test repository', registry.probeRepository],
    ['Account', registry.account],
    ['Last used', <Ago key="used" isExact time={registry.lastUsedAt} none="never" />],
    ['Created', <Ago key="created" isExact time={registry.createdAt} />],
    ['Updated', <Ago key="updated" isExact time={registry.updatedAt} />],
    ['ID', <code key="id">{registry.id}</code>],
  ];
  return (
    <section className="card" aria-labelledby="facts-title">
      <h2 id="facts-title">Details</h2>
      <dl className="facts">
        {facts.map(
          ([name, value]) =>
            value !== null && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}

function coverage({ host, repository }: FactsFragment): string {
  if (repository === null) return `all of ${host}`;
  return repository.endsWith('/*')
    ? `everything below ${host}/${repository.slice(0, -2)}`
    : `only ${host}/${repository}`;
}

type Uses = NonNullable<OneQuery['registry']>['uses'];

/** The latest pulls that used a registry. */
export function UsesCard({ uses }: { readonly uses: Uses }) {
  return (
    <section className="card" aria-labelledby="uses-title">
      <h2 id="uses-title">Usage</h2>
      {uses === null || uses.length === 0 ? (
        <p className="faint">No pull has used it yet.</p>
      ) : (
        <TableFrame label="Usage" titles={['Image', 'Actor', 'Outcome', 'Pulls', 'Last pull']}>
          {uses.map(({ image, actor, outcome, count, lastAt }) => (
            <tr key={`${image} ${actor} ${outcome} ${lastAt}`}>
              <td>
                <code>{image}</code>
              </td>
              <td>{actor}</td>
              <td>{resultLabel(outcome)}</td>
              <td>{count}</td>
              <td>
                <Ago time={lastAt} />
              </td>
            </tr>
          ))}
        </TableFrame>
      )}
    </section>
  );
}
