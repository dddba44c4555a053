// A small table that scrolls sideways on a narrow screen, by the keyboard too.

import type { ReactNode } from 'react';

interface TableFrameProps {
  /** What the table holds, for who cannot see it. */
  readonly label: string;
  readonly titles: readonly string[];
  readonly children: ReactNode;
}

export function TableFrame({ label, titles, children }: TableFrameProps) {
  return (
    <div className="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table className="plain" aria-label={label}>
        <thead><tr>{titles.map((title) => <th key={title} scope="col">{title}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
