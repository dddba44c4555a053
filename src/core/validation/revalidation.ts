// Validates stored credentials again on a schedule, each on one server. A credential that a validation rejected is not validated again until it changes.

import { isEnabled } from '../accounts/accounts.ts';
import type { AccountStore } from '../accounts/store.ts';
import { auditEvent } from '../audit/event.ts';
import { openPassword, type PasswordPorts } from '../passwords/passwords.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';
import type { ValidationOutcome, ValidationReport } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';
import type { Timer } from '../shared/time.ts';
import type { CheckPorts } from './validate.ts';

/** Milliseconds between two sweeps. Far below any configurable interval. */
const sweepMs = 5 * 60_000;
/** Registries per read. */
const pageSize = 100;
/** Maximum number of concurrent checks: enough for thousands of registries a sweep, and a low load for upstreams. */
const maxConcurrentChecks = 4;
/** Milliseconds that a claim lasts. A check takes at most 15 s; if its server dies, another takes over after this. */
const claimMs = 2 * 60_000;
/** Milliseconds to wait after a registry was unreachable. Doubles each time, up to the interval. */
const firstPauseMs = 10 * 60_000;
/** The fraction of the interval over which checks are spread, so that registries added together are not contacted together. */
const spread = 0.2;

/** The upstream rejected the credential itself. Trying again could lock an account, and only a changed credential helps. */
const rejected: ReadonlySet<ValidationOutcome> = new Set([
  'INVALID_CREDENTIALS',
  'INSUFFICIENT_SCOPE',
  'UPSTREAM_FORBIDDEN',
  'LOCKED_OUT',
  'NATIVE_CREDENTIAL_ERROR',
]);
/** The upstream was unreachable or busy. */
const temporary: ReadonlySet<ValidationOutcome> = new Set([
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_CLOSED',
  'RATE_LIMITED',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
]);

/** The ports and settings of revalidation. */
export interface RevalidationPorts
  extends PasswordPorts, Omit<CheckPorts, 'validationRateLimit' | 'accountValidationRateLimit'> {
  readonly access: Pick<AccountStore, 'accountByName'>;
  /** Milliseconds between two checks of a registry. */
  readonly everyMs: number;
  readonly setTimer: Timer;
  readonly newRequestId: () => string;
  /** Called when a check or a sweep throws. The next sweep tries again. */
  readonly onFailure: (fault: unknown) => void;
}

/** A running schedule. */
export interface Revalidation {
  /** Checks every registry that is due now. Never rejects. */
  sweep(): Promise<void>;
  /** Starts no more checks and cancels the running ones. */
  close(): Promise<void>;
}

/** Starts the schedule, with the first sweep after `sweepMs`. The stored reports determine what is due, so a restart loses nothing. */
export function startRevalidation(ports: RevalidationPorts): Revalidation {
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const sweep = (): Promise<void> =>
    (running ??= sweepOnce(ports, stop.signal)
      .catch(ports.onFailure)
      .finally(() => (running = undefined)));
  const scheduleNext = (): (() => void) =>
    ports.setTimer(() => void sweep().then(() => stop.signal.aborted || (cancelTimer = scheduleNext())), sweepMs);
  let cancelTimer = scheduleNext();
  return {
    sweep,
    async close() {
      stop.abort();
      cancelTimer();
      await running;
    },
  };
}

/**
 * Returns when a registry is due, in epoch milliseconds. Returns undefined for never: a validation rejected its credential, or it was stored
 * without validation and has not been requested to be sent anywhere yet. What only a pull found is validated soon.
 */
export function dueAt(
  { id, lastValidation }: Pick<Registry, 'id' | 'lastValidation'>,
  everyMs: number,
): number | undefined {
  if (lastValidation === null || lastValidation.outcome === 'SKIPPED') return undefined;
  const { outcome, checkedAt, retryAfter, fromPull, schedule = { failures: 0, claimedUntil: 0 } } = lastValidation;
  if (rejected.has(outcome) && !isTemporary(lastValidation) && fromPull === undefined) return undefined;
  const pauseMs =
    isTemporary(lastValidation) || fromPull !== undefined
      ? Math.min(everyMs, firstPauseMs * 2 ** Math.max(0, schedule.failures - 1))
      : everyMs;
  return Math.max(checkedAt + pauseMs * (1 + spread * fractionOf(id)), retryAfter ?? 0, schedule.claimedUntil);
}

/** Returns whether the upstream, or the cloud that issues its logins, was unreachable or busy. */
function isTemporary({ outcome, retryable }: ValidationReport): boolean {
  return temporary.has(outcome) || (outcome === 'NATIVE_CREDENTIAL_ERROR' && retryable);
}

/** Returns a number from 0 to 1 that is fixed for each registry and the same on every server. */
function fractionOf(id: string): number {
  return isRegistryId(id) ? Number.parseInt(id.slice(-8), 16) / 0xff_ff_ff_ff : 0;
}

async function sweepOnce(ports: RevalidationPorts, signal: AbortSignal): Promise<void> {
  for (let after = ''; !signal.aborted;) {
    const page = await ports.registries.afterId(after, pageSize);
    const now = ports.now().getTime();
    const due = page.filter((registry) => (dueAt(registry, ports.everyMs) ?? Number.POSITIVE_INFINITY) <= now);
    while (due.length > 0 && !signal.aborted) {
      await Promise.all(
        due
          .splice(0, maxConcurrentChecks)
          .map((registry) =>
            revalidate(ports, registry, signal).catch((fault: unknown) => signal.aborted || ports.onFailure(fault)),
          ),
      );
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.id;
  }
}

async function revalidate(ports: RevalidationPorts, registry: Registry, signal: AbortSignal): Promise<void> {
  const { id, version, account, username, lastValidation: before } = registry;
  // No one in a disabled account can fix what the check would find, and its passwords must not be sent.
  if (before === null || !isEnabled(await ports.access.accountByName(account))) return;
  const claimed = await claim(ports, registry, before);
  if (claimed === undefined) return;
  const principal = {
    subject: 'system:revalidation',
    account,
    role: 'READ_WRITE',
    images: null,
    expiresAt: null,
  } as const;
  const caller = { principal, requestId: ports.newRequestId(), signal: () => signal };
  const password = await openPassword(ports, caller, registry).catch(async (error: unknown) => {
    // It is not fixed within minutes, and each attempt writes an audit event.
    if (error instanceof Problem && error.code === 'SECRET_UNREADABLE')
      await claim(ports, registry, claimed, ports.everyMs);
    throw error;
  });
  const report = await ports.validator.check(registry, { username, password }, { signal, stored: registry });
  ports.observeValidation(report, registry.host);
  const failures = isTemporary(report) ? (before.schedule?.failures ?? 0) + 1 : 0;
  // An event for each unchanged outcome would hide the changes.
  const event =
    report.outcome === before.outcome
      ? undefined
      : auditEvent(caller, 'registry.validate', registry, ports.now(), report.outcome);
  await ports.registries.recordValidation(id, version, { ...report, schedule: { failures, claimedUntil: 0 } }, event);
}

/**
 * Claims the check of a registry, by replacing its report with one that contains the claim. Of several servers, one succeeds.
 * Returns the replacing report, or undefined if the report is no longer the one that was read.
 */
async function claim(
  { registries, now }: RevalidationPorts,
  { id, version }: Registry,
  report: ValidationReport,
  forMs = claimMs,
): Promise<ValidationReport | undefined> {
  const claimed = {
    ...report,
    schedule: { failures: report.schedule?.failures ?? 0, claimedUntil: now().getTime() + forMs },
  };
  return (await registries.exchangeValidation(id, version, report, claimed)) ? claimed : undefined;
}
