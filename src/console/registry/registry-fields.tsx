// Renders the fields of a registry, each with help for the chosen type.

import { useState } from 'react';
import { Button, Checkbox, Input, TextArea } from 'react-aria-components';
import { Choice, Field, Note, Toggle } from '../components/controls.tsx';
import {
  canStoreAsPending,
  passwordReasons,
  sendsPassword,
  type FieldErrors,
  type FormState,
  typeHelp,
} from './form-state.ts';
import type { FactsFragment, RegistryType } from '../api/operations.ts';
import { typeLabels } from '../shared/words.ts';

interface RegistryFieldsProps {
  readonly stored: FactsFragment | null;
  readonly form: FormState;
  readonly errors: FieldErrors;
  readonly onChange: (change: Partial<FormState>) => void;
}

const registryHelp: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'A host, all repositories below a path (docker.io/anchore/*), or one repository.',
  AWSECR: 'The host of your account and region.',
  GCR: 'The host, preferably with the project: europe-docker.pkg.dev/project/*.',
  ACR: 'The login server.',
};

const registryExamples: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'docker.io/anchore/*',
  AWSECR: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
  GCR: 'europe-docker.pkg.dev/project/*',
  ACR: 'example.azurecr.io',
};

const usernameHelp: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'The username for docker login.',
  AWSECR: 'The access key ID.',
  GCR: '_json_key for a service account key.',
  ACR: 'The client ID.',
};

/** The fields of the form of a registry. @param stored null for a new registry. */
export function RegistryFields({ stored, form, errors, onChange }: RegistryFieldsProps) {
  const action = stored === null ? 'Add' : 'Save';
  return (
    <div className="fields">
      <RegistryField stored={stored} form={form} errors={errors} onChange={onChange} />
      <Choice
        label="Type"
        value={form.type}
        onChange={(type) => type !== '' && onChange({ type })}
        options={typeLabels}
        help={typeHelp(form)}
      />
      <Field
        label="Name"
        value={form.name}
        onChange={(name) => onChange({ name })}
        error={errors.name}
        help="The display name. Defaults to the registry."
      />
      <Field
        label="Username"
        value={form.username}
        onChange={(username) => onChange({ username })}
        error={errors.username}
        help={usernameHelp[form.type]}
        isRequired
      />
      <PasswordPart stored={stored} form={form} errors={errors} onChange={onChange} />
      <Toggle
        label="Allow Self Signed"
        isOn={form.allowSelfSigned}
        onChange={(allowSelfSigned) => onChange({ allowSelfSigned })}
        help="Accepts any certificate of this registry, and plain HTTP where the server's settings allow it."
      />
      <Toggle
        label={`Validate on ${action}`}
        isOn={form.validate}
        onChange={(validate) => onChange({ validate })}
        help={
          form.validate
            ? 'Regway tests the credential before storing it. If the test fails, nothing is stored.'
            : 'Stored without a test. Scheduled validation skips it.'
        }
      />
      {form.allowSelfSigned && (
        <div className="wide">
          <Note tone="warning">
            <p>
              Anyone who can impersonate this registry could receive the password. Adding its CA to the server
              (REGWAY_CA_FILE) is safer.
            </p>
          </Note>
        </div>
      )}
      <UpstreamFields form={form} errors={errors} onChange={onChange} />
    </div>
  );
}

function RegistryField({ stored, form, errors, onChange }: RegistryFieldsProps) {
  return stored === null ? (
    <Field
      label="Registry"
      value={form.registry}
      onChange={(registry) => onChange({ registry })}
      error={errors.registry}
      help={registryHelp[form.type]}
      placeholder={registryExamples[form.type]}
      isRequired
      autoFocus
    />
  ) : (
    <Field
      label="Registry"
      value={form.registry}
      onChange={() => undefined}
      isDisabled
      help="Cannot be changed. Add another registry instead."
    />
  );
}

function UpstreamFields({ form, errors, onChange }: Omit<RegistryFieldsProps, 'stored'>) {
  return (
    <>
      <Field
        label="Trusted token server"
        value={form.trustedRealm}
        onChange={(trustedRealm) => onChange({ trustedRealm })}
        error={errors.trustedRealm}
        placeholder="auth.example.com"
        help="Another host that may receive this credential. Required only if the registry names one."
      />
      <Field
        label="Test repository"
        value={form.probeRepository}
        onChange={(probeRepository) => onChange({ probeRepository })}
        error={errors.probeRepository}
        placeholder="team/app"
        help="Verifies that the credential can pull this repository. Useful if the registry also accepts anonymous requests."
      />
    </>
  );
}

function PasswordPart({ stored, form, errors, onChange }: RegistryFieldsProps) {
  const reasons = stored === null ? [] : passwordReasons(stored, form);
  return (
    <div className="wide password-part">
      {stored !== null && (
        <Checkbox
          isSelected={form.replacePassword || reasons.length > 0}
          isDisabled={reasons.length > 0}
          onChange={(replacePassword) => onChange({ replacePassword, password: '' })}
        >
          <span className="box" aria-hidden="true" />
          Replace the stored password
        </Checkbox>
      )}
      {reasons.length > 0 && (
        <Note tone="warning">
          <p>
            Enter the password again: {reasons.join(' and ')} could send the stored password to an unintended
            destination.
          </p>
        </Note>
      )}
      {sendsPassword(stored, form) ? (
        <PasswordField form={form} errors={errors} onChange={onChange} />
      ) : (
        <p className="help">The stored password is kept.</p>
      )}
      {canStoreAsPending(stored, form) && (
        <Toggle
          label="Store as pending"
          isOn={form.storeAsPending}
          onChange={(storeAsPending) => onChange({ storeAsPending })}
          help="Use this if the registry does not accept the new password yet. Regway keeps using the current one until it does."
        />
      )}
    </div>
  );
}

function PasswordField({ form, errors, onChange }: Omit<RegistryFieldsProps, 'stored'>) {
  const [isShown, setShown] = useState(false);
  const isKey = form.type === 'GCR';
  const help = isKey
    ? 'The complete JSON key of the service account.'
    : form.type === 'AWSECR'
      ? 'The secret access key.'
      : form.type === 'ACR'
        ? 'The client secret.'
        : 'A password or token. It cannot be read back.';
  return (
    <Field
      label="Password"
      value={form.password}
      onChange={(password) => onChange({ password })}
      error={errors.password}
      help={help}
      isRequired
    >
      <span className="with-button">
        {isKey ? (
          <TextArea
            className={isShown ? '' : 'masked'}
            rows={5}
            autoComplete="off"
            spellCheck={false}
            placeholder='{ "type": "service_account", … }'
          />
        ) : (
          <Input type={isShown ? 'text' : 'password'} autoComplete="new-password" spellCheck={false} />
        )}
        <Button
          className="button"
          aria-label={isShown ? 'Hide password' : 'Show password'}
          onPress={() => setShown(!isShown)}
        >
          {isShown ? 'Hide' : 'Show'}
        </Button>
      </span>
    </Field>
  );
}
