// The algorithm of a check: ping, challenge, realm, token, authorize, prove, repository. One credential use in the normal case, and none is repeated.

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
  unsupported,
} from '../login/login.ts';
import { ping } from '../login/ping.ts';
import { pingRefusal, registryRefusal } from '../login/refusal.ts';
import { getFromRegistry, type CheckSession } from '../login/session.ts';
import { pullScope } from '../login/token.ts';

export interface CheckResult {
  readonly outcome: CheckedOutcome;
  readonly facts: Partial<OutcomeFacts>;
}

/** Registries whose token server is known to reject a wrong password in a request without scope, though it serves anonymous clients too. */
const hostsThatRejectWrongPasswords: ReadonlySet<string> = new Set([
  'docker.io',
  'ghcr.io',
  'quay.io',
  'registry.gitlab.com',
]);
const harborService = 'harbor-registry';

/**
 * Judges the credential of a session.
 * @param repository The one repository to ask for, or null to ask for none.
 * @throws UpstreamFailure naming the first thing that went wrong.
 */
export async function checkCredential(session: CheckSession, repository: string | null): Promise<CheckResult> {
  const { endpoint, answer } = await ping(session);
  session.steps.start('CHALLENGE');
  const challenge = readChallenge(session, answer);
  if (challenge === undefined) return judgeOpenRegistry(session, endpoint, repository);
  endChallenge(session, challenge);
  const login = admitLogin(session, endpoint, challenge);
  const proof = await authorize(session, endpoint, login);
  return repository === null
    ? conclude(proof)
    : probeRepository(session, { endpoint, login, repository, proof, wasAccepted: true });
}

/** /v2/ is open: nothing is sent by itself, and only a repository's own challenge is answered. */
async function judgeOpenRegistry(
  session: CheckSession,
  endpoint: Endpoint,
  repository: string | null,
): Promise<CheckResult> {
  const { steps } = session;
  if (repository === null) {
    steps.finish('PASSED', 'The registry asks for no login on /v2/.');
    return { outcome: 'NO_AUTH_REQUIRED', facts: {} };
  }
  const url = repositoryUrl(endpoint, repository);
  const answer = await getFromRegistry(session, url);
  if (answer.status === 200 || answer.status === 404) {
    steps.finish(
      'PASSED',
      `The registry asks for no login for ${repository}${answer.status === 404 ? ', which it does not know' : ''}.`,
    );
    return { outcome: 'NO_AUTH_REQUIRED', facts: { repository } };
  }
  if (answer.status !== 401) throw pingRefusal(session, answer, url);
  const challenge = readChallenge(session, answer);
  if (challenge === undefined) throw unsupported(session, answer);
  endChallenge(session, challenge);
  const login = admitLogin(session, endpoint, challenge);
  return probeRepository(session, { endpoint, login, repository, proof: undefined, wasAccepted: false });
}

function endChallenge({ steps }: CheckSession, { scheme }: Challenge): void {
  steps.finish(
    'PASSED',
    scheme === 'basic'
      ? 'The registry wants user name and password (Basic).'
      : 'The registry wants a token from its token server (Bearer).',
  );
}

/** Logs in without a scope and shows the result to /v2/. Gives what proves the credential, if anything does. */
async function authorize(session: CheckSession, endpoint: Endpoint, login: Login): Promise<string | undefined> {
  const { steps } = session;
  const access = await logInAndSay(session, login, undefined);
  steps.start('AUTHORIZE');
  const url = pingUrl(endpoint);
  const answer = await getFromRegistry(session, url, access.authorization);
  if (answer.status !== 200) throw registryRefusal(session, answer, url, login.scheme === 'bearer');
  const proof = proofWords[(await proveLogin(session, login, access, url)) ?? 'NONE'];
  if (proof === undefined) steps.finish('WARNED', 'Accepted, but anonymous clients are accepted as well.');
  else steps.finish('PASSED', `Accepted: ${proof}.`);
  return proof;
}

const proofWords: Readonly<Record<ProofOfLogin | 'NONE', string | undefined>> = {
  CHALLENGE: 'it refuses the same request without it',
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

/** The first use of the credential; with Bearer it is a step of its own. */
async function logInAndSay(session: CheckSession, login: Login, scope: string | undefined): Promise<RegistryAccess> {
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
  /** What proved the credential before, in words. */
  readonly proof: string | undefined;
  /** Whether the credential has been accepted before; else this is its first use. */
  readonly wasAccepted: boolean;
}

/** Asks for one repository with exactly the right to pull it. */
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
    : await logInAndSay(session, login, scope);
  steps.start('REPOSITORY');
  const answer = await getFromRegistry(session, url, access.authorization);
  if (answer.status === 404) {
    steps.finish('WARNED', `${repository} was not found, or is not visible to this credential.`);
    return conclude(proof);
  }
  if (answer.status !== 200) throw registryRefusal(session, answer, url, wasAccepted || login.scheme === 'bearer');
  const words = proof ?? (await proveByRepository(session, login, access, url, repository));
  if (words === undefined) steps.finish('WARNED', `${repository} may be pulled, by anonymous clients as well.`);
  else steps.finish('PASSED', `${repository} may be pulled.`);
  return conclude(words);
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

function conclude(proof: string | undefined): CheckResult {
  return proof === undefined ? { outcome: 'VALID_UNPROVEN', facts: {} } : { outcome: 'VALID', facts: { proof } };
}
