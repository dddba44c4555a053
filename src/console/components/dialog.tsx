// A window over the page: the focus stays in it, Escape closes it, and the page behind is out of reach.

import type { ReactNode } from 'react';
import { Button, Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { type Ask, useChange } from '../api/use-change.ts';
import { FailureNote } from './controls.tsx';

interface DialogProps {
  readonly title: string;
  readonly role?: 'dialog' | 'alertdialog';
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Dialog({ title, role = 'dialog', onClose, children }: DialogProps) {
  return (
    <ModalOverlay className="overlay" isOpen onOpenChange={(isOpen) => isOpen || onClose()}>
      <Modal className={`modal ${role}`}>
        <AriaDialog role={role}>
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

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
        <Button className="button" onPress={onClose} autoFocus>
          Cancel
        </Button>
        <Button className="button danger solid" isDisabled={isBusy} onPress={() => void answer()}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
