// What is typed into the form of a registry, what follows from it, and what is sent.

import { suggestType } from '../../core/registry/registry.ts';
import type {
  CreateRegistryInput,
  FactsFragment,
  RegistryType,
  ReportFragment,
  UpdateRegistryInput,
} from '../api/operations.ts';

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
  /** Only when editing: whether the password below takes the place of the stored one. */
  readonly replacePassword: boolean;
  /** Only with a new password and nothing else of the login: whether it may wait until the registry takes it. */
  readonly mayWait: boolean;
}

export type FormField = keyof FormState;

/** What is wrong with the form, by field. */
export type FieldErrors = Partial<Record<FormField, string>>;

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
  mayWait: false,
};

/** The form of a stored registry. The password is not in it, since nobody can read it. */
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

/** The changes that the server makes only together with the password, since they could send the stored one elsewhere. */
export function passwordReasons(stored: FactsFragment, form: FormState): string[] {
  return [
    ...(stored.secureConnection && form.allowSelfSigned ? ['allowing self-signed certificates'] : []),
    ...(stored.type === form.type ? [] : ['changing the type']),
    ...(stored.username === form.username ? [] : ['changing the username']),
    ...((stored.trustedRealm ?? '') === form.trustedRealm.trim() ? [] : ['changing the trusted token server']),
  ];
}

/** Whether a password is sent with this form. */
export function sendsPassword(stored: FactsFragment | null, form: FormState): boolean {
  return stored === null || form.replacePassword || passwordReasons(stored, form).length > 0;
}

/** Whether the new password may wait: the current one goes on being used meanwhile, so everything else of the login stays. */
export function canWait(stored: FactsFragment | null, form: FormState): boolean {
  return (
    stored !== null &&
    form.replacePassword &&
    passwordReasons(stored, form).length === 0 &&
    stored.secureConnection === !form.allowSelfSigned
  );
}

/** What is still missing, by field. */
export function missingFields(stored: FactsFragment | null, form: FormState): FieldErrors {
  return {
    ...(form.registry.trim() === '' ? { registry: 'Name the registry, for instance docker.io/anchore/*.' } : {}),
    ...(form.username === '' ? { username: 'Give the username.' } : {}),
    ...(form.password === '' && sendsPassword(stored, form) ? { password: 'Give the password.' } : {}),
  };
}

/** What a new registry, and a check, is sent as. */
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

/** What a change is sent as: what differs from the stored registry, and nothing else. */
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
    ...(form.mayWait && canWait(stored, form) ? { rotation: 'PENDING' } : {}),
  };
}

/** A change of the form that a report suggests, with the words of its button. */
export interface SuggestedFix {
  readonly label: string;
  readonly change: Partial<FormState>;
}

/** What a person could decide to change after this report; null when the form cannot help. */
export function suggestFix({ outcome, realmHost }: ReportFragment, form: FormState): SuggestedFix | null {
  if (outcome === 'FORBIDDEN_REALM' && realmHost !== null && form.trustedRealm.trim() !== realmHost)
    return { label: `Trust ${realmHost}`, change: { trustedRealm: realmHost } };
  if (form.allowSelfSigned) return null;
  if (outcome === 'PLAIN_HTTP')
    return { label: 'Allow plain HTTP (Allow Self Signed)', change: { allowSelfSigned: true } };
  return ['TLS_UNTRUSTED', 'TLS_HOSTNAME', 'TLS_EXPIRED'].includes(outcome)
    ? { label: 'Allow Self Signed', change: { allowSelfSigned: true } }
    : null;
}

/** The field of the form that a path of the server's input means. */
export function fieldOfPath(path: readonly string[] | null): FormField | null {
  const last = path?.at(-1) ?? '';
  if (last === 'secureConnection') return 'allowSelfSigned';
  return Object.hasOwn(emptyForm, last) ? (last as FormField) : null;
}

function optional<Name extends string>(name: Name, text: string): { [Key in Name]?: string } {
  return text.trim() === '' ? {} : ({ [name]: text.trim() } as { [Key in Name]?: string });
}

/** What the host looks like, when it is another type than the chosen one. Said and never set: a type decides where a password goes. */
export function typeHelp({ registry, type }: Pick<FormState, 'registry' | 'type'>): string {
  const suggestion = suggestType(registry);
  if (suggestion === null || suggestion.type === type) return 'How to log in.';
  return `This host looks like ${suggestion.service}: choose that type to log in with an identity of that cloud.`;
}
