// Tests whether a registry accepts a credential after it refused a repository, because that refusal may be only about the repository.

import type { PullSource } from '../../core/pulls/pull.ts';
import type { Registry } from '../../core/registry/registry.ts';
import { spaceAdvice } from '../../core/registry/advice.ts';
import { isSuccess } from '../../core/registry/report.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { basicAuthorization } from '../login/http-authentication.ts';
import { type Login, requestSessionToken } from '../login/login.ts';
import { limitOf, tokenRefusal } from '../login/refusal.ts';
import { getFromRegistry } from '../login/session.ts';
import type { Handshake } from './handshake.ts';
import { openPullSession, type PullContext } from './request.ts';
import { createSingleFlightCache, type SingleFlightCache } from './single-flight-cache.ts';

interface Verdict {
  /** Why the credential does not work now; undefined if it is accepted, or cannot be asked about. */
  readonly failure: UpstreamFailure | undefined;
  /** Epoch milliseconds, to compare with validations. */
  readonly askedMs: number;
}

/** A password that was proven wrong after a repository refused it. */
interface Proof extends Verdict {
  readonly repository: string | null;
}

/** Verdicts of credentials, each asked for once a minute. */
export interface CredentialVerdicts {
  /**
   * Returns why the registry does not accept the credential of a source: `INVALID_CREDENTIALS`, or what kept it from answering. Returns undefined
   * if it accepts it.
   * @param login What the refused request was sent with.
   * @param status The status of the refusal. A 401 to a password that was proven wrong at the same repository is itself the answer.
   */
  failureOf(
    source: PullSource,
    handshake: Handshake,
    login: Login,
    status?: number,
  ): Promise<UpstreamFailure | undefined>;
  /** Drops a proof, because the registry accepted the password again. */
  accepted(source: PullSource): void;
}

/** Milliseconds. Registries lock an account after several wrong passwords within minutes. */
const verdictMs = 60_000;

/** Milliseconds. Then a refusal of the same repository is asked about again, in case the password works and the repository is what is refused. */
const proofMs = 10 * 60_000;

/** Entries of less than 1 KiB each. */
const maxVerdicts = 4_000;

/** Creates the verdicts, none of them known yet. */
export function createCredentialVerdicts(context: PullContext): CredentialVerdicts {
  const { now } = context.settings;
  const verdicts: SingleFlightCache<Verdict> = createSingleFlightCache(maxVerdicts, context.monotonicMs);
  const proofs: SingleFlightCache<Proof> = createSingleFlightCache(maxVerdicts, context.monotonicMs);
  return {
    accepted(source) {
      if (source.registry === null) return;
      const key = credentialKey(source, source.registry);
      const proof = proofs.peek(key);
      if (proof !== undefined) proofs.drop(key, proof);
    },
    async failureOf(source, handshake, login, status) {
      const { registry, repository } = source;
      if (registry === null) return undefined;
      const key = credentialKey(source, registry);
      const isPassword = status === 401 && login.scheme === 'basic' && handshake.login?.scheme === 'basic';
      const load = async () => {
        const proof = isPassword ? proofs.peek(key) : undefined;
        if (proof !== undefined && proof.repository === repository && !isOutdated(registry, proof, now().getTime()))
          return { value: { failure: proof.failure, askedMs: proof.askedMs }, lifetimeMs: verdictMs };
        const askedMs = now().getTime();
        const failure = await context.gate.ask(source, () => ask(context, source, handshake, login));
        if (isPassword && failure?.outcome === 'INVALID_CREDENTIALS')
          proofs.set(key, { value: { failure, askedMs, repository }, lifetimeMs: proofMs });
        return { value: { failure, askedMs }, lifetimeMs: verdictMs };
      };
      const { value } = await verdicts.get(key, load);
      if (value.failure === undefined || !isOutdated(registry, value, now().getTime())) return value.failure;
      verdicts.drop(key, value);
      return (await verdicts.get(key, load)).value.failure;
    },
  };
}

function credentialKey({ host, loginGeneration = 0 }: PullSource, { id, secretVersion }: Registry): string {
  return `${id}@${secretVersion} ${host}#${loginGeneration}`;
}

/** Whether a later check has found that the credential works. A time of the future comes from a clock that was wrong, and says nothing. */
function isOutdated(
  { lastValidation }: NonNullable<PullSource['registry']>,
  { askedMs }: Verdict,
  nowMs: number,
): boolean {
  if (lastValidation === null || !isSuccess(lastValidation.outcome)) return false;
  return lastValidation.checkedAt > askedMs && lastValidation.checkedAt <= nowMs;
}

async function ask(
  context: PullContext,
  source: PullSource,
  handshake: Handshake,
  used: Login,
): Promise<UpstreamFailure | undefined> {
  // Uses the host's own login, because the login of one repository says nothing about another one.
  const login = handshake.login ?? used;
  const credential = await source.credential?.();
  if (credential === undefined) return undefined;
  const session = openPullSession(context, source, credential);
  const rejected = () => new UpstreamFailure('INVALID_CREDENTIALS', { spaces: spaceAdvice(credential) });
  try {
    if (login.scheme === 'basic') {
      // An open `/v2/` accepts everything. A registry of this one repository has nothing else that the verdict could hurt.
      if (handshake.login === undefined)
        return source.repository !== null && source.registry?.repository === source.repository ? rejected() : undefined;
      const response = await getFromRegistry(session, handshake.witness, basicAuthorization(credential));
      return response.status === 401
        ? (limitOf(session, response, handshake.witness) ?? rejected())
        : limitOf(session, response, handshake.witness);
    }
    const reply = await requestSessionToken(session, login, undefined, credential);
    if (reply.granted) return undefined;
    const refusal = tokenRefusal(session, reply.response, login.realm, false);
    if (refusal.outcome === 'INVALID_CREDENTIALS')
      return new UpstreamFailure(refusal.outcome, { ...refusal.facts, spaces: spaceAdvice(credential) });
    // A server that has no token without a scope says nothing about the credential.
    return refusal.outcome === 'TOKEN_ENDPOINT_ERROR' && reply.response.status < 500 ? undefined : refusal;
  } catch (error) {
    if (error instanceof UpstreamFailure) return error;
    throw error;
  }
}
