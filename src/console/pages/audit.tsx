// Shows the audit trail, newest first, filtered by actor and action, in pages based on the server's cursors.

import { type FormEvent, useState } from 'react';
import { Button } from 'react-aria-components';
import { run } from '../api/client.ts';
import { AuditDocument, type AuditQuery, type RegwayAuditAction } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { Choice, FailureNote, Field, PageHeading } from '../components/controls.tsx';
import { go } from '../shared/location.ts';
import { actionLabels } from '../shared/words.ts';

/** Events per page: one or two screens. */
const pageSize = 50;

/** The page of the audit trail. @param query the query part of the address: actor, action, and cursor. */
export function AuditPage({ query }: { readonly query: string }) {
  const parameters = new URLSearchParams(query);
  const [actor, action, after] = ['actor', 'action', 'after'].map((name) => parameters.get(name));
  const known = (Object.keys(actionLabels) as RegwayAuditAction[]).find((candidate) => candidate === action) ?? null;
  const { answer, failure, isLoading } = useRequest(query, (signal) =>
    run(
      AuditDocument,
      { first: pageSize, after: after ?? null, filter: { actor: actor ?? null, action: known } },
      signal,
    ),
  );
  return (
    <>
      <PageHeading title="Audit" />
      <p className="lead">
        Who did what, when, and with what outcome. Request input is never recorded. <code>regway audit verify</code>{' '}
        checks whether the trail was modified outside Regway.
      </p>
      <Filters key={actor} actor={actor ?? ''} action={known} />
      {failure !== null && <FailureNote failure={failure} />}
      {answer === null ? (
        isLoading && <p className="faint loading">Loading…</p>
      ) : (
        <Events events={answer.auditEvents} after={after ?? null} actor={actor ?? ''} action={known} />
      )}
    </>
  );
}

interface AuditFilters {
  readonly actor: string;
  readonly action: RegwayAuditAction | null;
}

function show({ actor, action }: AuditFilters, after: string | null = null): void {
  const entries = Object.entries({ actor: actor.trim(), action, after }).flatMap(([name, value]) =>
    value ? [[name, value]] : [],
  );
  go(`/audit${entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`}`);
}

function Filters({ actor, action }: AuditFilters) {
  const [typed, setTyped] = useState(actor);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    show({ actor: typed, action });
  };
  return (
    <search>
      <form className="inline-form" onSubmit={submit}>
        <Field
          label="Actor"
          value={typed}
          onChange={setTyped}
          placeholder="token:…"
          help="Exact match, as shown in the table."
        />
        <Choice
          label="Action"
          value={action ?? ''}
          onChange={(chosen) => show({ actor: typed, action: chosen || null })}
          options={actionLabels}
          none="All actions"
        />
        <Button type="submit" className="button">
          Apply filter
        </Button>
      </form>
    </search>
  );
}

interface EventsProps extends AuditFilters {
  readonly events: AuditQuery['auditEvents'];
  readonly after: string | null;
}

function Events({ events: { nodes, pageInfo }, after, ...filters }: EventsProps) {
  const older = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      {nodes.length === 0 ? (
        <section className="empty">
          <h2>No matching events</h2>
        </section>
      ) : (
        <AuditTable events={nodes} />
      )}
      <nav className="pager" aria-label="Pages">
        <span role="status">
          {nodes.length} {nodes.length === 1 ? 'event' : 'events'}
        </span>
        <span className="spacer" />
        <span className="buttons">
          <Button className="button" isDisabled={after === null} onPress={() => show(filters)}>
            Newest
          </Button>
          <Button className="button" isDisabled={older === null} onPress={() => show(filters, older)}>
            Older
          </Button>
        </span>
      </nav>
    </>
  );
}
