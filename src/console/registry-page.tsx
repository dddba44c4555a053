// One registry: its facts, its last report, who used it, and which images it serves.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { run, runWithId } from './client.ts';
import { AddressLink, FailureNote, Note, type Failure } from './controls.tsx';
import { DeleteDialog } from './delete-dialog.tsx';
import { ImageExplainer } from './image-explainer.tsx';
import { go } from './location.ts';
import { OneDocument, ValidateDocument, type OneQuery } from './operations.ts';
import { RegistryDialog } from './registry-dialog.tsx';
import { RegistryFacts } from './registry-facts.tsx';
import { Steps, Verdict } from './report.tsx';
import { useFailures, useRequest } from './use-request.ts';
import { UsesCard } from './uses-card.tsx';

type Registry = NonNullable<OneQuery['registry']>;

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
      <p className="back"><AddressLink to="/">← All registries</AddressLink></p>
      {failure !== null && <FailureNote failure={failure} />}
      {registry === null ? <Missing isLoading={isLoading} hasFailed={failure !== null} /> : (
        <>
          <div className="page-head">
            <h1 className="break">{registry.registry}</h1>
            <span className="buttons">
              <Button className="button" onPress={() => setDialog('edit')}>Edit</Button>
              <Button className="button danger" onPress={() => setDialog('delete')}>Delete</Button>
            </span>
          </div>
          {notice !== null && <Note tone="good"><p>{notice}</p></Note>}
          <div className="cards">
            <RegistryFacts registry={registry} />
            <LastReport registry={registry} onChange={reload} />
            <ImageExplainer registryId={registry.id} example={`${registry.host}/${registry.repository?.replace('*', 'image') ?? 'image'}:latest`} />
            <UsesCard uses={registry.uses} />
          </div>
          {dialog === 'edit' && <RegistryDialog stored={registry} onClose={() => setDialog(null)} onDone={changed} />}
          {dialog === 'delete' && <DeleteDialog id={registry.id} onClose={() => setDialog(null)} onDone={() => go('/')} />}
        </>
      )}
    </>
  );
}

function Missing({ isLoading, hasFailed }: { readonly isLoading: boolean; readonly hasFailed: boolean }) {
  if (hasFailed) return null;
  if (isLoading) return <p className="faint loading">Loading…</p>;
  return <section className="empty"><h1>Not there</h1><p>There is no registry at this address, or it is not yours to see.</p></section>;
}

function LastReport({ registry, onChange }: { readonly registry: Registry; readonly onChange: () => void }) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const meet = useFailures();
  const validate = async (): Promise<void> => {
    setBusy(true);
    try {
      const [{ validateRegistry }, requestId] = await runWithId(ValidateDocument, { id: registry.id });
      const [error] = validateRegistry.errors;
      setFailure(error === undefined ? null : { message: error.message, requestId });
      onChange();
    } catch (error) {
      setFailure(meet(error));
    }
    setBusy(false);
  };
  const report = registry.lastValidation;
  return (
    <section className="card" aria-labelledby="report-title">
      <div className="card-head">
        <h2 id="report-title">Last validation</h2>
        <Button className="button" isDisabled={isBusy} onPress={() => void validate()}>{isBusy ? 'Validating…' : 'Validate now'}</Button>
      </div>
      {failure !== null && <FailureNote failure={failure} />}
      {report === null ? <p className="faint">It was never checked.</p> : <><Verdict report={report} /><Steps steps={report.steps} /></>}
    </section>
  );
}

