// Asks before something that hurts, does it, and says so when it went wrong.

import { useState, type ReactNode } from 'react';
import { Button } from 'react-aria-components';
import { FailureNote, type Failure } from './controls.tsx';
import { Dialog } from './dialog.tsx';
import type { FailureFragment } from './operations.ts';
import { useFailures } from './use-request.ts';

interface QuestionDialogProps {
  readonly title: string;
  /** The word of the button. */
  readonly action: string;
  /** Does it, and gives what the server has against it. */
  readonly ask: () => Promise<readonly FailureFragment[]>;
  readonly onClose: () => void;
  readonly onDone: () => void;
  /** What will happen. */
  readonly children: ReactNode;
}

export function QuestionDialog({ title, action, ask, onClose, onDone, children }: QuestionDialogProps) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const meet = useFailures();
  const go = async (): Promise<void> => {
    setBusy(true);
    try {
      const [error] = await ask();
      if (error === undefined) return onDone();
      setFailure({ message: error.message, requestId: null });
    } catch (error) {
      setFailure(meet(error));
    }
    setBusy(false);
  };
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose}>
      {children}
      {failure !== null && <FailureNote failure={failure} />}
      <div className="dialog-buttons">
        <Button className="button" onPress={onClose} autoFocus>Cancel</Button>
        <Button className="button danger solid" isDisabled={isBusy} onPress={() => void go()}>{action}</Button>
      </div>
    </Dialog>
  );
}
