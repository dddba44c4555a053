// Deletes a registry: shows the effect and recent pulls, and requires typing the registry's pattern if it is in use.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { run, runWithId } from '../api/client.ts';
import { Ago, FailureNote, Field } from '../components/controls.tsx';
import { Dialog } from '../components/dialog.tsx';
import { DeleteDocument, OneDocument, type OneQuery } from '../api/operations.ts';
import { useChange } from '../api/use-change.ts';
import { useRequest } from '../api/use-request.ts';

/** Milliseconds since the last pull within which a registry counts as in use: 30 days. */
const recentMs = 30 * 24 * 60 * 60 * 1000;
/** Maximum number of pulls shown: enough to recognize the client. The page of the registry shows all of them. */
const shownUses = 5;

interface DeleteDialogProps {
  readonly id: string;
  readonly onClose: () => void;
  readonly onDone: (sentence: string) => void;
}

/** The dialog that deletes a registry. */
export function DeleteDialog({ id, onClose, onDone }: DeleteDialogProps) {
  const { answer, failure, isLoading } = useRequest(id, (signal) => run(OneDocument, { id }, signal));
  const registry = answer?.registry ?? null;
  return (
    <Dialog title="Delete registry" role="alertdialog" onClose={onClose}>
      {failure !== null && <FailureNote failure={failure} />}
      {isLoading && <p className="faint">Loading…</p>}
      {answer !== null && registry === null && <p>This registry was already deleted.</p>}
      {registry === null ? (
        <div className="dialog-buttons">
          <Button className="button" onPress={onClose}>
            Close
          </Button>
        </div>
      ) : (
        <Confirmation registry={registry} onClose={onClose} onDone={onDone} />
      )}
    </Dialog>
  );
}

interface ConfirmationProps extends Omit<DeleteDialogProps, 'id'> {
  readonly registry: NonNullable<OneQuery['registry']>;
}

function Confirmation({ registry, onClose, onDone }: ConfirmationProps) {
  const [typed, setTyped] = useState('');
  const { failure, isBusy, start } = useChange();
  const isInUse = registry.lastUsedAt !== null && Date.now() - Date.parse(registry.lastUsedAt) < recentMs;
  const remove = async (): Promise<void> => {
    const isDone = await start(async () => {
      const [{ deleteRegistry }, requestId] = await runWithId(DeleteDocument, { id: registry.id });
      return [deleteRegistry.errors, requestId];
    });
    if (isDone) onDone(`Deleted ${registry.registry}.`);
  };
  return (
    <>
      <p>
        Deletes <strong className="break">{registry.registry}</strong> and its password from Regway. Images in the
        registry are not affected. Pulls of images that no other registry covers become anonymous.
      </p>
      {isInUse ? (
        <RecentUses registry={registry} />
      ) : (
        <p>
          {registry.lastUsedAt === null ? (
            'No pull has used it.'
          ) : (
            <>
              No pull has used it in the last 30 days; the last pull was <Ago time={registry.lastUsedAt} />.
            </>
          )}
        </p>
      )}
      {isInUse && <Field label={`Type ${registry.registry} to confirm`} value={typed} onChange={setTyped} />}
      {failure !== null && <FailureNote failure={failure} />}
      <div className="dialog-buttons">
        <Button className="button" onPress={onClose} autoFocus={!isInUse}>
          Cancel
        </Button>
        <Button
          className="button danger solid"
          isDisabled={isBusy || (isInUse && typed.trim() !== registry.registry)}
          onPress={() => void remove()}
        >
          {isBusy ? 'Deleting…' : 'Delete registry'}
        </Button>
      </div>
    </>
  );
}

function RecentUses({ registry: { lastUsedAt, uses } }: Pick<ConfirmationProps, 'registry'>) {
  return (
    <>
      <p>
        <strong>This registry is in use:</strong> the last pull was <Ago time={lastUsedAt} />. Recent pulls:
      </p>
      <ul>
        {(uses ?? []).slice(0, shownUses).map(({ image, actor, lastAt }) => (
          <li key={`${image} ${actor}`}>
            <code>{image}</code> by {actor}, <Ago time={lastAt} />
          </li>
        ))}
      </ul>
    </>
  );
}
