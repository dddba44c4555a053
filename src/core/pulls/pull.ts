// Pulling with a stored credential: who may, which credential it is, and what follows when the upstream refuses it.

import { authorise, mayRun, type Caller, type Principal } from '../authz/permissions.ts';
import { isEnabled } from '../accounts/accounts.ts';
import { auditEvent } from '../audit/event.ts';
import { openPassword, type AuthorisedCaller } from '../validation/validate.ts';
import { coversImage, imageNotCovered } from '../registries/explain.ts';
import { coveringTexts } from '../registry/match.ts';
import type { Ports, PullSource, UseLedger } from '../ports.ts';
import { Problem } from '../shared/problem.ts';
import { actingAccount, noSuchAccount } from '../registries/read.ts';
import type { Registry } from '../registry/registry.ts';
import { createRotations, type Rotations } from './failover.ts';
import { isSuccess, type ValidationOutcome, type ValidationReport } from '../registry/report.ts';

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
  source(caller: Caller, image: PulledImage): Promise<PullSource>;
  /**
   * Takes note of one use of the source's credential; of an anonymous pull nothing is noted.
   * @param outcome `DONE`, or what the refusal of the upstream stands for.
   */
  used(caller: Caller, source: PullSource, outcome: 'DONE' | ValidationOutcome): Promise<void>;
}

export interface PullPorts extends Pick<Ports, 'registries' | 'access' | 'sealer' | 'validator' | 'now' | 'rotationWindowMs' | 'observeValidation'> {
  readonly ledger: UseLedger;
}

export interface PullSettings {
  /** Whether images that match no registry are pulled without a credential. */
  readonly anonymousAllowed: boolean;
}

/** Registries lock an account after a few wrong passwords within minutes; one try a minute stays below that. */
const circuitMs = 60_000;

/** Outcomes after which the same credential is not sent again for a while. */
const breaking: ReadonlySet<string> = new Set<ValidationOutcome>(['INVALID_CREDENTIALS', 'LOCKED_OUT']);

/** The use cases of pulling, over their ports. */
export function createPulls(ports: PullPorts, settings: PullSettings): Pulls {
  const circuits = createCircuits(ports.now);
  const rotations = createRotations(ports, circuitMs);
  return {
    permits: (principal, image) => mayRun(principal, 'pull.use') && coversImage(principal, image),
    source: (caller, image) => findSource({ ports, settings, circuits, rotations }, caller, image),
    used: (caller, source, outcome) => noteUse({ ports, circuits, rotations }, caller, source, outcome),
  };
}

/**
 * Asks with the credential of the moment. When that was replaced while we asked, the new one gets its turn, so that a rotation fails no pull.
 * @throws what `ask` threw first, unless there is another credential; what the second try throws.
 */
export async function askWithCurrent<Answer>(sourceNow: () => Promise<PullSource>, ask: (source: PullSource) => Promise<Answer>): Promise<Answer> {
  const source = await sourceNow();
  try {
    return await ask(source);
  } catch (error) {
    if (!speaksOfTheCredential(error)) throw error;
    const current = await sourceNow().catch(() => undefined);
    if (current === undefined || (current.registry?.id === source.registry?.id && current.registry?.version === source.registry?.version)) throw error;
    return ask(current);
  }
}

function speaksOfTheCredential(error: unknown): boolean {
  return error instanceof Problem && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND' || error.reason === 'INVALID_CREDENTIALS');
}

interface Tools {
  readonly ports: PullPorts;
  readonly settings: PullSettings;
  readonly circuits: Circuits;
  readonly rotations: Rotations;
}

async function findSource({ ports, settings, circuits, rotations }: Tools, caller: Caller, image: PulledImage): Promise<PullSource> {
  const principal = authorise(caller, 'pull.use');
  const { host, repository } = image;
  if (!coversImage(principal, image)) throw imageNotCovered();
  const account = await actingAccount(ports, principal, image.account);
  // The caller's own is enabled, or nobody had logged in.
  if (account !== principal.account && !isEnabled(await ports.access.accountByName(account))) throw noSuchAccount();
  const found = await ports.registries.firstByTexts(account, coveringTexts(image));
  if (found === undefined) {
    if (!settings.anonymousAllowed) throw anonymousIsOff(host, repository);
    return { host, repository, registry: null, credential: null };
  }
  const registry = await rotations.latest(found);
  circuits.refuseIfOpen(registry);
  const { username } = registry;
  const credential = async () => ({ username, password: await openPassword(ports, { ...caller, principal }, registry) });
  return { host, repository, registry, credential };
}

async function noteUse({ ports, circuits, rotations }: Omit<Tools, 'settings'>, caller: Caller, source: PullSource, outcome: 'DONE' | ValidationOutcome): Promise<void> {
  const { registry, host, repository } = source;
  const { principal } = caller;
  if (registry === null || principal === undefined) return;
  const { id, account, version } = registry;
  ports.ledger.record({ at: ports.now(), account, registryId: id, registryVersion: version, actor: principal.subject, image: `${host}/${repository}`, outcome });
  if (!breaking.has(outcome)) return;
  if (outcome === 'INVALID_CREDENTIALS' && (await tryOther({ circuits, rotations }, { ...caller, principal }, registry))) return;
  if (!circuits.open(registry, outcome)) return;
  if (outcome !== 'INVALID_CREDENTIALS') return;
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), outcome);
  await ports.registries.recordValidation(id, version, refusedReport(registry, ports.now().getTime()), event);
}

/** As `Rotations.tryOther`. What goes wrong in a try, such as a full disk, must not let the refused password be sent again and again. */
async function tryOther({ circuits, rotations }: Pick<Tools, 'circuits' | 'rotations'>, caller: AuthorisedCaller, registry: Registry): Promise<boolean> {
  try {
    return await rotations.tryOther(caller, registry);
  } catch (error) {
    circuits.open(registry, 'INVALID_CREDENTIALS');
    throw error;
  }
}

interface Circuits {
  /** @throws Problem `UPSTREAM_FAILED` with the reason for which the circuit opened. */
  refuseIfOpen(registry: Registry): void;
  /** Opens the circuit of this registry and its password; false when it was open already. */
  open(registry: Registry, reason: string): boolean;
}

/** Keeps a refused credential back. A new password of the registry, or a check that succeeded since, closes its circuit at once. */
function createCircuits(now: () => Date): Circuits {
  const opened = new Map<string, { readonly atMs: number; readonly reason: string }>();
  const keyOf = ({ id, secretVersion }: Registry) => `${id}@${secretVersion}`;
  const current = (registry: Registry) => {
    const circuit = opened.get(keyOf(registry));
    if (circuit === undefined || circuit.atMs + circuitMs <= now().getTime()) return undefined;
    const { lastValidation } = registry;
    return lastValidation !== null && isSuccess(lastValidation.outcome) && lastValidation.checkedAt > circuit.atMs ? undefined : circuit;
  };
  return {
    refuseIfOpen(registry) {
      const circuit = current(registry);
      if (circuit !== undefined) throw circuitIsOpen(registry, circuit.reason, circuit.atMs + circuitMs);
    },
    open(registry, reason) {
      if (current(registry) !== undefined) return false;
      const atMs = now().getTime();
      for (const [key, circuit] of opened) if (circuit.atMs + circuitMs <= atMs) opened.delete(key);
      opened.set(keyOf(registry), { atMs, reason });
      return true;
    },
  };
}

function circuitIsOpen({ registry }: Registry, reason: string, retryAfter: number): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `The upstream refused the stored credential of ${registry} a moment ago, so it is not sent again for a minute. Update the registry with a password that works.`,
    { reason, retryAfter },
  );
}

function anonymousIsOff(host: string, repository: string): Problem {
  return new Problem('FORBIDDEN', `No registry covers ${host}/${repository}, and pulls without a credential are turned off here. Add a registry for it.`, {
    reason: 'ANONYMOUS_OFF',
  });
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
