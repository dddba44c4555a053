// Holds the values of the registry form, derives what they require, and converts them to the server's input.

import type { Advice, AdviceKind, AdviceOf } from '../../core/registry/advice.ts';
import { suggestType } from '../../core/registry/registry.ts';
import type {
  CreateRegistryInput,
  FactsFragment,
  RegistryType,
  ReportFragment,
  UpdateRegistryInput,
} from '../api/operations.ts';
import { knownAdvice } from '../shared/advice.ts';
import { typeLabels } from '../shared/words.ts';

/** The values of the form as typed. */
export interface FormState {
  readonly registry: string;
  readonly type: RegistryType;
  readonly name: string;
  readonly username: string;
  readonly password: string;
  readonly allowSelfSigned: boolean;
  readonly validate: boolean;
  readonly trustedRealm: string;
  readonly probeRepository: string;
  /** Only when editing: whether `password` replaces the stored password. */
  readonly replacePassword: boolean;
  /** Only if the password is the only change of the credential: whether to store it as pending. */
  readonly storeAsPending: boolean;
}

/** The name of a field of the form. */
export type FormField = keyof FormState;

/** The problems of the form, by field. */
export type FieldErrors = Partial<Record<FormField, string>>;

/** The form of a new registry. */
export const emptyForm: FormState = {
  registry: '',
  type: 'DOCKER_V2',
  name: '',
  username: '',
  password: '',
  allowSelfSigned: false,
  validate: true,
  trustedRealm: '',
  probeRepository: '',
  replacePassword: false,
  storeAsPending: false,
};

/** Returns the form of a stored registry. Its password is empty, because no API returns a password. */
export function formOf(stored: FactsFragment): FormState {
  return {
    ...emptyForm,
    registry: stored.registry,
    type: stored.type,
    name: stored.name === stored.registry ? '' : stored.name,
    username: stored.username,
    allowSelfSigned: !stored.secureConnection,
    trustedRealm: stored.trustedRealm ?? '',
    probeRepository: stored.probeRepository ?? '',
  };
}

/** Returns the changes that require the password again, because they could send the stored one to another destination. */
export function passwordReasons(stored: FactsFragment, form: FormState): string[] {
  return [
    ...(stored.secureConnection && form.allowSelfSigned ? ['allowing self-signed certificates'] : []),
    ...(stored.type === form.type ? [] : ['changing the type']),
    ...(stored.username === form.username ? [] : ['changing the username']),
    ...((stored.trustedRealm ?? '') === form.trustedRealm.trim() ? [] : ['changing the trusted token server']),
  ];
}

/** Returns whether this form sends a password. */
export function sendsPassword(stored: FactsFragment | null, form: FormState): boolean {
  return stored === null || form.replacePassword || passwordReasons(stored, form).length > 0;
}

/** Returns whether the new password can be pending: Regway keeps using the current one, so the password must be the only change. */
export function canStoreAsPending(stored: FactsFragment | null, form: FormState): boolean {
  return (
    stored !== null &&
    form.replacePassword &&
    passwordReasons(stored, form).length === 0 &&
    stored.secureConnection === !form.allowSelfSigned
  );
}

/** Returns a message for each required field that is empty. */
export function missingFields(stored: FactsFragment | null, form: FormState): FieldErrors {
  return {
    ...(form.registry.trim() === '' ? { registry: 'Enter the registry, for example docker.io/anchore/*.' } : {}),
    ...(form.username === '' ? { username: 'Enter the username.' } : {}),
    ...(form.password === '' && sendsPassword(stored, form) ? { password: 'Enter the password.' } : {}),
  };
}

/** Converts the form to the input of a new registry or of a test. */
export function createInputOf(form: FormState): CreateRegistryInput {
  return {
    registry: form.registry.trim(),
    type: form.type,
    username: form.username,
    password: form.password,
    ...optional('name', form.name),
    ...optional('trustedRealm', form.trustedRealm),
    ...optional('probeRepository', form.probeRepository),
  };
}

/** Converts the form to the input of an update: only the values that differ from the stored registry. */
export function updateInputOf(stored: FactsFragment, form: FormState): UpdateRegistryInput {
  const before = formOf(stored);
  const changed = (field: 'name' | 'trustedRealm' | 'probeRepository') =>
    before[field] === form[field].trim() ? {} : { [field]: form[field].trim() || null };
  return {
    ...changed('name'),
    ...changed('trustedRealm'),
    ...changed('probeRepository'),
    ...(stored.type === form.type ? {} : { type: form.type }),
    ...(stored.username === form.username ? {} : { username: form.username }),
    ...(sendsPassword(stored, form) ? { password: form.password } : {}),
    ...(form.storeAsPending && canStoreAsPending(stored, form) ? { rotation: 'PENDING' } : {}),
  };
}

/** A change of the form that a report suggests, with the label of its button. */
export interface SuggestedFix {
  readonly label: string;
  readonly change: Partial<FormState>;
}

/** The changes of the form that follow advice. Advice without one needs more than the form. */
const fixes: { readonly [Kind in AdviceKind]?: (advice: AdviceOf<Kind>, form: FormState) => SuggestedFix } = {
  TRUST_REALM: ({ host }) => ({ label: `Trust ${host}`, change: { trustedRealm: host } }),
  ALLOW_UNVERIFIED_TLS: () => ({ label: 'Allow Self Signed', change: { allowSelfSigned: true } }),
  KEEP_UNVERIFIED_TLS: () => ({ label: 'Allow Self Signed', change: { allowSelfSigned: true } }),
  ALLOW_PLAIN_HTTP: () => ({ label: 'Allow plain HTTP', change: { allowSelfSigned: true } }),
  REMOVE_USERNAME_SPACE: (_advice, { username }) => ({
    label: 'Remove the space from the username',
    change: { username: username.trim() },
  }),
  REMOVE_PASSWORD_SPACE: (_advice, { password }) => ({
    label: 'Remove the space from the password',
    change: { password: password.trim() },
  }),
  USE_TYPE: ({ type }) => ({ label: `Use the type ${typeLabels[type]}`, change: { type } }),
};

/** Returns the changes of the form that the advice of this report names. The user decides. */
export function suggestFixes(report: Pick<ReportFragment, 'advice'>, form: FormState): SuggestedFix[] {
  const named = knownAdvice(report).flatMap((advice) => {
    const fix = fixes[advice.kind] as ((advice: Advice, form: FormState) => SuggestedFix) | undefined;
    return fix?.(advice, form) ?? [];
  });
  // Without those that the form already contains.
  return named.filter(({ change }) =>
    Object.entries(change).some(([field, value]) => form[field as FormField] !== value),
  );
}

/** Returns the form field for a path in the server's input, or null if the form has no such field. */
export function fieldOfPath(path: readonly string[] | null): FormField | null {
  const last = path?.at(-1) ?? '';
  if (last === 'secureConnection') return 'allowSelfSigned';
  return Object.hasOwn(emptyForm, last) ? (last as FormField) : null;
}

function optional<Name extends string>(name: Name, text: string): { [Key in Name]?: string } {
  return text.trim() === '' ? {} : ({ [name]: text.trim() } as { [Key in Name]?: string });
}

/** Returns the help of the type field, with a suggestion by host. Never sets the type, because it decides where the password is sent. */
export function typeHelp({ registry, type }: Pick<FormState, 'registry' | 'type'>): string {
  const suggestion = suggestType(registry);
  if (suggestion === null || suggestion.type === type) return 'How Regway logs in to the registry.';
  return `This host looks like ${suggestion.service}. Choose that type to log in with an identity of that cloud.`;
}
