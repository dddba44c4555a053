// Runs the algorithm of a check: ping, challenge, realm, token, authorize, compare with anonymous, repository. Uses the credential once in the normal case and never repeats a rejected one.

import { type CheckedOutcome, type OutcomeFacts, UpstreamFailure } from '../errors/failure.ts';
import { type Endpoint, pingUrl, repositoryUrl } from '../login/endpoint.ts';
import {
  type BearerLogin,
  type RegistryAccess,
  type Login,
  authenticate,
  type MissingProof,
  negotiate,
  negotiateAgain,
  type ProofOfLogin,
  compareWithAnonymous,
} from '../login/login.ts';
import { servesManifest } from '../login/manifest-probe.ts';
import { ping } from '../login/ping.ts';
import { limitOf, pingRefusal, registryRefusal } from '../login/refusal.ts';
import { getFromRegistry, type CheckSession } from '../login/session.ts';
import { grantsPull, pullScope } from '../login/token.ts';
import type { UpstreamResponse } from '../transport/client.ts';

export interface CheckResult {
  readonly outcome: CheckedOutcome;
  readonly facts: Partial<OutcomeFacts>;
}

/** Registries whose token server is known to reject a wrong password in a request without scope, although it also serves anonymous clients. */
const hostsThatRejectWrongPasswords: ReadonlySet<string> = new Set([
  'docker.io',
  'ghcr.io',
  'quay.io',
  'registry.gitlab.com',
]);
const harborService = 'harbor-registry';

/**
 * Checks the credential of a session.
 * @param repository The repository to probe, or null to probe none.
 * @throws UpstreamFailure for the first step that fails.
 */
export async function checkCredential(session: CheckSession, repository: string | null): Promise<CheckResult> {
  const { endpoint, response, isSilent } = await ping(session, repository);
  session.steps.start('CHALLENGE');
  const login = isSilent ? undefined : negotiate(session, endpoint, response);
  if (login === undefined) return checkOpenRegistry(session, endpoint, repository);
  const standing = await authorize(session, endpoint, login, repository);
  if (repository !== null) return probeRepository(session, { endpoint, login, repository, standing });
  if (standing instanceof UpstreamFailure) throw standing;
  return resultOf(standing);
}

/** Checks a registry whose /v2/ is open or does not say: the credential is sent only if the repository itself sends a challenge. */
async function checkOpenRegistry(
  session: CheckSession,
  endpoint: Endpoint,
  repository: string | null,
): Promise<CheckResult> {
  const { steps } = session;
  if (repository === null) {
    steps.finish('PASSED', 'The registry requires no authentication on /v2/.');
    return { outcome: 'NO_AUTH_REQUIRED', facts: {} };
  }
  const url = repositoryUrl(endpoint, repository);
  const response = await getFromRegistry(session, url);
  if (response.status === 200 || response.status === 404) {
    steps.finish(
      'PASSED',
      `The registry requires no authentication for ${repository}${response.status === 404 ? ', which it does not have' : ''}.`,
    );
    return { outcome: 'NO_AUTH_REQUIRED', facts: { repository } };
  }
  if (response.status !== 401) throw pingRefusal(session, response, url);
  const login = negotiate(session, endpoint, response);
  // Only a 200 asks for no login.
  if (login === undefined) throw new Error('A 401 ended without a login.');
  const standing = login.scheme === 'bearer' ? await judgeByToken(session, login) : undefined;
  return probeRepository(session, { endpoint, login, repository, standing });
}

/**
 * Asks the token server about the credential itself, so that what the repository refuses is no verdict on it. Returns undefined where it has no
 * token without a scope.
 */
async function judgeByToken(session: CheckSession, login: BearerLogin): Promise<MissingProof | undefined> {
  try {
    await authenticateInSteps(session, login, undefined);
    return 'NOT_COMPARED';
  } catch (error) {
    const isWithout = error instanceof UpstreamFailure && error.outcome === 'TOKEN_ENDPOINT_ERROR';
    if (!isWithout || error.facts.retryable === true) throw error;
    return undefined;
  }
}

/** The proof of the credential, or the reason for none. */
type Proof = ProofOfLogin | MissingProof;

/**
 * Authenticates without a scope and sends the result to /v2/. Returns a rejection where a repository is asked next, because a proxy can have a
 * password for each path. A password for the whole host that /v2/ rejects is not sent again: no pull would use it either.
 */
async function authorize(
  session: CheckSession,
  endpoint: Endpoint,
  login: Login,
  repository: string | null,
): Promise<Proof | UpstreamFailure> {
  const { steps } = session;
  const access = await authenticateInSteps(session, login, undefined);
  steps.start('AUTHORIZE');
  const url = pingUrl(endpoint);
  const response = await getFromRegistry(session, url, access.authorization);
  if (response.status !== 200) {
    const refusal = registryRefusal(session, response, url, login.scheme === 'bearer');
    const isOfHost = login.scheme === 'basic' && session.target.repository === null;
    if (repository === null || isOfHost || !rejections.has(refusal.outcome)) throw refusal;
    steps.finish('WARNED', `/v2/ answers HTTP ${response.status} to the login; the repository decides.`);
    return refusal;
  }
  const proof = await proveLogin(session, login, access, url);
  if (isProof(proof)) steps.finish('PASSED', `Accepted: ${proofWords[proof]}.`);
  else steps.finish('WARNED', `Accepted, but ${missingProofWords[proof]}.`);
  return proof;
}

const proofWords: Readonly<Record<ProofOfLogin, string>> = {
  CHALLENGE: 'it rejects the same request without it',
  SUBJECT: 'the token names its user',
  KNOWN_BEHAVIOUR: 'its token server rejects wrong passwords',
};

const missingProofWords: Readonly<Record<MissingProof, string>> = {
  SAME: 'anonymous clients are accepted as well',
  NOT_COMPARED: 'how it answers anonymous clients is not known',
};

/** The refusals of `/v2/` that a repository can contradict. */
const rejections: ReadonlySet<string> = new Set(['INVALID_CREDENTIALS', 'INSUFFICIENT_SCOPE']);

function isProof(proof: Proof): proof is ProofOfLogin {
  return proof in proofWords;
}

async function proveLogin(
  session: CheckSession,
  login: Login,
  access: RegistryAccess,
  url: URL,
): Promise<ProofOfLogin | MissingProof> {
  // Basic is answered only where the anonymous request got a 401.
  if (login.scheme === 'basic') return 'CHALLENGE';
  if (hostsThatRejectWrongPasswords.has(session.target.host) || login.service === harborService)
    return 'KNOWN_BEHAVIOUR';
  return compareWithAnonymous(session, login, access, url, undefined);
}

/** Authenticates for the first time; with Bearer that is a step of its own. */
async function authenticateInSteps(
  session: CheckSession,
  login: Login,
  scope: string | undefined,
): Promise<RegistryAccess> {
  const { steps } = session;
  if (login.scheme === 'basic') {
    steps.start('AUTHORIZE');
    return authenticate(session, login, scope, false);
  }
  steps.start('TOKEN');
  const access = await authenticate(session, login, scope, false);
  steps.finish('PASSED', `${login.realm.host} issued a token for the credential.`);
  return access;
}

interface Probe {
  readonly endpoint: Endpoint;
  readonly login: Login;
  readonly repository: string;
  /** The result of the credential at `/v2/`: its proof or its rejection; undefined if nothing was sent. */
  readonly standing: Proof | UpstreamFailure | undefined;
}

/** Requests one repository with exactly the permission to pull it. */
async function probeRepository(session: CheckSession, probe: Probe): Promise<CheckResult> {
  const { steps } = session;
  const { repository, standing } = probe;
  const { login, access, url, response } = await requestRepository(session, probe);
  const rejection = standing instanceof UpstreamFailure ? standing : undefined;
  if (response.status !== 200 && rejection !== undefined) throw limitOf(session, response, url) ?? rejection;
  if (response.status === 404) {
    steps.finish('WARNED', `${repository} was not found, or is not visible to this credential.`);
    return resultOf(typeof standing === 'string' ? standing : 'NOT_COMPARED');
  }
  if (response.status !== 200) {
    const refusal = registryRefusal(session, response, url, standing !== undefined || login.scheme === 'bearer');
    if (typeof standing !== 'string' || !(await canPull(session, probe, { login, access, url }, refusal)))
      throw refusal;
    steps.finish('WARNED', `${repository} can be pulled, but its tags cannot be listed.`);
    return resultOf(standing);
  }
  const known = typeof standing === 'string' && isProof(standing) ? standing : undefined;
  const proof = known ?? (await proveByRepository(session, probe, { login, access, url }));
  if (proof === 'SAME' || proof === 'NOT_COMPARED') {
    // A response that every caller gets does not contradict the rejection.
    if (rejection !== undefined) throw rejection;
    steps.finish('WARNED', `${repository} can be pulled, but ${missingProofWords[proof]}.`);
  } else steps.finish('PASSED', `${repository} can be pulled.`);
  return proof === 'REPOSITORY'
    ? { outcome: 'VALID', facts: { proof: `it serves ${repository} only with it` } }
    : resultOf(proof);
}

/** Returns whether the right to pull stands although the list of tags was refused. */
async function canPull(
  session: CheckSession,
  { endpoint, repository }: Probe,
  { access: { authorization, token } }: RepositoryLogin,
  { outcome }: UpstreamFailure,
): Promise<boolean> {
  if (outcome !== 'INSUFFICIENT_SCOPE') return false;
  const isGranted = token === undefined ? undefined : grantsPull(token.token, repository);
  return isGranted ?? (await servesManifest(session, endpoint, repository, authorization));
}

/** How a repository was requested. */
interface RepositoryLogin {
  /** The one that the repository itself asked for. */
  readonly login: Login;
  readonly access: RegistryAccess;
  readonly url: URL;
}

/** Requests the repository with the known login, and once more if its own challenge names another one. */
async function requestRepository(
  session: CheckSession,
  { endpoint, login, repository, standing }: Probe,
): Promise<RepositoryLogin & { readonly response: UpstreamResponse }> {
  const { steps } = session;
  const url = repositoryUrl(endpoint, repository);
  const scope = pullScope(repository);
  // A rejection of `/v2/` after its token server accepted the credential is one of its token.
  const wasAccepted = standing !== undefined && !(standing instanceof UpstreamFailure && login.scheme === 'basic');
  if (standing !== undefined) steps.start('REPOSITORY');
  const access =
    standing === undefined
      ? await authenticateInSteps(session, login, scope)
      : await authenticate(session, login, scope, wasAccepted);
  steps.start('REPOSITORY');
  const response = await getFromRegistry(session, url, access.authorization);
  const other = response.status === 401 ? await negotiateAgain(session, endpoint, { url, response }, login) : undefined;
  if (other === undefined) return { login, access, url, response };
  const again = await authenticate(session, other, scope, wasAccepted);
  return {
    login: other,
    access: again,
    url,
    response: await getFromRegistry(session, url, again.authorization),
  };
}

async function proveByRepository(
  session: CheckSession,
  { repository, standing }: Probe,
  { login, access, url }: RepositoryLogin,
): Promise<Proof | 'REPOSITORY'> {
  if (login.scheme === 'basic') {
    // Basic is answered where the anonymous request got a 401: by the repository, or else by `/v2/`, whose word does not count here.
    if (!(standing instanceof UpstreamFailure)) return 'REPOSITORY';
    return (await getFromRegistry(session, url)).status === 401 ? 'REPOSITORY' : 'SAME';
  }
  const proof = await compareWithAnonymous(session, login, access, url, pullScope(repository));
  return proof === 'CHALLENGE' ? 'REPOSITORY' : proof;
}

function resultOf(proof: Proof): CheckResult {
  if (isProof(proof)) return { outcome: 'VALID', facts: { proof: proofWords[proof] } };
  return { outcome: 'VALID_UNPROVEN', facts: proof === 'SAME' ? {} : { reason: proof } };
}
