// Creates an API token and shows its value once.

import { useState, type FormEvent } from 'react';
import { Button, TextArea } from 'react-aria-components';
import { runWithId, type Principal } from '../api/client.ts';
import { Choice, Field, FailureNote, Note } from '../components/controls.tsx';
import { Dialog } from '../components/dialog.tsx';
import { CreateTokenDocument, type RegwayRole } from '../api/operations.ts';
import { useChange } from '../api/use-change.ts';
import { roleLabels } from '../shared/words.ts';

const lifetimes = { '30d': '30 days', '90d': '90 days', '365d': '1 year', never: 'Never' } as const;

interface TokenForm {
  readonly name: string;
  readonly role: RegwayRole;
  readonly account: string;
  /** Image patterns, one per line. */
  readonly images: string;
  readonly lifetime: keyof typeof lifetimes;
}

/** The dialog that creates an API token. */
export function TokenDialog({ principal, onClose }: { readonly principal: Principal; readonly onClose: () => void }) {
  const [form, setForm] = useState<TokenForm>({
    name: '',
    role: 'PULL',
    account: principal.account,
    images: '',
    lifetime: '90d',
  });
  const [value, setValue] = useState<string | null>(null);
  const { failure, isBusy, start } = useChange();
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    await start(async () => {
      const [{ createToken }, requestId] = await runWithId(CreateTokenDocument, { input: inputOf(form, principal) });
      setValue(createToken.text);
      return [createToken.errors, requestId];
    });
  };
  if (value !== null)
    return (
      <Dialog title="Token created" onClose={onClose}>
        <TokenValue value={value} onClose={onClose} />
      </Dialog>
    );
  return (
    <Dialog title="Create token" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <TokenFields
          form={form}
          principal={principal}
          onChange={(change) => setForm((before) => ({ ...before, ...change }))}
        />
        {failure !== null && <FailureNote failure={failure} />}
        <div className="dialog-buttons">
          <span className="spacer" />
          <Button className="button" onPress={onClose}>
            Cancel
          </Button>
          <Button type="submit" className="button primary" isDisabled={isBusy}>
            {isBusy ? 'Creating…' : 'Create token'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface TokenFieldsProps {
  readonly form: TokenForm;
  readonly principal: Principal;
  readonly onChange: (change: Partial<TokenForm>) => void;
}

function TokenFields({ form: { name, role, account, images, lifetime }, principal, onChange }: TokenFieldsProps) {
  const { ADMIN, ...others } = roleLabels;
  const isAdmin = principal.role === 'ADMIN';
  return (
    <>
      <Field
        label="Name"
        value={name}
        onChange={(typed) => onChange({ name: typed })}
        help="What will use this token, for example ci-runner."
        autoFocus
      />
      <Choice
        label="Role"
        value={role}
        onChange={(chosen) => chosen && onChange({ role: chosen })}
        options={isAdmin ? { ...others, ADMIN } : others}
      />
      {isAdmin && (
        <Field
          label="Account"
          value={account}
          onChange={(typed) => onChange({ account: typed })}
          help="The account this token acts in."
        />
      )}
      {role === 'PULL' && (
        <Field
          label="Images"
          value={images}
          onChange={(typed) => onChange({ images: typed })}
          help="Limits the token to these image patterns, one per line. Leave empty for all images."
        >
          <TextArea rows={3} placeholder="docker.io/anchore/*" spellCheck={false} autoCapitalize="none" />
        </Field>
      )}
      <Choice
        label="Expires in"
        value={lifetime}
        onChange={(chosen) => chosen && onChange({ lifetime: chosen })}
        options={lifetimes}
      />
    </>
  );
}

function TokenValue({ value, onClose }: { readonly value: string; readonly onClose: () => void }) {
  const [isCopied, setCopied] = useState(false);
  // A page that was not loaded over HTTPS may not use the clipboard; the value can still be selected.
  const canCopy = globalThis.isSecureContext;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <>
      <Note tone="warning">
        <p>Copy the token now. You will not be able to see it again.</p>
      </Note>
      <p>
        <code className="token-text" data-testid="token-text">
          {value}
        </code>
      </p>
      <div className="dialog-buttons">
        {canCopy && (
          <Button className="button" onPress={() => void copy().catch(() => setCopied(false))}>
            {isCopied ? 'Copied' : 'Copy'}
          </Button>
        )}
        <span className="spacer" />
        <Button className="button primary" onPress={onClose}>
          Done
        </Button>
      </div>
    </>
  );
}

function inputOf({ name, role, account, images, lifetime }: TokenForm, principal: Principal) {
  const patterns = images
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return {
    role,
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(role === 'PULL' && patterns.length > 0 ? { images: patterns } : {}),
    ...(lifetime === 'never' ? {} : { expiresIn: lifetime }),
    ...(account.trim() === principal.account ? {} : { account: account.trim() }),
  };
}
