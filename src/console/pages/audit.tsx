// The audit trail, newest first, narrowed by who and what, in pages over the server's cursors.

import { type FormEvent, useState } from 'react';
import { Button } from 'react-aria-components';
import { run } from '../api/client.ts';
import { AuditDocument, type AuditQuery, type RegwayAuditAction } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { Choice, FailureNote, Field, PageHeading } from '../components/controls.tsx';
import { go } from '../shared/location.ts';
import { actionLabels } from '../shared/words.ts';

/** A screen or two; the trail is read from its newest end. */
const pageSize = 50;

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
        Who changed what, when, and how it ended. Nothing that anybody typed is in it. <code>regway audit verify</code>{' '}
        shows that nothing was changed in it afterwards.
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

interface Narrowing {
  readonly actor: string;
  readonly action: RegwayAuditAction | null;
}

function show({ actor, action }: Narrowing, after: string | null = null): void {
  const entries = Object.entries({ actor: actor.trim(), action, after }).flatMap(([name, value]) =>
    value ? [[name, value]] : [],
  );
  go(`/audit${entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`}`);
}

function Filters({ actor, action }: Narrowing) {
  const [typed, setTyped] = useState(actor);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    show({ actor: typed, action });
  };
  return (
    <search>
      <form className="inline-form" onSubmit={submit}>
        <Field label="Who" value={typed} onChange={setTyped} placeholder="token:…" help="Exactly as in the table." />
        <Choice
          label="What"
          value={action ?? ''}
          onChange={(chosen) => show({ actor: typed, action: chosen || null })}
          options={actionLabels}
          none="Everything"
        />
        <Button type="submit" className="button">
          Show
        </Button>
      </form>
    </search>
  );
}

interface EventsProps extends Narrowing {
  readonly events: AuditQuery['auditEvents'];
  readonly after: string | null;
}

function Events({ events: { nodes, pageInfo }, after, ...narrowing }: EventsProps) {
  const older = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      {nodes.length === 0 ? (
        <section className="empty">
          <h2>Nothing of that kind happened</h2>
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
          <Button className="button" isDisabled={after === null} onPress={() => show(narrowing)}>
            Newest
          </Button>
          <Button className="button" isDisabled={older === null} onPress={() => show(narrowing, older)}>
            Older
          </Button>
        </span>
      </nav>
    </>
  );
}
