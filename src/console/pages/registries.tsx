// Shows the list of registries, filtered and sorted by the address, and adds, changes, and deletes registries.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { run } from '../api/client.ts';
import { type FactsFragment, ListDocument, type ListQuery, OneDocument } from '../api/operations.ts';
import { type Failure, type Loaded, useFailures, useRequest } from '../api/use-request.ts';
import { FailureNote, Note, PageHeading } from '../components/controls.tsx';
import {
  isFiltered,
  type ListState,
  listVariables,
  parseListState,
  printListState,
} from '../registry-list/list-state.ts';
import { ListTools } from '../registry-list/list-tools.tsx';
import { Pager } from '../registry-list/pager.tsx';
import { RegistryTable } from '../registry-list/registry-table.tsx';
import { DeleteDialog } from '../registry/delete-dialog.tsx';
import { RegistryDialog } from '../registry/registry-dialog.tsx';
import { go } from '../shared/location.ts';

type OpenDialog =
  | { readonly kind: 'add' }
  | { readonly kind: 'edit'; readonly stored: FactsFragment }
  | { readonly kind: 'delete'; readonly id: string };

/** The page with the list of registries. @param query the query part of the address. */
export function RegistriesPage({ query }: { readonly query: string }) {
  const state = parseListState(query);
  const list = useRequest(printListState(state), (signal) => run(ListDocument, listVariables(state), signal));
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const toFailure = useFailures();
  const show = (change: Partial<ListState>, replace = false): void =>
    go(`/${printListState({ ...state, position: 'first', ...change })}`, { replace });
  const open = (next: OpenDialog): void => {
    setNotice(null);
    setDialog(next);
  };
  const done = (sentence: string): void => {
    setDialog(null);
    setNotice(sentence);
    list.reload();
  };
  const edit = async (id: string): Promise<void> => {
    try {
      const { registry } = await run(OneDocument, { id });
      if (registry !== null) open({ kind: 'edit', stored: registry });
      else list.reload();
      setFailure(null);
    } catch (error) {
      setFailure(toFailure(error));
    }
  };
  return (
    <>
      <div className="page-head">
        <PageHeading title="Registries" />
        <Button className="button primary" onPress={() => open({ kind: 'add' })}>
          Add New Registry
        </Button>
      </div>
      {notice !== null && (
        <Note tone="good">
          <p>{notice}</p>
        </Note>
      )}
      {[failure, list.failure].map((shown, index) => shown !== null && <FailureNote key={index} failure={shown} />)}
      <List
        list={list}
        state={state}
        onShow={show}
        onAdd={() => open({ kind: 'add' })}
        onEdit={(id) => void edit(id)}
        onDelete={(id) => open({ kind: 'delete', id })}
      />
      {dialog?.kind === 'delete' && <DeleteDialog id={dialog.id} onClose={() => setDialog(null)} onDone={done} />}
      {(dialog?.kind === 'add' || dialog?.kind === 'edit') && (
        <RegistryDialog
          stored={dialog.kind === 'edit' ? dialog.stored : null}
          onClose={() => setDialog(null)}
          onDone={done}
        />
      )}
    </>
  );
}

interface ListProps {
  readonly list: Loaded<ListQuery>;
  readonly state: ListState;
  readonly onShow: (change: Partial<ListState>, replace?: boolean) => void;
  readonly onAdd: () => void;
  readonly onEdit: (id: string) => void;
  readonly onDelete: (id: string) => void;
}

function List({ list: { answer, isLoading, failure }, state, onShow, onAdd, onEdit, onDelete }: ListProps) {
  const connection = answer?.registries;
  const isEmpty = connection?.totalCount === 0;
  const isBeyondEnd = connection?.nodes.length === 0 && !isEmpty;
  if (isEmpty && !isFiltered(state) && !isLoading) return <NoneYet onAdd={onAdd} />;
  return (
    <>
      <ListTools state={state} onShow={onShow} />
      {connection === undefined ? failure === null && <p className="faint loading">Loading…</p> : null}
      {connection !== undefined && connection.nodes.length > 0 && (
        <>
          <RegistryTable
            rows={connection.nodes}
            state={state}
            isLoading={isLoading}
            onShow={onShow}
            onEdit={onEdit}
            onDelete={onDelete}
          />
          <Pager connection={connection} state={state} onShow={onShow} />
        </>
      )}
      {isEmpty && isFiltered(state) && <NoMatches onClear={() => onShow({ search: '', type: null, outcome: null })} />}
      {isBeyondEnd && (
        <p>
          This page no longer contains any registries.{' '}
          <Button className="button" onPress={() => onShow({})}>
            Go to first page
          </Button>
        </p>
      )}
    </>
  );
}

function NoneYet({ onAdd }: { readonly onAdd: () => void }) {
  return (
    <section className="empty">
      <h2>No registries yet</h2>
      <p>
        A registry stores the credential for one registry host, path, or repository. Regway validates it, encrypts the
        password, and uses it for pulls.
      </p>
      <Button className="button primary" onPress={onAdd}>
        Let's add one!
      </Button>
    </section>
  );
}

function NoMatches({ onClear }: { readonly onClear: () => void }) {
  return (
    <section className="empty">
      <h2>No matches</h2>
      <p>No registry matches these filters.</p>
      <Button className="button" onPress={onClear}>
        Clear filters
      </Button>
    </section>
  );
}
