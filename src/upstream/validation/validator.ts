// The port `Validator`: asks a registry itself whether a credential works, and reports what was seen, step by step.

import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { ValidationReport } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { CheckOptions, CheckTarget, Credential, Validator } from '../../core/validation/validator.ts';
import { noFacts, type OutcomeFacts, UpstreamFailure } from '../errors/failure.ts';
import { describeOutcome } from '../errors/outcomes.ts';
import { endpointOf } from '../login/endpoint.ts';
import { basicAuthorization } from '../login/http-authentication.ts';
import { createRedactor } from '../login/redact.ts';
import type { CheckSession } from '../login/session.ts';
import { createClient, type UpstreamClient } from '../transport/client.ts';
import { createEgressPolicy, type EgressPolicy } from '../transport/egress.ts';
import { defaultLimits, type Limits, type NetworkSettings } from '../transport/settings.ts';
import { createTrust } from '../transport/trust.ts';
import { type CheckResult, checkCredential } from './credential-check.ts';
import { createTrail, recordPhase, type Steps } from './steps.ts';

export type ValidatorSettings = NetworkSettings;

export interface ClosableValidator extends Validator {
  /** Ends the checks that run, with an error, and every connection. */
  close(): Promise<void>;
}

interface Deps {
  readonly settings: ValidatorSettings;
  readonly limits: Limits;
  readonly egress: EgressPolicy;
  readonly trust: SecureContext;
  readonly closing: AbortSignal;
}

/**
 * Makes the validator. `check` gives a report for whatever an upstream does. It throws the signal's reason when it is cancelled, and
 * Problem `INVALID_INPUT` or `INVALID_REGISTRY` for a target or user name that cannot be sent; then nothing was.
 * @throws Error for a setting that cannot be read.
 */
export function createValidator(settings: ValidatorSettings): ClosableValidator {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const tools: Deps = {
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
      const done = check(tools, target, credential, options);
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

/** One check as it runs. */
interface Run {
  readonly tools: Deps;
  readonly target: CheckTarget;
  readonly credential: Credential;
  readonly trail: Steps;
  readonly observed: CheckSession['observed'];
  /** What ends the check with an error: the caller's signal, and our own end. */
  readonly cancels: readonly AbortSignal[];
}

async function check(
  tools: Deps,
  target: CheckTarget,
  credential: Credential,
  { onStep, signal }: CheckOptions,
): Promise<ValidationReport> {
  const startedMs = performance.now();
  const trail = createTrail(onStep);
  const cancels = signal === undefined ? [tools.closing] : [tools.closing, signal];
  const run: Run = { tools, target, credential, trail, observed: { realmHost: null }, cancels };
  const { outcome, facts } = await find(run);
  const verdict = describeOutcome(outcome, completeFacts(run, facts));
  trail.end('FAILED', verdict.message);
  return {
    outcome,
    ...verdict,
    retryAfter: facts.retryAfter ?? null,
    realmHost: run.observed.realmHost,
    checkedAt: tools.settings.now().getTime(),
    durationMs: Math.round(performance.now() - startedMs),
    steps: trail.steps,
  };
}

function completeFacts({ target, credential, trail }: Run, facts: Partial<OutcomeFacts>): OutcomeFacts {
  return {
    ...noFacts,
    host: target.host,
    username: credential.username,
    repository: trail.current() === 'REPOSITORY' ? repositoryToProbe(target) : null,
    ...facts,
    certificateNames: createRedactor(credential)(facts.certificateNames ?? '') ?? '',
  };
}

async function find(run: Run): Promise<CheckResult> {
  const { target, credential, cancels } = run;
  if (target.type !== 'DOCKER_V2') return { outcome: 'NATIVE_CREDENTIAL_ERROR', facts: { reason: target.type } };
  // Called for its refusal alone: a user name that cannot be sent is found out before anything is.
  basicAuthorization(credential);
  const repository = repositoryToProbe(target);
  for (const cancel of cancels) cancel.throwIfAborted();
  const client = createCheckClient(run);
  try {
    return await checkCredential(createSession(run, client), repository);
  } catch (error) {
    for (const cancel of cancels) cancel.throwIfAborted();
    if (error instanceof UpstreamFailure) return error;
    throw error;
  } finally {
    await client.close();
  }
}

function createSession(
  { tools, target, credential, trail, observed, cancels }: Run,
  client: UpstreamClient,
): CheckSession {
  const { limits, settings } = tools;
  return {
    target,
    credential,
    client,
    limits,
    plainHttpHosts: settings.plainHttpHosts,
    trail,
    safeText: createRedactor(credential),
    signal: AbortSignal.any([...cancels, AbortSignal.timeout(limits.checkTimeoutMs)]),
    now: settings.now,
    observed,
  };
}

/** A client for one check: its connections are made anew, so that the steps show them, and are shared with no other check. */
function createCheckClient({ tools, target, trail }: Run): ReturnType<typeof createClient> {
  const { settings, limits, egress, trust } = tools;
  const { origin } = endpointOf(target.host);
  const { hostname, host, port } = new URL(origin);
  const words = {
    address: port === '' ? `${host}:443` : host,
    isLiteral: isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0,
    verifyCertificate: target.secureConnection,
  };
  return createClient({
    egress,
    secureContext: trust,
    limits,
    userAgent: settings.userAgent ?? 'regway',
    unverifiedOrigin: target.secureConnection ? undefined : origin,
    // The requests of a check follow each other.
    maxConnectionsPerOrigin: 1,
    lookup: settings.lookup,
    onPhase: (phase, connectionOrigin) => {
      if (connectionOrigin === origin) recordPhase(trail, phase, words);
    },
  });
}

/** OCI distribution-spec "Pulling manifests": `<name>`. */
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * The named one, or the record's own when it is exact; a subtree has no name to ask for.
 * @throws Problem `INVALID_INPUT` for what is no repository name: it would end up in a URL and a scope.
 */
function repositoryToProbe({ repository, probeRepository }: CheckTarget): string | null {
  const exact = repository === null || repository.endsWith('/*') ? null : repository;
  const name = probeRepository ?? exact;
  if (name !== null && (name.length > 255 || !repositoryPattern.test(name))) {
    throw new Problem('INVALID_INPUT', 'The repository to check is not a repository name.', {
      field: ['probeRepository'],
    });
  }
  return name;
}
