// Asks before something that hurts, does it, and says so when it went wrong.

import type { ReactNode } from 'react';
import { Button } from 'react-aria-components';
import { FailureNote } from './controls.tsx';
import { Dialog } from './dialog.tsx';
import { useChange, type Ask } from '../api/use-change.ts';

interface QuestionDialogProps {
  readonly title: string;
  /** The word of the button. */
  readonly action: string;
  readonly ask: Ask;
  readonly onClose: () => void;
  readonly onDone: () => void;
  /** What will happen. */
  readonly children: ReactNode;
}

export function QuestionDialog({ title, action, ask, onClose, onDone, children }: QuestionDialogProps) {
  const { failure, isBusy, start } = useChange();
  const answer = async (): Promise<void> => {
    if (await start(ask)) onDone();
  };
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose}>
      {children}
      {failure !== null && <FailureNote failure={failure} />}
      <div className="dialog-buttons">
        <Button className="button" onPress={onClose} autoFocus>Cancel</Button>
        <Button className="button danger solid" isDisabled={isBusy} onPress={() => void answer()}>{action}</Button>
      </div>
    </Dialog>
  );
}
