// Renders the buttons of a list that is read forward, page by page, and back from its start.

import { Button } from 'react-aria-components';

interface NextPagerProps {
  /** The name of one entry, and of several. */
  readonly noun: readonly [one: string, several: string];
  readonly nodes: readonly unknown[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null } | null;
  readonly isFirst: boolean;
  /** Shows the page after a cursor; null for the first page. */
  readonly onShow: (after: string | null) => void;
}

/** The number of entries on the page, and the buttons to the first and the next page. Without buttons if the list fits on one page. */
export function NextPager({ noun: [one, several], nodes, pageInfo, isFirst, onShow }: NextPagerProps) {
  const next = pageInfo?.hasNextPage === true ? pageInfo.endCursor : null;
  if (isFirst && next === null) return null;
  return (
    <nav className="pager" aria-label="Pages">
      <span role="status">
        {nodes.length} {nodes.length === 1 ? one : several}
      </span>
      <span className="spacer" />
      <span className="buttons">
        <Button className="button" isDisabled={isFirst} onPress={() => onShow(null)}>
          First
        </Button>
        <Button className="button" isDisabled={next === null} onPress={() => onShow(next)}>
          Next
        </Button>
      </span>
    </nav>
  );
}
