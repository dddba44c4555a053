// Pulling with a stored credential: who may, which credential it is, and what follows when the upstream refuses it.

import { isEnabled } from '../accounts/accounts.ts';
import type { AccountStore } from '../accounts/store.ts';
import { auditEvent } from '../audit/event.ts';
import { type AccountLookup, actingAccount, authorize, mayRun, noSuchAccount } from '../authz/permissions.ts';
import type { AuthorizedCaller, Caller, Principal } from '../authz/principal.ts';
import { openPassword } from '../passwords/passwords.ts';
import { coveringPatterns, coversImage, imageNotCovered } from '../registry/match.ts';
import type { Registry } from '../registry/registry.ts';
import type { ValidationOutcome, ValidationReport } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';
import type { Credential } from '../validation/validator.ts';
import { circuitMs, type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { createFailover, type Failover, type FailoverPorts } from './failover.ts';
import type { UseLedger } from './usage.ts';

/** The repository that is pulled from; `host` and `repository` are canonical. */
export interface PulledImage {
  readonly host: string;
  readonly repository: string;
  /** The account whose registries are looked at; the caller's own by default. */
  readonly account?: string | null | undefined;
}

export interface Pulls {
  /** Whether the principal may pull the image at all. Reads nothing. */
  permits(principal: Principal, image: Pick<PulledImage, 'host' | 'repository'>): boolean;
  /**
   * Where a pull goes and with which credential. Opens no secret by itself.
   * @throws Problem `UNAUTHENTICATED`, `FORBIDDEN` (role, image limit, or anonymous pulls are off), `NOT_FOUND` (the account),
   * `UPSTREAM_FAILED` while the upstream's last refusal of this credential is fresh; nothing is to be sent then.
   */
  resolve(caller: Caller, image: PulledImage): Promise<PullSource>;
  /**
   * Takes note of one use of the source's credential; of an anonymous pull nothing is noted.
   * @param outcome `DONE`, or what the refusal of the upstream stands for.
   */
  recordUse(caller: Caller, source: PullSource, outcome: 'DONE' | ValidationOutcome): Promise<void>;
}

export interface PullPorts extends FailoverPorts {
  readonly access: AccountLookup & Pick<AccountStore, 'accountByName'>;
  readonly ledger: UseLedger;
}

export interface PullSettings {
  /** Whether images that match no registry are pulled without a credential. */
  readonly anonymousAllowed: boolean;
}

/** Outcomes after which the same credential is not sent again for a while. */
const breaking: ReadonlySet<string> = new Set<ValidationOutcome>(['INVALID_CREDENTIALS', 'LOCKED_OUT']);

/** The use cases of pulling, over their ports. */
export function createPulls(ports: PullPorts, settings: PullSettings): Pulls {
  const circuits = createCircuitBreaker(ports.now);
  const rotations = createFailover(ports, circuitMs);
  return {
    permits: (principal, image) => mayRun(principal, 'pull.use') && coversImage(principal, image),
    resolve: (caller, image) => findSource({ ports, settings, circuits, rotations }, caller, image),
    recordUse: (caller, source, outcome) => recordUse({ ports, circuits, rotations }, caller, source, outcome),
  };
}

/**
 * Asks with the credential of the moment. When that was replaced while we asked, the new one gets its turn, so that a rotation fails no pull.
 * @throws what `ask` threw first, unless there is another credential; what the second try throws.
 */
export async function retryWithCurrentCredential<Answer>(
  sourceNow: () => Promise<PullSource>,
  ask: (source: PullSource) => Promise<Answer>,
): Promise<Answer> {
  const source = await sourceNow();
  try {
    return await ask(source);
  } catch (error) {
    if (!isCredentialError(error)) throw error;
    const current = await sourceNow().catch(() => undefined);
    if (
      current === undefined ||
      (current.registry?.id === source.registry?.id && current.registry?.version === source.registry?.version)
    )
      throw error;
    return ask(current);
  }
}

function isCredentialError(error: unknown): boolean {
  return (
    error instanceof Problem &&
    (error.code === 'CONFLICT' || error.code === 'NOT_FOUND' || error.reason === 'INVALID_CREDENTIALS')
  );
}

interface Deps {
  readonly ports: PullPorts;
  readonly settings: PullSettings;
  readonly circuits: CircuitBreaker;
  readonly rotations: Failover;
}

async function findSource(
  { ports, settings, circuits, rotations }: Deps,
  caller: Caller,
  image: PulledImage,
): Promise<PullSource> {
  const principal = authorize(caller, 'pull.use');
  const { host, repository } = image;
  if (!coversImage(principal, image)) throw imageNotCovered();
  const account = await actingAccount(ports, principal, image.account);
  // The caller's own is enabled, or nobody had logged in.
  if (account !== principal.account && !isEnabled(await ports.access.accountByName(account))) throw noSuchAccount();
  const found = await ports.registries.findMostSpecific(account, coveringPatterns(image));
  if (found === undefined) {
    if (!settings.anonymousAllowed) throw anonymousIsOff(host, repository);
    return { host, repository, registry: null, credential: null };
  }
  const registry = await rotations.afterFailover(found);
  circuits.throwIfOpen(registry);
  const { username } = registry;
  const credential = async () => ({
    username,
    password: await openPassword(ports, { ...caller, principal }, registry),
  });
  return { host, repository, registry, credential };
}

async function recordUse(
  { ports, circuits, rotations }: Omit<Deps, 'settings'>,
  caller: Caller,
  source: PullSource,
  outcome: 'DONE' | ValidationOutcome,
): Promise<void> {
  const { registry, host, repository } = source;
  const { principal } = caller;
  if (registry === null || principal === undefined) return;
  const { id, account, version } = registry;
  ports.ledger.record({
    at: ports.now(),
    account,
    registryId: id,
    registryVersion: version,
    actor: principal.subject,
    image: `${host}/${repository}`,
    outcome,
  });
  if (!breaking.has(outcome)) return;
  if (
    outcome === 'INVALID_CREDENTIALS' &&
    (await tryAlternate({ circuits, rotations }, { ...caller, principal }, registry))
  )
    return;
  if (!circuits.open(registry, outcome)) return;
  if (outcome !== 'INVALID_CREDENTIALS') return;
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), outcome);
  await ports.registries.recordValidation(id, version, refusedReport(registry, ports.now().getTime()), event);
}

/** As `Rotations.tryOther`. What goes wrong in a try, such as a full disk, must not let the refused password be sent again and again. */
async function tryAlternate(
  { circuits, rotations }: Pick<Deps, 'circuits' | 'rotations'>,
  caller: AuthorizedCaller,
  registry: Registry,
): Promise<boolean> {
  try {
    return await rotations.tryAlternate(caller, registry);
  } catch (error) {
    circuits.open(registry, 'INVALID_CREDENTIALS');
    throw error;
  }
}

function anonymousIsOff(host: string, repository: string): Problem {
  return new Problem(
    'FORBIDDEN',
    `No registry covers ${host}/${repository}, and pulls without a credential are turned off here. Add a registry for it.`,
    {
      reason: 'ANONYMOUS_OFF',
    },
  );
}

/** What `lastValidation` says after a pull in which the upstream refused the credential. */
function refusedReport({ host, username }: Registry, checkedAt: number): ValidationReport {
  return {
    outcome: 'INVALID_CREDENTIALS',
    message: `${host} rejected the user name "${username}" or its password in a pull.`,
    hint: 'Check both, and whether the token has expired or was revoked; then update the registry.',
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt,
    durationMs: 0,
    steps: [],
  };
}

/** Where a pull goes and with what. */
export interface PullSource {
  /** Canonical `host[:port]` and repository of the image. */
  readonly host: string;
  readonly repository: string;
  /** The registry whose credential is used; null for an anonymous pull, which verifies TLS. */
  readonly registry: Registry | null;
  /**
   * Opens the stored credential at the moment that something needs it, since a cached upstream token often makes that unnecessary.
   * Null for an anonymous pull. Throws Problem `SECRET_UNREADABLE`, or `CONFLICT` when the registry was changed meanwhile.
   */
  readonly credential: (() => Promise<Credential>) | null;
}
