// Runs the algorithm of a check: ping, challenge, realm, token, authorize, compare with anonymous, repository. Uses the credential once in the normal case and never repeats a rejected one.

import type { CheckedOutcome, OutcomeFacts } from '../errors/failure.ts';
import { type Endpoint, pingUrl, repositoryUrl } from '../login/endpoint.ts';
import type { Challenge } from '../login/http-authentication.ts';
import {
  type RegistryAccess,
  admitLogin,
  type Login,
  authenticate,
  type ProofOfLogin,
  compareWithAnonymous,
  readChallenge,
  unsupportedChallenge,
} from '../login/login.ts';
import { ping } from '../login/ping.ts';
import { pingRefusal, registryRefusal } from '../login/refusal.ts';
import { getFromRegistry, type CheckSession } from '../login/session.ts';
import { pullScope } from '../login/token.ts';

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
  const { endpoint, response } = await ping(session);
  session.steps.start('CHALLENGE');
  const challenge = readChallenge(session, response);
  if (challenge === undefined) return checkOpenRegistry(session, endpoint, repository);
  endChallenge(session, challenge);
  const login = admitLogin(session, endpoint, challenge);
  const proof = await authorize(session, endpoint, login);
  return repository === null
    ? resultOf(proof)
    : probeRepository(session, { endpoint, login, repository, proof, wasAccepted: true });
}

/** Checks a registry whose /v2/ is open: the credential is sent only if the repository itself sends a challenge. */
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
  const challenge = readChallenge(session, response);
  if (challenge === undefined) throw unsupportedChallenge(session, response);
  endChallenge(session, challenge);
  const login = admitLogin(session, endpoint, challenge);
  return probeRepository(session, { endpoint, login, repository, proof: undefined, wasAccepted: false });
}

function endChallenge({ steps }: CheckSession, { scheme }: Challenge): void {
  steps.finish(
    'PASSED',
    scheme === 'basic'
      ? 'The registry requires a username and password (Basic).'
      : 'The registry requires a token from its token server (Bearer).',
  );
}

/** Authenticates without a scope and sends the result to /v2/. Returns what verifies the credential, or undefined. */
async function authorize(session: CheckSession, endpoint: Endpoint, login: Login): Promise<string | undefined> {
  const { steps } = session;
  const access = await authenticateInSteps(session, login, undefined);
  steps.start('AUTHORIZE');
  const url = pingUrl(endpoint);
  const response = await getFromRegistry(session, url, access.authorization);
  if (response.status !== 200) throw registryRefusal(session, response, url, login.scheme === 'bearer');
  const proof = proofWords[(await proveLogin(session, login, access, url)) ?? 'NONE'];
  if (proof === undefined) steps.finish('WARNED', 'Accepted, but anonymous clients are accepted as well.');
  else steps.finish('PASSED', `Accepted: ${proof}.`);
  return proof;
}

const proofWords: Readonly<Record<ProofOfLogin | 'NONE', string | undefined>> = {
  CHALLENGE: 'it rejects the same request without it',
  SUBJECT: 'the token names its user',
  KNOWN_BEHAVIOUR: 'its token server rejects wrong passwords',
  NONE: undefined,
};

async function proveLogin(
  session: CheckSession,
  login: Login,
  access: RegistryAccess,
  url: URL,
): Promise<ProofOfLogin | undefined> {
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
  /** What verified the credential before, in words; undefined if nothing did. */
  readonly proof: string | undefined;
  /** Whether the credential has been accepted before; if not, this is its first use. */
  readonly wasAccepted: boolean;
}

/** Requests one repository with exactly the permission to pull it. */
async function probeRepository(
  session: CheckSession,
  { endpoint, login, repository, proof, wasAccepted }: Probe,
): Promise<CheckResult> {
  const { steps } = session;
  const url = repositoryUrl(endpoint, repository);
  const scope = pullScope(repository);
  if (wasAccepted) steps.start('REPOSITORY');
  const access = wasAccepted
    ? await authenticate(session, login, scope, true)
    : await authenticateInSteps(session, login, scope);
  steps.start('REPOSITORY');
  const response = await getFromRegistry(session, url, access.authorization);
  if (response.status === 404) {
    steps.finish('WARNED', `${repository} was not found, or is not visible to this credential.`);
    return resultOf(proof);
  }
  if (response.status !== 200) throw registryRefusal(session, response, url, wasAccepted || login.scheme === 'bearer');
  const words = proof ?? (await proveByRepository(session, login, access, url, repository));
  if (words === undefined) steps.finish('WARNED', `${repository} can be pulled, by anonymous clients as well.`);
  else steps.finish('PASSED', `${repository} can be pulled.`);
  return resultOf(words);
}

async function proveByRepository(
  session: CheckSession,
  login: Login,
  access: RegistryAccess,
  url: URL,
  repository: string,
): Promise<string | undefined> {
  const proof =
    login.scheme === 'basic'
      ? 'CHALLENGE'
      : await compareWithAnonymous(session, login, access, url, pullScope(repository));
  return proof === 'CHALLENGE' ? `it serves ${repository} only with it` : proofWords[proof ?? 'NONE'];
}

function resultOf(proof: string | undefined): CheckResult {
  return proof === undefined ? { outcome: 'VALID_UNPROVEN', facts: {} } : { outcome: 'VALID', facts: { proof } };
}
