// Renders modal dialogs: focus stays inside, Escape closes them, and the page behind is inert.

import type { ReactNode } from 'react';
import { Button, Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { type SendChange, useChange } from '../api/use-change.ts';
import { FailureNote } from './controls.tsx';

interface DialogProps {
  readonly title: string;
  readonly role?: 'dialog' | 'alertdialog';
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A modal dialog. */
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

interface ConfirmDialogProps {
  readonly title: string;
  /** The label of the button that confirms. */
  readonly action: string;
  readonly send: SendChange;
  readonly onClose: () => void;
  readonly onDone: () => void;
  /** The effect of the change, described for the user. */
  readonly children: ReactNode;
}

/** Asks for confirmation, then sends a change; shows the failure if the server rejects it. */
export function ConfirmDialog({ title, action, send, onClose, onDone, children }: ConfirmDialogProps) {
  const { failure, isBusy, start } = useChange();
  const confirm = async (): Promise<void> => {
    if (await start(send)) onDone();
  };
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose}>
      {children}
      {failure !== null && <FailureNote failure={failure} />}
      <div className="dialog-buttons">
        <Button className="button" onPress={onClose} autoFocus>
          Cancel
        </Button>
        <Button className="button danger solid" isDisabled={isBusy} onPress={() => void confirm()}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
