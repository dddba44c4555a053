// Revalidation on a schedule: stored credentials are checked again, each by one server, and a rejected one never until it is changed.

import { isEnabled } from '../accounts/accounts.ts';
import type { AccountStore } from '../accounts/store.ts';
import { auditEvent } from '../audit/event.ts';
import { openPassword, type PasswordPorts } from '../passwords/passwords.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';
import type { ValidationOutcome, ValidationReport } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';
import type { Timer } from '../shared/time.ts';
import type { CheckPorts } from './validate.ts';

/** How often what is due is looked for; far below any interval that one can set. */
const sweepMs = 5 * 60_000;
/** Registries that are read at once. */
const pageSize = 100;
/** Checks that run at once: enough for thousands of registries a sweep, too few to be felt upstream. */
const maxConcurrentChecks = 4;
/** A check takes 15 s at most; a server that died during one leaves it to another after this. */
const claimMs = 2 * 60_000;
/** The first pause after a registry could not be asked; it doubles each time, up to the interval. */
const firstPauseMs = 10 * 60_000;
/** Checks are spread over this part of the interval, so that registries that were added together are not asked together. */
const spread = 0.2;

/** The upstream said no to the credential itself. Asking again could lock an account, and only a person can mend it. */
const rejected: ReadonlySet<ValidationOutcome> = new Set([
  'INVALID_CREDENTIALS',
  'INSUFFICIENT_SCOPE',
  'UPSTREAM_FORBIDDEN',
  'LOCKED_OUT',
  'NATIVE_CREDENTIAL_ERROR',
]);
/** The upstream could not be asked, or was busy. */
const passing: ReadonlySet<ValidationOutcome> = new Set([
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_CLOSED',
  'RATE_LIMITED',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
]);

export interface RevalidationPorts extends PasswordPorts, Omit<CheckPorts, 'validationRateLimit'> {
  readonly access: Pick<AccountStore, 'accountByName'>;
  /** Milliseconds from one check of a registry to the next. */
  readonly everyMs: number;
  readonly schedule: Timer;
  readonly newRequestId: () => string;
  /** Told of a registry, or a sweep, that met a fault; the next sweep tries again. */
  readonly onFailure: (fault: unknown) => void;
}

export interface Revalidation {
  /** Checks what is due now. Never rejects. */
  sweep(): Promise<void>;
  /** Starts no more checks and gives those that run up. */
  close(): Promise<void>;
}

/** Starts the schedule; the first sweep comes `sweepMs` from now. What is due follows from the stored reports, so a restart forgets nothing. */
export function startRevalidation(ports: RevalidationPorts): Revalidation {
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const sweep = (): Promise<void> =>
    (running ??= sweepOnce(ports, stop.signal)
      .catch(ports.onFailure)
      .finally(() => (running = undefined)));
  const again = (): (() => void) =>
    ports.schedule(() => void sweep().then(() => stop.signal.aborted || (stopWaiting = again())), sweepMs);
  let stopWaiting = again();
  return {
    sweep,
    async close() {
      stop.abort();
      stopWaiting();
      await running;
    },
  };
}

/**
 * When a registry is to be checked again, in epoch milliseconds; undefined for never: its credential was rejected, or was stored unchecked
 * and nobody has asked to send it anywhere yet.
 */
export function dueAt(
  { id, lastValidation }: Pick<Registry, 'id' | 'lastValidation'>,
  everyMs: number,
): number | undefined {
  if (lastValidation === null || lastValidation.outcome === 'SKIPPED' || rejected.has(lastValidation.outcome))
    return undefined;
  const { outcome, checkedAt, retryAfter, schedule = { failures: 0, claimedUntil: 0 } } = lastValidation;
  const pauseMs = passing.has(outcome)
    ? Math.min(everyMs, firstPauseMs * 2 ** Math.max(0, schedule.failures - 1))
    : everyMs;
  return Math.max(checkedAt + pauseMs * (1 + spread * placeOf(id)), retryAfter ?? 0, schedule.claimedUntil);
}

/** A place from 0 to 1 that is a registry's own, the same on every server. */
function placeOf(id: string): number {
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
  // Nobody of a disabled account can mend what the check would find, or wants its password sent.
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
    // Nobody mends it within minutes, and each look at it writes an audit event.
    if (error instanceof Problem && error.code === 'SECRET_UNREADABLE')
      await claim(ports, registry, claimed, ports.everyMs);
    throw error;
  });
  const report = await ports.validator.check(registry, { username, password }, { signal });
  ports.observeValidation(report);
  const failures = passing.has(report.outcome) ? (before.schedule?.failures ?? 0) + 1 : 0;
  // A trail of "still good" every day would hide what matters.
  const event =
    report.outcome === before.outcome
      ? undefined
      : auditEvent(caller, 'registry.validate', registry, ports.now(), report.outcome);
  await ports.registries.recordValidation(id, version, { ...report, schedule: { failures, claimedUntil: 0 } }, event);
}

/**
 * Of several servers, one succeeds: the report is exchanged for itself with a claim in it, if it is still the one that was read.
 * Gives it with the claim.
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
