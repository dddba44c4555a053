// Wires the core to its adapters: the use cases that every server calls.

import { randomUUID } from 'node:crypto';
import { type Accounts, createAccounts } from '../../core/accounts/accounts.ts';
import { createTokens, type TokenIssuer, type Tokens } from '../../core/accounts/tokens.ts';
import { type AuditTrailReader, createAuditTrail } from '../../core/audit/trail.ts';
import type { OwnAddress } from './own-address.ts';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { withoutExpiredPasswords } from '../../core/passwords/expired-passwords.ts';
import { createClientConfigs } from '../../core/pulls/client-config.ts';
import type { PublicEndpoint } from '../../core/pulls/pull-name.ts';
import { createPulls, type Pulls } from '../../core/pulls/pull.ts';
import { createUpstreamTokens } from '../../core/pulls/upstream-token.ts';
import { createLedger, type Ledger } from '../../core/pulls/usage/ledger.ts';
import { startUsageRetention } from '../../core/pulls/usage/retention.ts';
import { createUses } from '../../core/pulls/usage/uses.ts';
import { createRegistries, type RegistriesPorts } from '../../core/registries/registries.ts';
import { createSubscriptions, type Subscriptions } from '../../core/registries/watch.ts';
import { publishChanges } from '../../core/registry/events.ts';
import type { ValidationReport } from '../../core/registry/report.ts';
import { faultFields } from '../../core/shared/fault.ts';
import { type RevalidationPorts, startRevalidation } from '../../core/validation/revalidation.ts';
import type { Store } from '../../database/store.ts';
import { issueToken, revokeToken } from '../../server/auth/token-issuer.ts';
import type { UseCases } from '../../server/graphql/schema/builder.ts';
import type { Log } from '../../server/ops/log.ts';
import type { Backlog } from '../../server/ops/backlog-metrics.ts';
import type { Metrics } from '../../server/ops/metrics.ts';
import { createNewHosts } from '../../server/ops/new-hosts.ts';
import { createRateLimiter } from '../../server/ops/rate-limiter.ts';
import { createCloud } from '../../upstream/cloud/minter.ts';
import { createPuller, type Puller } from '../../upstream/pull/puller.ts';
import type { Names } from '../../upstream/transport/names/names.ts';
import { createValidator } from '../../upstream/validation/validator.ts';
import type { Config } from '../config.ts';
import { monotonicMs, setTimer } from './clock.ts';
import { openSeal } from './encryption.ts';

interface DomainParts {
  readonly config: Config;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly names: Names;
  readonly own: OwnAddress;
  /** The public address; known once the server listens. */
  readonly endpoint: PublicEndpoint;
  /** Resolves the principal of an earlier login again. Available once the logins are wired, which need a key from here. */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
}

/** The use cases, with the keys and the connections that they use. */
export interface Domain {
  readonly useCases: UseCases;
  readonly pulls: Pulls;
  readonly upstream: Puller;
  /** Signs the grants of the pull endpoint. */
  readonly grantKey: Uint8Array;
  /** The name of the installation in `Via`. */
  readonly viaName: string;
  /** Signs the cookie of a sign-in in progress. */
  readonly signInKey: Uint8Array;
  /** Ends the subscriptions, whose connections would otherwise delay a stop. */
  endStreams(): void;
  /** What is open, for the metrics. */
  counts(): { readonly streams: number; readonly circuits: number };
  close(): Promise<void>;
}

interface Administration {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly auditTrail: AuditTrailReader;
}

type SchedulePorts = RegistriesPorts & Pick<RevalidationPorts, 'access'>;

const systemTime = (): Date => new Date();

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;

/**
 * Opens the keys and creates the use cases.
 * @throws KeyringError if the keys do not belong to the database. Nothing was written then.
 */
export async function createDomain({
  config,
  store,
  metrics,
  log,
  names,
  own,
  endpoint,
  resolveLogin,
}: DomainParts): Promise<Domain> {
  const { sealer } = await openSeal(config, store);
  const viaName = viaNameOf(sealer);
  const { claims } = store;
  const { validator, cloud, upstream } = createUpstream({ config, observer: metrics, names, own, viaName, claims });
  const validating = {
    validator: cloud.wrapValidator(validator),
    observeValidation: (report: ValidationReport, host: string) =>
      metrics.observeValidation(report.outcome, report.durationMs, host),
    now: systemTime,
    rotationWindowMs: config.rotationWindowMs,
  };
  const stored = withoutExpiredPasswords(publishChanges(store.registries, store.notifications), validating);
  const ports: SchedulePorts = {
    registries: stored,
    access: store.access,
    sealer,
    isOwnHost: own.isOwnHost,
    ...validating,
    ...validationLimits(config),
    newId: () => `reg_${randomUUID().replaceAll('-', '')}`,
  };
  const registries = createRegistries(ports);
  const ledger = openLedger(store, log, metrics);
  const newHosts = createNewHosts();
  const pullPorts = { registries: stored, access: store.access, sealer, ledger, monotonicMs, newHosts, ...validating };
  const anonymousAllowed = config.pullAnonymous;
  const pulls = observedPulls(cloud.wrapPulls(createPulls(pullPorts, { anonymousAllowed })), metrics);
  const subscriptions = createSubscriptions({
    registries: stored,
    access: store.access,
    notifications: store.notifications,
    resolveLogin,
    setTimer,
  });
  const useCases = {
    registries,
    uses: createUses({ uses: store.uses }),
    subscriptions,
    upstreamTokens: createUpstreamTokens({ pulls, minter: upstream, endpoint }),
    clientConfigs: createClientConfigs({ endpoint }),
    ...createAdministration(store, systemTime),
  };
  const schedules = startSchedules({ config, log, metrics, store }, ports);
  const close = async (): Promise<void> => {
    await schedules.close();
    await Promise.all([validator.close(), upstream.close(), cloud.close()]);
    await ledger.close();
  };
  return {
    useCases,
    pulls,
    upstream,
    grantKey: sealer.deriveKey('pull-grant'),
    viaName,
    signInKey: sealer.deriveKey('sign-in'),
    ...opened(subscriptions, pulls),
    close,
  };
}

/** Returns the name of the installation in `Via`, the same on every replica. It shows nothing of the key that it is derived from. */
function viaNameOf(sealer: { deriveKey(purpose: string): Uint8Array }): string {
  return `regway-${Buffer.from(sealer.deriveKey('via')).toString('hex').slice(0, 16)}`;
}

/** What stays open longer than a request. */
function opened(subscriptions: Subscriptions, pulls: Pulls): Pick<Domain, 'endStreams' | 'counts'> {
  return {
    endStreams: () => subscriptions.end(),
    counts: () => ({ streams: subscriptions.count(), circuits: pulls.openCircuits() }),
  };
}

function validationLimits({ validationsPerMinute, accountValidationsPerMinute }: Config) {
  return {
    validationRateLimit: createRateLimiter(validationsPerMinute),
    accountValidationRateLimit: createRateLimiter(accountValidationsPerMinute),
  };
}

/** Returns the use cases of pulling, which count every outcome. */
function observedPulls(pulls: Pulls, metrics: Metrics): Pulls {
  return {
    ...pulls,
    recordUse(caller, source, outcome, ...rest) {
      metrics.observePull(outcome, source.host);
      return pulls.recordUse(caller, source, outcome, ...rest);
    },
  };
}

interface UpstreamParts extends Pick<DomainParts, 'config' | 'names' | 'own'> {
  readonly observer: Metrics;
  readonly viaName: string;
  readonly claims: Store['claims'];
}

function createUpstream({ config, observer, names: { lookup, lookupFunction }, own, viaName, claims }: UpstreamParts) {
  const network = {
    loopbackAllowed: config.loopbackOnly,
    egressAllow: config.egressAllow,
    egressDeny: config.egressDeny,
    plainHttpHosts: config.plainHttpHosts,
    redirectHosts: config.redirectHosts,
    isOwn: own.isOwn,
    viaName,
    extraCa: config.extraCa,
    now: systemTime,
    observer,
    lookup,
  };
  return {
    validator: createValidator(network),
    cloud: createCloud({
      extraCa: config.extraCa,
      ambient: config.ambient,
      now: systemTime,
      lookup: lookupFunction,
    }),
    upstream: createPuller({ ...network, redirects: config.pullRedirects, claims }),
  };
}

function openLedger(store: Store, log: Log, metrics: Metrics): Ledger {
  const ledger = createLedger({
    store: store.uses,
    setTimer,
    monotonicMs,
    onFailure: (fault) => log.error(faultFields(fault), 'the usage of credentials could not be written yet'),
    onLoss: (uses) =>
      log.error({ uses }, 'some usage of credentials is lost: the database was unavailable for too long'),
  });
  metrics.watchUnwrittenUses(() => ledger.unwritten());
  return ledger;
}

/** Creates the use cases of accounts, tokens, and the audit trail. @param now the clock of token expiry and events. */
export function createAdministration(
  { access, audit }: Pick<Store, 'access' | 'audit'>,
  now: () => Date,
): Administration {
  const issuer: TokenIssuer = {
    issue: (request) => issueToken({ access, now, ...request }),
    revoke: (request) => revokeToken({ access, now, ...request }),
  };
  return {
    accounts: createAccounts({ access, now }),
    tokens: createTokens({ access, issuer, now }),
    auditTrail: createAuditTrail({ audit, access }),
  };
}

async function backlogOf({ registries }: Store): Promise<Backlog> {
  const nowMs = Date.now();
  const { count, oldestMs } = await registries.dueBacklog(nowMs);
  return { count, oldestSeconds: oldestMs === null ? 0 : (nowMs - oldestMs) / 1000 };
}

/** Starts what this server does without a request. */
function startSchedules(
  { config, log, metrics, store }: Pick<DomainParts, 'config' | 'log' | 'metrics' | 'store'>,
  ports: SchedulePorts,
): { close(): Promise<void> } {
  const revalidation = scheduleRevalidation(config, log, ports);
  if (revalidation !== undefined) metrics.watchBacklog(() => backlogOf(store));
  const retention = scheduleUsageRetention(config, log, metrics, store);
  return { close: async () => void (await Promise.all([revalidation?.close(), retention?.close()])) };
}

/** Starts scheduled validation, unless the settings turn it off. */
function scheduleRevalidation({ revalidateEveryHours }: Config, log: Log, ports: SchedulePorts) {
  if (revalidateEveryHours === 0) return undefined;
  return startRevalidation({
    ...ports,
    everyMs: revalidateEveryHours * hourMs,
    setTimer,
    monotonicMs,
    newRequestId: randomUUID,
    onFailure: (fault) => log.error(faultFields(fault), 'a scheduled validation failed'),
  });
}

/** Starts the deletion of old usage, unless the settings keep all. */
function scheduleUsageRetention({ usageRetentionDays }: Config, log: Log, metrics: Metrics, { uses }: Store) {
  if (usageRetentionDays === 0) return undefined;
  return startUsageRetention({
    uses,
    keptMs: usageRetentionDays * dayMs,
    now: systemTime,
    setTimer,
    onDeleted(counts) {
      metrics.countDeletedUses(counts);
      log.info({ counts }, 'usage older than REGWAY_USAGE_RETENTION was deleted');
    },
    onFailure: (fault) =>
      log.error(faultFields(fault), 'old usage could not be deleted, and is tried again in an hour'),
  });
}
