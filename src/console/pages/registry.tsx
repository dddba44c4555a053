// Shows one registry: its details, last validation, covered images, usage, and audit events.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { run } from '../api/client.ts';
import { OneDocument, type OneQuery, type ReportFragment } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { AddressLink, FailureNote, Note, PageHeading } from '../components/controls.tsx';
import { DeleteDialog } from '../registry/delete-dialog.tsx';
import { ImageExplainer } from '../registry/image-explainer.tsx';
import { RegistryDialog } from '../registry/registry-dialog.tsx';
import { RegistryFacts, UsesCard } from '../registry/registry-facts.tsx';
import { Steps, ValidationResult } from '../registry/report.tsx';
import { checkStored, useCheck } from '../registry/use-check.ts';
import { go } from '../shared/location.ts';

type Registry = NonNullable<OneQuery['registry']>;

/** The page of one registry. */
export function RegistryPage({ id }: { readonly id: string }) {
  const { answer, failure, isLoading, reload } = useRequest(id, (signal) => run(OneDocument, { id }, signal));
  const [dialog, setDialog] = useState<'edit' | 'delete' | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const registry = answer?.registry ?? null;
  const changed = (sentence: string): void => {
    setDialog(null);
    setNotice(sentence);
    reload();
  };
  return (
    <>
      <p className="back">
        <AddressLink to="/">← All registries</AddressLink>
      </p>
      {failure !== null && <FailureNote failure={failure} />}
      {registry === null ? (
        <Missing isLoading={isLoading} hasFailed={failure !== null} />
      ) : (
        <>
          <div className="page-head">
            <PageHeading title={registry.registry} isBreakable />
            <span className="buttons">
              <Button className="button" onPress={() => setDialog('edit')}>
                Edit
              </Button>
              <Button className="button danger" onPress={() => setDialog('delete')}>
                Delete
              </Button>
            </span>
          </div>
          {notice !== null && (
            <Note tone="good">
              <p>{notice}</p>
            </Note>
          )}
          <div className="cards">
            <RegistryFacts registry={registry} />
            <LastReport registry={registry} onChange={reload} />
            <ImageExplainer
              registryId={registry.id}
              example={`${registry.host}/${registry.repository?.replace('*', 'image') ?? 'image'}:latest`}
            />
            <UsesCard uses={registry.uses} />
            <AuditCard events={registry.auditEvents} />
          </div>
          {dialog === 'edit' && <RegistryDialog stored={registry} onClose={() => setDialog(null)} onDone={changed} />}
          {dialog === 'delete' && (
            <DeleteDialog id={registry.id} onClose={() => setDialog(null)} onDone={() => go('/')} />
          )}
        </>
      )}
    </>
  );
}

function AuditCard({ events }: { readonly events: Registry['auditEvents'] }) {
  return (
    <section className="card" aria-labelledby="audit-title">
      <h2 id="audit-title">Audit</h2>
      {events === null || events.length === 0 ? (
        <p className="faint">No events yet.</p>
      ) : (
        <AuditTable events={events} isOfOneResource />
      )}
    </section>
  );
}

function Missing({ isLoading, hasFailed }: { readonly isLoading: boolean; readonly hasFailed: boolean }) {
  if (hasFailed) return null;
  if (isLoading) return <p className="faint loading">Loading…</p>;
  return (
    <section className="empty">
      <PageHeading title="Registry not found" />
      <p>It does not exist, or you do not have access to it.</p>
    </section>
  );
}

function LastReport({ registry, onChange }: { readonly registry: Registry; readonly onChange: () => void }) {
  const check = useCheck();
  const validate = async (): Promise<void> => {
    if ((await check.start(checkStored(registry.id))) !== null) onChange();
  };
  const report = newest(check.report, registry.lastValidation);
  return (
    <section className="card" aria-labelledby="report-title">
      <div className="card-head">
        <h2 id="report-title">Last validation</h2>
        <Button className="button" isDisabled={check.isRunning} onPress={() => void validate()}>
          {check.isRunning ? 'Validating…' : 'Validate now'}
        </Button>
      </div>
      {check.failure !== null && <FailureNote failure={check.failure} />}
      {check.isRunning ? (
        <Steps steps={check.steps} isRunning />
      ) : report === null ? (
        <p className="faint">Not validated yet.</p>
      ) : (
        <>
          <ValidationResult report={report} />
          <Steps steps={report.steps} />
        </>
      )}
    </section>
  );
}

/** Returns the later of the two reports: an edit may have stored one after the check on this page. */
function newest(seen: ReportFragment | null, stored: ReportFragment | null): ReportFragment | null {
  if (seen === null || stored === null) return seen ?? stored;
  return Date.parse(seen.checkedAt) > Date.parse(stored.checkedAt) ? seen : stored;
}
