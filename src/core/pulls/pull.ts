// Resolves the stored credential of a pull, and reacts when the upstream registry rejects it.

import { isEnabled } from '../accounts/accounts.ts';
import type { AccountStore } from '../accounts/store.ts';
import { auditEvent } from '../audit/event.ts';
import { type AccountLookup, actingAccount, authorize, mayRun, noSuchAccount } from '../authz/permissions.ts';
import type { AuthorizedCaller, Caller, Principal } from '../authz/principal.ts';
import { openPassword, tryOpenCurrent } from '../passwords/passwords.ts';
import { type Advice, credentialAdvice, keepingTls } from '../registry/advice.ts';
import {
  catalogNotCovered,
  coveringPatterns,
  coversImage,
  imageNotCovered,
  nameOf,
  type PulledName,
} from '../registry/match.ts';
import type { Registry } from '../registry/registry.ts';
import { LoginNotIssued, skippedReport, type ValidationOutcome, type ValidationReport } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';
import { Secret } from '../shared/secret.ts';
import type { Credential } from '../validation/validator.ts';
import { admitAnonymousPull, type AnonymousPullPorts } from './anonymous.ts';
import { circuitMs, type CircuitBreaker, type CircuitClocks, createCircuitBreaker } from './circuit-breaker.ts';
import { createFailover, type Failover, type FailoverPorts } from './failover.ts';
import type { RequestedContent, UseLedger } from './usage/uses.ts';

/** The repository to pull from, or the host whose catalog is read; `host` and `repository` are canonical. */
export interface PulledImage extends PulledName {
  /** The account whose registries are used. Defaults to the caller's own. */
  readonly account?: string | null | undefined;
}

/** The destination of a pull and its credential. `host` and `repository` are canonical; without a repository it is the catalog of the host. */
export interface PullSource extends PulledName {
  /** The registry whose credential is used; null for an anonymous pull, which verifies TLS. */
  readonly registry: Registry | null;
  /**
   * Opens the stored credential on demand, because a cached upstream token often makes that unnecessary. Null for an anonymous pull.
   * Throws Problem `SECRET_UNREADABLE`, or `CONFLICT` if the registry was changed in the meantime.
   */
  readonly credential: (() => Promise<Credential>) | null;
  /**
   * Returns the source with a new login after the registry refused a cached one that a cloud issued, at most once a minute for each registry.
   * Returns undefined if there is no other to try. Absent if the credential is the stored one.
   * @param isRejected Whether the registry rejects the login itself, and not only this request.
   * @throws LoginNotIssued if a rejected login cannot be replaced.
   */
  readonly renewLogin?: (isRejected: boolean) => Promise<PullSource | undefined>;
  /** Counts the replaced logins, so that nothing learned with one is used with the next. Defaults to 0. */
  readonly loginGeneration?: number;
}

/** The use cases of pulling. */
export interface Pulls {
  /** Returns whether the role and the image limit of the principal allow the pull. Reads nothing. */
  permits(principal: Principal, image: PulledName): boolean;
  /**
   * Returns the destination and the credential of a pull. Opens no secret.
   * @throws Problem `UNAUTHENTICATED`, `FORBIDDEN` (role, image limit, or anonymous pulls are off), `NOT_FOUND` (the account),
   * `UPSTREAM_FAILED` for a minute after the upstream registry rejected this credential; nothing must be sent then.
   */
  resolve(caller: Caller, image: PulledImage): Promise<PullSource>;
  /**
   * Records one use of the source's credential. Records nothing for an anonymous pull.
   * @param outcome `DONE`, which also clears a rejection that an earlier pull recorded, or the outcome of the upstream's rejection.
   * `INVALID_CREDENTIALS` says that the upstream rejects the credential itself, not only this repository.
   * @param request What was requested, so that one image pull counts once. Omitted for any other use.
   * @param error What the pull ended with. A `LoginNotIssued` that cannot pass is a rejection of the credential.
   */
  recordUse(
    caller: Caller,
    source: PullSource,
    outcome: 'DONE' | ValidationOutcome,
    request?: RequestedContent,
    error?: unknown,
  ): Promise<void>;
  /** Returns how many credentials are withheld because a registry rejected them within the last minute. */
  openCircuits(): number;
}

/** The ports of the use cases of pulling. */
export interface PullPorts extends FailoverPorts, CircuitClocks, AnonymousPullPorts {
  readonly access: AccountLookup & Pick<AccountStore, 'accountByName'>;
  readonly ledger: UseLedger;
}

/** The settings of pulling. */
export interface PullSettings {
  /** Whether images that match no registry are pulled without a credential. */
  readonly anonymousAllowed: boolean;
}

/** Creates the use cases of pulling. */
export function createPulls(ports: PullPorts, settings: PullSettings): Pulls {
  const circuitBreaker = createCircuitBreaker(ports);
  const failover = createFailover(ports, circuitMs);
  return {
    permits: (principal, image) => mayRun(principal, 'pull.use') && coversImage(principal, image),
    resolve: (caller, image) => findSource({ ports, settings, circuitBreaker, failover }, caller, image),
    recordUse: (caller, source, outcome, request, error) =>
      recordUse({ ports, circuitBreaker, failover }, caller, source, { outcome, request, error }),
    openCircuits: () => circuitBreaker.count(),
  };
}

/**
 * Runs a request with the current credential. If that was rejected and has been replaced in the meantime, runs it once more with the new
 * one, so that a rotation fails no pull.
 * @throws The error of the first request if there is no other credential, else that of the second.
 */
export async function retryWithCurrentCredential<Answer>(
  resolveSource: () => Promise<PullSource>,
  request: (source: PullSource) => Promise<Answer>,
): Promise<Answer> {
  const source = await resolveSource();
  try {
    return await request(source);
  } catch (error) {
    if (!isCredentialError(error)) throw error;
    const current = await resolveSource().catch(() => undefined);
    if (
      current === undefined ||
      (current.registry?.id === source.registry?.id && current.registry?.version === source.registry?.version)
    )
      throw error;
    return request(current);
  }
}

function isCredentialError(error: unknown): boolean {
  return (
    error instanceof Problem &&
    (error.code === 'CONFLICT' ||
      error.code === 'NOT_FOUND' ||
      error.reason === 'INVALID_CREDENTIALS' ||
      isFinalCloudFailure(error))
  );
}

function isFinalCloudFailure(error: unknown): error is LoginNotIssued {
  return error instanceof LoginNotIssued && !error.report.retryable;
}

interface Deps {
  readonly ports: PullPorts;
  readonly settings: PullSettings;
  readonly circuitBreaker: CircuitBreaker;
  readonly failover: Failover;
}

async function findSource(
  { ports, settings, circuitBreaker, failover }: Deps,
  caller: Caller,
  image: PulledImage,
): Promise<PullSource> {
  const principal = authorize(caller, 'pull.use');
  const { host, repository } = image;
  if (!coversImage(principal, image)) throw repository === null ? catalogNotCovered(host) : imageNotCovered();
  const account = await actingAccount(ports, principal, image.account);
  // The caller's own account is enabled, or it could not have authenticated.
  if (account !== principal.account && !isEnabled(await ports.access.accountByName(account))) throw noSuchAccount();
  const found = await ports.registries.findMostSpecific(account, coveringPatterns(image));
  if (found === undefined) {
    await admitAnonymousPull(ports, principal, image, settings.anonymousAllowed);
    return { host, repository, registry: null, credential: null };
  }
  const registry = await failover.afterFailover(caller, found);
  circuitBreaker.throwIfOpen(registry);
  const { username } = registry;
  const credential = async () => ({
    username,
    password: await openPassword(ports, { ...caller, principal }, registry),
  });
  return { host, repository, registry, credential };
}

interface Use {
  readonly outcome: 'DONE' | ValidationOutcome;
  readonly request: RequestedContent | undefined;
  readonly error: unknown;
}

async function recordUse(
  { ports, circuitBreaker, failover }: Omit<Deps, 'settings'>,
  caller: Caller,
  source: PullSource,
  { outcome, request, error }: Use,
): Promise<void> {
  const { registry } = source;
  const { principal } = caller;
  if (registry === null || principal === undefined) return;
  const { id, account, version } = registry;
  ports.ledger.record({
    at: ports.now(),
    account,
    registryId: id,
    registryVersion: version,
    actor: principal.subject,
    image: nameOf(source),
    outcome,
    request,
  });
  if (outcome === 'DONE') return clearRejection(ports, { ...caller, principal }, registry);
  const verdict = verdictOf(registry, outcome, error, ports.now().getTime());
  if (verdict === undefined && outcome !== 'LOCKED_OUT') return;
  if (
    verdict !== undefined &&
    (await tryAlternate({ circuitBreaker, failover }, { ...caller, principal }, registry, outcome))
  )
    return;
  if (!circuitBreaker.open(registry, outcome)) return;
  // What a validation found itself is not replaced by what a pull found: it stays until the credential changes.
  const { lastValidation } = registry;
  if (verdict === undefined || (lastValidation?.outcome === outcome && isFinal(lastValidation))) return;
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), outcome);
  const advice = outcome === 'INVALID_CREDENTIALS' ? await rejectionAdvice(ports, registry) : (verdict.advice ?? []);
  await ports.registries.recordValidation(id, version, { ...verdict, advice }, event);
}

/** Returns what to do about the stored credential, which the upstream registry rejected. */
async function rejectionAdvice(ports: PullPorts, registry: Registry): Promise<readonly Advice[]> {
  const password = await tryOpenCurrent(ports, registry);
  return keepingTls(credentialAdvice({ username: registry.username, password: password ?? new Secret('') }), registry);
}

/** Whether a validation, and not a pull, found that the credential does not work. */
function isFinal({ outcome, retryable, fromPull }: ValidationReport): boolean {
  return fromPull === undefined && !(outcome === 'NATIVE_CREDENTIAL_ERROR' && retryable);
}

/** Puts back the report that an earlier pull replaced, because the upstream registry accepts the credential again. */
async function clearRejection(ports: PullPorts, caller: AuthorizedCaller, registry: Registry): Promise<void> {
  const { id, version, lastValidation } = registry;
  if (lastValidation?.fromPull === undefined) return;
  const restored = lastValidation.fromPull.replaced ?? skippedReport(ports.now().getTime());
  const event = auditEvent(caller, 'registry.validate', registry, ports.now(), restored.outcome);
  // Only if it is still this one: a validation in the meantime knows better.
  await ports.registries.exchangeValidation(id, version, lastValidation, restored, event);
}

/** As `Failover.tryAlternate`, but opens the circuit if it throws, so that a full disk does not let the rejected password be sent repeatedly. */
async function tryAlternate(
  { circuitBreaker, failover }: Pick<Deps, 'circuitBreaker' | 'failover'>,
  caller: AuthorizedCaller,
  registry: Registry,
  outcome: string,
): Promise<boolean> {
  try {
    return await failover.tryAlternate(caller, registry);
  } catch (error) {
    circuitBreaker.open(registry, outcome);
    throw error;
  }
}

/** Returns the report to store after a pull whose credential the upstream registry, or the cloud that issues its logins, rejected; else undefined. */
function verdictOf(
  { host, username, lastValidation }: Registry,
  outcome: 'DONE' | ValidationOutcome,
  error: unknown,
  checkedAt: number,
): ValidationReport | undefined {
  const replaced = lastValidation?.fromPull === undefined ? lastValidation : lastValidation.fromPull.replaced;
  if (isFinalCloudFailure(error)) return { ...error.report, checkedAt, fromPull: { replaced } };
  if (outcome !== 'INVALID_CREDENTIALS') return undefined;
  return {
    outcome: 'INVALID_CREDENTIALS',
    message: `${host} rejected the username "${username}" or its password in a pull.`,
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt,
    durationMs: 0,
    steps: [],
    fromPull: { replaced },
  };
}
