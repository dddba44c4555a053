// Adds or changes a registry: the form, the connection test, and saving.

import { useEffect, useRef, useState, type FormEvent } from 'react';
import { Button } from 'react-aria-components';
import { runWithId } from '../api/client.ts';
import { FailureNote } from '../components/controls.tsx';
import { Dialog } from '../components/dialog.tsx';
import {
  createInputOf,
  emptyForm,
  fieldOfPath,
  formOf,
  missingFields,
  suggestFixes,
  sendsPassword,
  updateInputOf,
  type FieldErrors,
  type FormState,
} from './form-state.ts';
import { CreateDocument, UpdateDocument, type CreateMutation, type FactsFragment } from '../api/operations.ts';
import { RegistryFields } from './registry-fields.tsx';
import { Steps, ValidationResult } from './report.tsx';
import { SetupHelp } from './setup-help.tsx';
import { checkForm, useCheck, type Check } from './use-check.ts';
import { type Failure, useFailures } from '../api/use-request.ts';

interface RegistryDialogProps {
  /** The registry to change; null adds one. */
  readonly stored: FactsFragment | null;
  readonly onClose: () => void;
  /** Called once the registry is stored, with a message that confirms it. */
  readonly onDone: (sentence: string) => void;
}

/** The dialog that adds or changes a registry. */
export function RegistryDialog({ stored, onClose, onDone }: RegistryDialogProps) {
  const form = useForm(stored);
  const check = useCheck();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isSaving, setSaving] = useState(false);
  const toFailure = useFailures();
  const isBusy = isSaving || check.isRunning;

  const showError = ([error]: CreateMutation['createRegistry']['errors'], requestId: string | null): void => {
    if (error === undefined || error.code === 'VALIDATION_FAILED') return;
    const field = fieldOfPath(error.field);
    if (field === null) setFailure({ message: error.message, requestId });
    else form.setErrors({ [field]: error.message });
  };
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setFailure(null);
    check.clear();
    if (isBusy || !form.isComplete()) return;
    setSaving(true);
    try {
      const { registry, validation, errors, requestId } = await store(stored, form.state);
      const outcome =
        !form.state.storeAsPending || (registry?.pendingSince ?? null) === null
          ? validation?.message
          : 'The new password is pending until the registry accepts it.';
      if (errors.length === 0)
        return onDone(
          [`${stored === null ? 'Added' : 'Changed'} ${stored?.registry ?? form.state.registry.trim()}.`, outcome]
            .filter(Boolean)
            .join(' '),
        );
      if (validation !== null) check.show(validation);
      showError(errors, requestId);
    } catch (error) {
      setFailure(toFailure(error));
    }
    setSaving(false);
  };

  return (
    <Dialog title={stored === null ? 'Add New Registry' : `Edit ${stored.registry}`} onClose={onClose}>
      <form onSubmit={(event) => void save(event)} noValidate>
        <SetupHelp />
        <RegistryFields stored={stored} form={form.state} errors={form.errors} onChange={form.change} />
        {failure !== null && <FailureNote failure={failure} />}
        <CheckResult check={check} form={form.state} onChange={form.change} />
        <div className="dialog-buttons">
          <Button
            className="button"
            isDisabled={isBusy}
            onPress={() => form.isComplete() && void check.start(checkForm(stored, form.state))}
          >
            {stored !== null && !sendsPassword(stored, form.state) ? 'Test stored credential' : 'Test connection'}
          </Button>
          <span className="spacer" />
          <Button className="button" onPress={onClose}>
            Cancel
          </Button>
          <Button type="submit" className="button primary" isDisabled={isBusy}>
            {isSaving ? (form.state.validate ? 'Validating…' : 'Saving…') : 'Save'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function useForm(stored: FactsFragment | null) {
  const [state, setState] = useState<FormState>(stored === null ? emptyForm : formOf(stored));
  const [errors, setErrors] = useState<FieldErrors>({});
  return {
    state,
    errors,
    setErrors,
    change: (change: Partial<FormState>): void => {
      setState((before) => ({ ...before, ...change }));
      setErrors((before) => Object.fromEntries(Object.entries(before).filter(([field]) => !(field in change))));
    },
    /** Shows which required fields are empty, and returns whether there are none. */
    isComplete: (): boolean => {
      const missing = missingFields(stored, state);
      setErrors(missing);
      return Object.keys(missing).length === 0;
    },
  };
}

async function store(stored: FactsFragment | null, form: FormState) {
  const settings = { secureConnection: !form.allowSelfSigned, validate: form.validate };
  if (stored === null) {
    const [{ createRegistry }, requestId] = await runWithId(CreateDocument, {
      input: createInputOf(form),
      ...settings,
    });
    return { ...createRegistry, requestId };
  }
  const [{ updateRegistry }, requestId] = await runWithId(UpdateDocument, {
    id: stored.id,
    input: updateInputOf(stored, form),
    ...settings,
  });
  return { ...updateRegistry, requestId };
}

function CheckResult({
  check,
  form,
  onChange,
}: {
  readonly check: Check;
  readonly form: FormState;
  readonly onChange: (change: Partial<FormState>) => void;
}) {
  const { steps, report, failure, isRunning } = check;
  const frame = useRef<HTMLElement>(null);
  // New results appear at the end, and the form above may fill the screen.
  useEffect(() => {
    frame.current?.scrollIntoView({ block: 'end' });
  }, [steps.length, report, failure, isRunning]);
  if (!isRunning && report === null && failure === null) return null;
  return (
    <section className="check" aria-label="Connection test" ref={frame}>
      <Steps steps={report?.steps ?? steps} isRunning={isRunning} />
      {failure !== null && <FailureNote failure={failure} />}
      {report !== null && (
        <ValidationResult
          report={report}
          fixes={suggestFixes(report, form)}
          onFix={({ change }) => {
            onChange(change);
            check.clear();
          }}
        />
      )}
    </section>
  );
}
