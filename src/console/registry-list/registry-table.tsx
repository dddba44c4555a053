// Renders the table of registries. On a narrow screen each row is a card; ARIA roles keep it a table for assistive technology.

import type { ReactNode } from 'react';
import { Button } from 'react-aria-components';
import { AddressLink, Ago } from '../components/controls.tsx';
import type { ListState, SortKey } from './list-state.ts';
import { registryAddress } from '../shared/location.ts';
import type { RowFragment } from '../api/operations.ts';
import { Status, TlsMark } from '../components/status.tsx';
import { typeLabels } from '../shared/words.ts';

interface Column {
  readonly title: string;
  readonly sort?: SortKey;
  readonly cell: (row: RowFragment) => ReactNode;
}

const columns: readonly Column[] = [
  {
    title: 'Registry',
    sort: 'registry',
    cell: ({ id, registry }) => (
      <AddressLink to={registryAddress(id)} className="link strong">
        {registry}
      </AddressLink>
    ),
  },
  {
    title: 'Name',
    sort: 'name',
    cell: ({ name, registry }) => (name === registry ? <span className="faint">–</span> : name),
  },
  { title: 'Type', cell: ({ type }) => typeLabels[type] },
  { title: 'Username', cell: ({ username }) => username },
  { title: 'TLS', cell: ({ secureConnection }) => <TlsMark isVerified={secureConnection} /> },
  { title: 'Status', cell: ({ lastValidation }) => <Status validation={lastValidation} /> },
  { title: 'Last used', cell: ({ lastUsedAt }) => <Ago time={lastUsedAt} none="never" /> },
  { title: 'Updated', sort: 'updated', cell: ({ updatedAt }) => <Ago time={updatedAt} /> },
];

interface RegistryTableProps {
  readonly rows: readonly RowFragment[];
  readonly state: ListState;
  readonly isLoading: boolean;
  readonly onShow: (change: Partial<ListState>) => void;
  readonly onEdit: (id: string) => void;
  readonly onDelete: (id: string) => void;
}

/** The table of registries. */
export function RegistryTable({ rows, state, isLoading, onShow, onEdit, onDelete }: RegistryTableProps) {
  return (
    <div className="table-frame">
      <table className="registries" role="table" aria-label="Registries" aria-busy={isLoading}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ title, sort }) =>
              sort === undefined ? (
                <th key={title} role="columnheader" scope="col">
                  {title}
                </th>
              ) : (
                <SortHeader key={title} title={title} sort={sort} state={state} onShow={onShow} />
              ),
            )}
            <th role="columnheader" scope="col">
              Actions
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={row.id} role="row">
              {columns.map(({ title, cell }) => (
                <td key={title} role="cell" data-title={title}>
                  {cell(row)}
                </td>
              ))}
              <td role="cell" className="actions">
                <Button className="button small" aria-label={`Edit ${row.registry}`} onPress={() => onEdit(row.id)}>
                  Edit
                </Button>
                <Button
                  className="button small danger"
                  aria-label={`Delete ${row.registry}`}
                  onPress={() => onDelete(row.id)}
                >
                  Delete
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface SortHeaderProps {
  readonly title: string;
  readonly sort: SortKey;
  readonly state: ListState;
  readonly onShow: (change: Partial<ListState>) => void;
}

/** Sorts by its column; pressed again, reverses the order. Times start with the newest. */
function SortHeader({ title, sort, state, onShow }: SortHeaderProps) {
  const isSorted = state.sort === sort;
  const descending = isSorted ? !state.descending : sort === 'updated' || sort === 'created';
  return (
    <th role="columnheader" scope="col" aria-sort={isSorted ? (state.descending ? 'descending' : 'ascending') : 'none'}>
      <Button className="sort" onPress={() => onShow({ sort, descending })}>
        {title}{' '}
        <span aria-hidden="true" className="arrow">
          {isSorted ? (state.descending ? '↓' : '↑') : '↕'}
        </span>
      </Button>
    </th>
  );
}
