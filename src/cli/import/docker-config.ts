// Reads credentials from Docker's config.json and the auth.json of podman, skopeo, and buildah.
// https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md

import type { RegistryPattern } from '../../core/registry/reference.ts';
import { isRecord } from '../../core/shared/json.ts';
import { Secret } from '../../core/shared/secret.ts';
import {
  offerChoices,
  parseText,
  refuse,
  registryOfKey,
  shownKey,
  withoutScheme,
  type FoundLogin,
  type ImportEntry,
  type KeyChoices,
} from './entry.ts';

/** Username that marks the password as an identity token. */
const tokenUsername = '<token>';
/** Username that Azure stores next to an identity token. */
const emptyGuid = '00000000-0000-0000-0000-000000000000';

/** Whether a document looks like one of these files. */
export function isDockerConfig(document: unknown): document is Record<string, unknown> {
  return isRecord(document) && ['auths', 'credsStore', 'credHelpers'].some((name) => name in document);
}

/** Returns one entry for each credential that the file names, including those whose password is stored elsewhere. */
export function parseDockerConfig(document: Record<string, unknown>, choices: KeyChoices): ImportEntry[] {
  const { auths = {}, credsStore, credHelpers = {} } = document;
  if (!isRecord(auths) || !isRecord(credHelpers))
    return [refuse('auths', 'auths and credHelpers must be objects; this is not a Docker configuration')];
  const helpers = Object.entries(credHelpers).map(([key, helper]) => refuse(key, helperRefusal(helper)));
  const logins = Object.entries(auths)
    .filter(([key]) => !Object.hasOwn(credHelpers, key))
    .map(([key, auth]) => parseAuth(key, auth, credsStore, choices));
  const store =
    typeof credsStore === 'string' && logins.length === 0 ? [refuse('credsStore', helperRefusal(credsStore))] : [];
  return [...logins, ...helpers, ...store];
}

function parseAuth(key: string, auth: unknown, credsStore: unknown, choices: KeyChoices): ImportEntry {
  if (!isRecord(auth)) return refuse(key, 'the entry is not an object');
  const registry = registryOfKey(key, choices, interpretKey);
  if (typeof registry === 'string') return refuse(key, registry);
  const login = loginOf(auth, credsStore);
  return typeof login === 'string' ? refuse(key, login) : { key: shownKey(key), registry: registry.registry, ...login };
}

/** Interprets a key. A path is ambiguous (podman, the kubelet, and Docker read it differently), so the user must choose. */
function interpretKey(key: string): RegistryPattern | string {
  const text = withoutScheme(key);
  const namesPath = text.includes('/') && !text.includes('*');
  const readings = namesPath ? readingsOf(text) : [];
  if (readings.length === 0) return parseText(text);
  return `the path could mean everything below it, one repository, or (to docker) the whole host. Choose ${offerChoices(key, readings)}`;
}

/** Returns the possible meanings: everything below, only the repository, the whole host. On Docker Hub, a single name is an official image. */
function readingsOf(text: string): string[] {
  const below = parseText(`${text}/*`);
  if (typeof below === 'string') return [];
  const exact = parseText(text);
  return [
    below.registry,
    typeof exact === 'string' ? below.registry.replace('/', '/library/').slice(0, -2) : exact.registry,
    below.host,
  ];
}

type Login = Pick<FoundLogin, 'username' | 'isIdentityToken'> & { readonly password: Secret };

function loginOf(
  { auth, username, password, identitytoken, registrytoken }: Record<string, unknown>,
  credsStore: unknown,
): Login | string {
  if (isText(registrytoken))
    return 'it is a registry token, which expires within minutes; use the password or access token behind it';
  const decoded = isText(auth) ? decodeAuth(auth) : undefined;
  // Docker itself uses the identity token where it stands beside a password.
  if (isText(identitytoken)) {
    const isAzure = typeof decoded === 'object' && decoded.username === emptyGuid;
    return identityLogin(isAzure ? emptyGuid : tokenUsername, identitytoken);
  }
  if (typeof decoded === 'string') return decoded;
  const separate =
    isText(username) || isText(password) ? { username: textOf(username), password: textOf(password) } : undefined;
  if (decoded && separate && (decoded.username !== separate.username || decoded.password !== separate.password)) {
    return 'auth and username/password contain different credentials; remove the wrong one';
  }
  const login = decoded ?? separate;
  if (login === undefined)
    return isText(credsStore) ? helperRefusal(credsStore) : 'the file contains no password for it';
  if (login.username === '' || login.password === '') return 'its username or password is empty';
  if (login.username === tokenUsername || login.username === emptyGuid)
    return identityLogin(login.username, login.password);
  return { username: login.username, password: new Secret(login.password) };
}

/** Regway sends the password of these usernames to the token server as an identity token. */
function identityLogin(username: string, token: string): Login {
  return { username, password: new Secret(token), isIdentityToken: true };
}

/** `auth` is base64 of `user:password`; the username ends at the first colon. Old versions of Docker pad with NUL. */
function decodeAuth(auth: string): { username: string; password: string } | string {
  const bytes = Buffer.from(auth, 'base64');
  const isBase64 = bytes.toString('base64').replace(/=+$/, '') === auth.trim().replace(/=+$/, '');
  const text = bytes.toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (!isBase64 || !bytes.equals(Buffer.from(bytes.toString('utf8'))) || colon < 0)
    return 'auth is not base64 of user:password';
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function helperRefusal(helper: unknown): string {
  return `its password is stored by the credential helper ${typeof helper === 'string' ? helper : 'that the entry names'}, not in this file`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function textOf(value: unknown): string {
  return isText(value) ? value : '';
}
