// Who pulled what with a registry, the latest first.

import { Ago } from './controls.tsx';
import type { OneQuery } from './operations.ts';

type Uses = NonNullable<OneQuery['registry']>['uses'];

export function UsesCard({ uses }: { readonly uses: Uses }) {
  return (
    <section className="card" aria-labelledby="uses-title">
      <h2 id="uses-title">Uses</h2>
      {uses === null || uses.length === 0 ? <p className="faint">No pull has used it yet.</p> : (
        <div className="table-frame">
          <table className="plain">
            <thead><tr><th scope="col">Image</th><th scope="col">Who</th><th scope="col">Outcome</th><th scope="col">Times</th><th scope="col">Last</th></tr></thead>
            <tbody>
              {uses.map(({ image, actor, outcome, count, lastAt }) => (
                <tr key={`${image} ${actor} ${outcome} ${lastAt}`}>
                  <td><code>{image}</code></td><td>{actor}</td><td>{outcome}</td><td>{count}</td><td><Ago time={lastAt} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
