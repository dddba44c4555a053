// Lists what can fix the result of a validation or a pull, as data: each interface words it in its own terms.

import type { Secret } from '../shared/secret.ts';

/** Advice about a registry, its token server, or the network in between, whose sentence every interface shares. */
const registryKinds = [
  'RETRY_LATER',
  'WAIT',
  'CORRECT_CREDENTIAL_AND_WAIT',
  'GRANT_CATALOG',
  'ALLOW_SERVER',
  'CHECK_DNS',
  'CHECK_HOST_NAME',
  'CHECK_PORT',
  'CHECK_FIREWALL',
  'CHECK_V2_ADDRESS',
  'CHECK_CONNECTION',
  'ADD_CA',
  'USE_CERTIFICATE_NAME',
  'REPLACE_CERTIFICATE',
  'CORRECT_CLOCK',
  'ENABLE_TLS_1_2',
  'USE_TLS',
  'PERMIT_PLAIN_HTTP',
  'PERMIT_ADDRESS',
  'PERMIT_REDIRECT',
  'NAME_OTHER_HOST',
  'USE_REGISTRY',
  'CORRECT_REDIRECT',
  'ENABLE_BASIC_OR_BEARER',
  'CORRECT_REALM',
  'USE_TLS_FOR_REALM',
  'INSPECT_CHALLENGE',
  'CHECK_TOKEN_SERVER',
  'ENABLE_HTTP_1_1',
  'CORRECT_LENGTH',
  'CORRECT_HEADERS',
] as const;

/** Advice about the identity that a cloud exchanges for a login, whose sentence every interface shares. */
const cloudKinds = [
  'USE_CLOUD_HOST',
  'ALLOW_AMBIENT',
  'CHECK_CLOUD_PROXY',
  'CHECK_CLOUD_NETWORK',
  'CHECK_CLOUD_ACCOUNT',
  'WAIT_FOR_CLOUD',
  'CHECK_CLOUD_REGISTRY',
  'CHECK_SESSION',
  'CHECK_ACCESS_KEY',
  'CHECK_SECRET_KEY',
  'ALLOW_ACTION',
  'CHECK_REGION',
  'CHECK_WEB_IDENTITY',
  'PROVIDE_AWS_IDENTITY',
  'USE_ROLE',
  'USE_EXTERNAL_ID',
  'USE_ACCESS_KEY',
  'USE_LONG_TERM_KEY',
  'USE_SECRET_VALUE',
  'RENEW_CLIENT_SECRET',
  'CHECK_CLIENT_SECRET',
  'CHECK_APP',
  'CHECK_TENANT',
  'ENABLE_APP',
  'ALLOW_CONDITIONAL_ACCESS',
  'ASSIGN_MANAGED_IDENTITY',
  'ASSIGN_PULL_ROLE',
  'USE_SERVICE_PRINCIPAL',
  'USE_MANAGED_IDENTITY',
  'CREATE_SERVICE_ACCOUNT_KEY',
  'USE_KEY_FILE',
  'USE_WHOLE_KEY_FILE',
  'USE_SERVICE_ACCOUNT_KEY',
  'USE_GOOGLE_CLOUD_KEY',
  'CHECK_ORGANIZATION_POLICY',
  'CHECK_SERVICE_ACCOUNT',
  'LOOK_UP_CODE',
] as const;

/** Advice that names a field, a flag, a key, or a button, which each interface calls by another name. */
const interfaceKinds = [
  'CHECK_CREDENTIAL',
  'REMOVE_USERNAME_SPACE',
  'REMOVE_PASSWORD_SPACE',
  'GRANT_PULL',
  'PROBE_PRIVATE_REPOSITORY',
  'TRUST_REALM',
  'ALLOW_UNVERIFIED_TLS',
  'KEEP_UNVERIFIED_TLS',
  'ALLOW_PLAIN_HTTP',
  'PERMIT_AND_ALLOW_PLAIN_HTTP',
  'USE_TYPE',
  'VALIDATE',
] as const;

/** Every kind of advice: a closed list, so that each interface words all of it and a test follows all of it. */
export const adviceKinds = [...interfaceKinds, ...registryKinds, ...cloudKinds] as const;
export type AdviceKind = (typeof adviceKinds)[number];
export type InterfaceAdviceKind = (typeof interfaceKinds)[number];
export type RegistryAdviceKind = (typeof registryKinds)[number];
export type CloudAdviceKind = (typeof cloudKinds)[number];
export type CommonAdviceKind = RegistryAdviceKind | CloudAdviceKind;

interface Host {
  /** `host[:port]`, in the form that a setting or an input accepts. */
  readonly host: string;
}

interface Until {
  /** Epoch milliseconds; null if the upstream named no time. */
  readonly until: number | null;
}

/** A change of what a login depends on. Such a change turns TLS verification on, unless the call says otherwise. */
interface LoginChange {
  /** Set if TLS verification is off for the registry, so that the change must say so again. */
  readonly keepsTlsOff?: true;
}

/** The details of the kinds that have some. */
interface Details {
  readonly CHECK_CREDENTIAL: LoginChange;
  readonly REMOVE_USERNAME_SPACE: LoginChange;
  readonly REMOVE_PASSWORD_SPACE: LoginChange;
  readonly RETRY_LATER: Host;
  readonly WAIT: Until;
  readonly CORRECT_CREDENTIAL_AND_WAIT: Until;
  /** The names of the certificate, as it spells them. */
  readonly USE_CERTIFICATE_NAME: { readonly names: string };
  readonly REPLACE_CERTIFICATE: Host;
  readonly USE_TLS: Host;
  readonly PERMIT_PLAIN_HTTP: Host;
  readonly PERMIT_AND_ALLOW_PLAIN_HTTP: Host;
  readonly PERMIT_REDIRECT: Host;
  readonly USE_REGISTRY: Host;
  readonly TRUST_REALM: Host & LoginChange;
  /** The repository that may not be pulled; null if the registry did not say which. */
  readonly GRANT_PULL: { readonly repository: string | null } & LoginChange;
  /** The pattern that covers the repository to name, such as `team/*`; null for the whole host. */
  readonly PROBE_PRIVATE_REPOSITORY: { readonly repository: string | null } & LoginChange;
  /** The registry type for static logins, the only one that is ever advised. */
  readonly USE_TYPE: { readonly type: 'DOCKER_V2' } & LoginChange;
  readonly ALLOW_AMBIENT: { readonly setting: string };
  /** Examples of the hosts. */
  readonly USE_CLOUD_HOST: { readonly names: string };
  /** The host that did not respond; null if it is not known. */
  readonly CHECK_CLOUD_NETWORK: { readonly host: string | null };
  /** The permission, in the words of the cloud. */
  readonly ALLOW_ACTION: { readonly action: string };
  /** The cloud whose documentation lists the code. */
  readonly LOOK_UP_CODE: { readonly provider: string };
}

/** The advice of one kind, with its details. */
export type AdviceOf<Kind extends AdviceKind> = {
  readonly [Each in Kind]: { readonly kind: Each } & (Each extends keyof Details ? Details[Each] : unknown);
}[Kind];

/** One way to fix the result of a validation or a pull. Contains no secret. */
export type Advice = AdviceOf<AdviceKind>;

/** A function for each kind of advice. */
export type ByAdvice<Kind extends AdviceKind, Result> = {
  readonly [Each in Kind]: (advice: AdviceOf<Each>) => Result;
};

/** Every detail that an advice can have, as interfaces pass it on: null if its kind has none. */
export interface AdviceFields {
  readonly kind: string;
  readonly host: string | null;
  readonly repository: string | null;
  readonly type: string | null;
  readonly setting: string | null;
  /** RFC 3339. */
  readonly until: string | null;
  readonly names: string | null;
  readonly action: string | null;
  readonly provider: string | null;
}

const known: ReadonlySet<string> = new Set(adviceKinds);

/** Returns whether an advice, which a newer version can have stored or sent, is one of this version. */
export function isKnownAdvice(advice: { readonly kind: string }): advice is Advice {
  return known.has(advice.kind);
}

/** Returns the advice behind the fields that an interface passed on, or undefined for a kind of a newer version. */
export function adviceFromFields({ until, ...fields }: AdviceFields): Advice | undefined {
  const advice = { ...fields, until: until === null ? null : Date.parse(until) };
  return isKnownAdvice(advice) ? advice : undefined;
}

/** The parts of a credential that white space can spoil. */
interface Spaceable {
  readonly username: string;
  readonly password: Pick<Secret, 'hasOuterSpace'>;
}

/** Returns what to do about the white space at the ends of a username and its password, such as the line end of a file. */
export function spaceAdvice({ username, password }: Spaceable): Advice[] {
  return [
    ...(username === username.trim() ? [] : [{ kind: 'REMOVE_USERNAME_SPACE' } as const]),
    ...(password.hasOuterSpace() ? [{ kind: 'REMOVE_PASSWORD_SPACE' } as const] : []),
  ];
}

/** Returns what to do about a rejected username and password. */
export function credentialAdvice(credential: Spaceable): Advice[] {
  const spaces = spaceAdvice(credential);
  return spaces.length > 0 ? spaces : [{ kind: 'CHECK_CREDENTIAL' }];
}

const loginChanges: ReadonlySet<AdviceKind> = new Set([
  'CHECK_CREDENTIAL',
  'REMOVE_USERNAME_SPACE',
  'REMOVE_PASSWORD_SPACE',
  'GRANT_PULL',
  'PROBE_PRIVATE_REPOSITORY',
  'TRUST_REALM',
  'USE_TYPE',
]);

/** Returns the advice about a registry, so that following it keeps TLS verification off where it is off. */
export function keepingTls(
  advice: readonly Advice[],
  { secureConnection }: { readonly secureConnection: boolean },
): readonly Advice[] {
  if (secureConnection) return advice;
  return advice.map((one) => (loginChanges.has(one.kind) ? ({ ...one, keepsTlsOff: true } as Advice) : one));
}
