// Renders the buttons between pages, which follow the server's cursors instead of offsets.

import { Button } from 'react-aria-components';
import { pageSizes, type ListState } from './list-state.ts';
import type { ListQuery } from '../api/operations.ts';

interface PagerProps {
  readonly connection: ListQuery['registries'];
  readonly state: ListState;
  readonly onShow: (change: Partial<ListState>) => void;
}

const numbers = new Intl.NumberFormat('en');

/** The page size, the number of registries, and the buttons between pages. */
export function Pager({ connection: { totalCount, nodes, pageInfo }, state, onShow }: PagerProps) {
  const { hasNextPage, hasPreviousPage, startCursor, endCursor } = pageInfo;
  const all = `${numbers.format(totalCount)} ${totalCount === 1 ? 'registry' : 'registries'}`;
  return (
    <nav className="pager" aria-label="Pages">
      <span role="status">{nodes.length === totalCount ? all : `${nodes.length} of ${all}`}</span>
      <span className="spacer" />
      <label className="page-size">
        Per page{' '}
        <select value={state.size} onChange={(event) => onShow({ size: Number(event.target.value) })}>
          {pageSizes.map((size) => (
            <option key={size}>{size}</option>
          ))}
        </select>
      </label>
      <span className="buttons">
        <Button className="button" isDisabled={!hasPreviousPage} onPress={() => onShow({ position: 'first' })}>
          First
        </Button>
        <Button
          className="button"
          isDisabled={!hasPreviousPage || startCursor === null}
          onPress={() => onShow({ position: { before: startCursor ?? '' } })}
        >
          Previous
        </Button>
        <Button
          className="button"
          isDisabled={!hasNextPage || endCursor === null}
          onPress={() => onShow({ position: { after: endCursor ?? '' } })}
        >
          Next
        </Button>
        <Button className="button" isDisabled={!hasNextPage} onPress={() => onShow({ position: 'last' })}>
          Last
        </Button>
      </span>
    </nav>
  );
}
