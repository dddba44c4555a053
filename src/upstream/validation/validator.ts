// Implements the port `Validator`: finds out from the registry itself whether a credential works, and reports each step.
// Part of `upstream/`, the shared V2 validation module: validations, token requests and pulls use its one conversation in `login/`.

import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { spaceAdvice } from '../../core/registry/advice.ts';
import type { ValidationReport } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { CheckOptions, CheckTarget, Credential, Validator } from '../../core/validation/validator.ts';
import { noFacts, type OutcomeFacts, UpstreamFailure } from '../errors/failure.ts';
import { describeOutcome } from '../errors/outcomes.ts';
import { endpointOf, isRegistryHost } from '../login/endpoint.ts';
import { basicAuthorization } from '../login/http-authentication.ts';
import { type CheckSession, openSession } from '../login/session.ts';
import { createSteps } from '../login/steps.ts';
import { type Agents, createAgents } from '../transport/agents.ts';
import type { ConnectionPhase } from '../transport/connector.ts';
import { createEgressPolicy, type EgressPolicy } from '../transport/addresses/egress.ts';
import { defaultLimits, type Limits, type NetworkSettings } from '../transport/settings.ts';
import { createTrust } from '../transport/trust.ts';
import { type ConnectionWords, recordPhase } from './connection-steps.ts';
import { type CheckResult, checkCredential } from './credential-check.ts';

interface ClosableValidator extends Validator {
  /** Ends the running checks with an error, and closes every connection. */
  close(): Promise<void>;
}

interface Deps {
  readonly settings: NetworkSettings;
  readonly limits: Limits;
  readonly egress: EgressPolicy;
  readonly trust: SecureContext;
  readonly closing: AbortSignal;
}

/**
 * Creates the validator. `check` returns a report for whatever an upstream does. It throws the signal's reason when it is canceled, and
 * Problem `INVALID_INPUT` or `INVALID_REGISTRY` for a target or username that cannot be sent, before anything is sent.
 * @throws Error for a setting that cannot be read.
 */
export function createValidator(settings: NetworkSettings): ClosableValidator {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const deps: Deps = {
    settings,
    limits: { ...defaultLimits, ...settings.limits },
    egress: createEgressPolicy({
      loopbackAllowed: settings.loopbackAllowed,
      allow: settings.egressAllow,
      deny: settings.egressDeny,
    }),
    trust: createTrust(settings.extraCa),
    closing: closing.signal,
  };
  return {
    check(target, credential, options = {}) {
      const done = check(deps, target, credential, options);
      running.add(done);
      void done.catch(() => undefined).finally(() => running.delete(done));
      return done;
    },
    async close() {
      closing.abort(new Error('The validator was closed.'));
      await Promise.allSettled(running);
    },
  };
}

async function check(
  deps: Deps,
  target: CheckTarget,
  credential: Credential,
  { onStep, signal }: CheckOptions,
): Promise<ValidationReport> {
  const startedMs = performance.now();
  const report = (session: CheckSession | undefined, { outcome, facts }: CheckResult): ValidationReport => {
    const described = describeOutcome(outcome, completeFacts(target, credential, session, facts));
    session?.steps.finish('FAILED', described.message);
    return {
      outcome,
      ...described,
      retryAfter: facts.retryAfter ?? null,
      realmHost: session?.observed.realmHost ?? null,
      checkedAt: deps.settings.now().getTime(),
      durationMs: Math.round(performance.now() - startedMs),
      steps: session?.steps.finished ?? [],
    };
  };
  if (target.type !== 'DOCKER_V2')
    return report(undefined, { outcome: 'NATIVE_CREDENTIAL_ERROR', facts: { reason: target.type } });
  // Called only for its error: a username that cannot be sent is found before anything is sent.
  basicAuthorization(credential);
  const repository = repositoryToProbe(target);
  const cancels = signal === undefined ? [deps.closing] : [deps.closing, signal];
  for (const cancel of cancels) cancel.throwIfAborted();
  const agents = openAgents(deps, target, (phase, words) => recordPhase(session.steps, phase, words));
  const session = openSession({ ...deps, agents }, target, { credential, steps: createSteps(onStep), signal });
  try {
    return report(session, await checkCredential(session, repository));
  } catch (error) {
    for (const cancel of cancels) cancel.throwIfAborted();
    if (error instanceof UpstreamFailure) return report(session, error);
    throw error;
  } finally {
    await agents.close();
  }
}

function completeFacts(
  target: CheckTarget,
  credential: Credential,
  session: CheckSession | undefined,
  facts: Partial<OutcomeFacts>,
): OutcomeFacts {
  return {
    ...noFacts,
    host: target.host,
    username: credential.username,
    spaces: spaceAdvice(credential),
    secureConnection: target.secureConnection,
    isRegistry: facts.host === undefined || isRegistryHost(target.host, facts.host),
    probePattern: probePatternOf(target),
    repository: session?.steps.running() === 'REPOSITORY' ? repositoryToProbe(target) : null,
    ...facts,
    certificateNames: session?.redact(facts.certificateNames ?? '') ?? '',
  };
}

/** Creates the connections of one check: new ones, so that the steps show them, and shared with no other check. */
function openAgents(
  { settings, limits, egress, trust }: Deps,
  target: CheckTarget,
  onPhase: (phase: ConnectionPhase, words: ConnectionWords) => void,
): Agents {
  const { origin } = endpointOf(target.host);
  const { hostname, host, port } = new URL(origin);
  const words = {
    address: port === '' ? `${host}:443` : host,
    isLiteral: isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0,
    verifyCertificate: target.secureConnection,
  };
  return createAgents({
    egress,
    isOwn: settings.isOwn,
    secureContext: trust,
    limits,
    // The requests of a check follow each other.
    maxConnectionsPerOrigin: 1,
    lookup: settings.lookup,
    observer: settings.observer,
    onPhase: (phase, connectionOrigin) => {
      if (connectionOrigin === origin) onPhase(phase, words);
    },
  });
}

/** Returns where a private repository can be named: undefined if the pattern is one repository, which is the one that was requested. */
function probePatternOf({ repository }: CheckTarget): string | null | undefined {
  return repository === null || repository.endsWith('/*') ? repository : undefined;
}

/** OCI distribution-spec "Pulling manifests": `<name>`. */
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * Returns the named repository, or the record's own if its pattern is exact, or null: a subtree has no repository to probe.
 * @throws Problem `INVALID_INPUT` for an invalid repository name, because it would become part of a URL and a scope.
 */
function repositoryToProbe({ repository, probeRepository }: CheckTarget): string | null {
  const exact = repository === null || repository.endsWith('/*') ? null : repository;
  const name = probeRepository ?? exact;
  if (name !== null && (name.length > 255 || !repositoryPattern.test(name))) {
    throw new Problem('INVALID_INPUT', 'The repository to request must be a repository name, such as library/alpine.', {
      field: ['probeRepository'],
    });
  }
  return name;
}
