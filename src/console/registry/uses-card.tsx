// Who pulled what with a registry, the latest first.

import { Ago } from '../components/controls.tsx';
import type { OneQuery } from '../api/operations.ts';
import { TableFrame } from '../components/table-frame.tsx';
import { resultWords } from '../shared/words.ts';

type Uses = NonNullable<OneQuery['registry']>['uses'];

export function UsesCard({ uses }: { readonly uses: Uses }) {
  return (
    <section className="card" aria-labelledby="uses-title">
      <h2 id="uses-title">Uses</h2>
      {uses === null || uses.length === 0 ? <p className="faint">No pull has used it yet.</p> : (
        <TableFrame label="Uses" titles={['Image', 'Who', 'Outcome', 'Times', 'Last']}>
          {uses.map(({ image, actor, outcome, count, lastAt }) => (
            <tr key={`${image} ${actor} ${outcome} ${lastAt}`}>
              <td><code>{image}</code></td><td>{actor}</td><td>{resultWords(outcome)}</td><td>{count}</td><td><Ago time={lastAt} /></td>
            </tr>
          ))}
        </TableFrame>
      )}
    </section>
  );
}
