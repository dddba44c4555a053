// Validates stored credentials again on a schedule, each on one server. A credential that a validation rejected is not validated again until it changes.

import { isEnabled } from '../accounts/accounts.ts';
import type { AccountStore } from '../accounts/store.ts';
import { auditEvent } from '../audit/event.ts';
import { openPassword, type PasswordPorts } from '../passwords/passwords.ts';
import { keepingTls } from '../registry/advice.ts';
import type { Registry } from '../registry/registry.ts';
import { adviceOf, type ValidationReport } from '../registry/report.ts';
import type { DueWindow } from '../registry/store.ts';
import { Problem } from '../shared/problem.ts';
import type { Timer } from '../shared/time.ts';
import { createDueReader, type DueReader } from './due-reader.ts';
import { createHostPauses, type HostPauses } from './host-pauses.ts';
import { dueAt, isTemporary, isUnreachable, latestDueAt, unreachableOutcomes } from './schedule.ts';
import type { CheckPorts } from './validate.ts';

/** Milliseconds between two sweeps. Far below any configurable interval. */
const sweepMs = 5 * 60_000;
/** Maximum number of concurrent checks: enough for thousands of registries a sweep, and a low load for this server. */
const maxConcurrentChecks = 16;
/** Maximum number of concurrent checks of one host: a low load for it, and a slow one leaves the others room. */
const maxChecksPerHost = 2;
/** Maximum number of concurrent checks of registries that were unreachable last time, each of which may take 15 s again. */
const maxUnreachableChecks = 8;
/** Milliseconds that a claim lasts. A check takes at most 15 s; if its server dies, another takes over after this. */
const claimMs = 2 * 60_000;

/** The ports and settings of revalidation. */
export interface RevalidationPorts
  extends PasswordPorts, Omit<CheckPorts, 'validationRateLimit' | 'accountValidationRateLimit'> {
  readonly access: Pick<AccountStore, 'accountByName'>;
  /** Milliseconds between two checks of a registry. */
  readonly everyMs: number;
  readonly setTimer: Timer;
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
  readonly newRequestId: () => string;
  /** Called when a check or a sweep throws. The next sweep tries again. */
  readonly onFailure: (fault: unknown) => void;
}

/** A running schedule. */
export interface Revalidation {
  /** Checks every registry that is due now and whose host answers. Never rejects. */
  sweep(): Promise<void>;
  /** Starts no more checks and cancels the running ones. */
  close(): Promise<void>;
}

/** Starts the schedule, with the first sweep after `sweepMs`. The stored reports determine what is due, so a restart loses nothing. */
export function startRevalidation(ports: RevalidationPorts): Revalidation {
  const stop = new AbortController();
  const hosts = createHostPauses(ports.monotonicMs);
  let running: Promise<void> | undefined;
  const sweep = (): Promise<void> =>
    (running ??= runSweep({
      ports,
      hosts,
      due: createDueReader(ports.registries, ports.monotonicMs),
      signal: stop.signal,
      running: new Set(),
    })
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

/** One check that is running. */
interface RunningCheck {
  readonly host: string;
  readonly wasUnreachable: boolean;
  /** Resolves at its end. Never rejects. */
  readonly done: Promise<void>;
}

/** What one sweep works with. */
interface Sweep {
  readonly ports: RevalidationPorts;
  readonly hosts: HostPauses;
  readonly due: DueReader;
  readonly signal: AbortSignal;
  readonly running: Set<RunningCheck>;
}

/** Starts checks whenever one may start, the longest due first, until nothing is due that may be checked now. */
async function runSweep(sweep: Sweep): Promise<void> {
  const { running, signal } = sweep;
  try {
    while (!signal.aborted) {
      const runningBefore = running.size;
      const started = runningBefore < maxConcurrentChecks ? await startDue(sweep) : 0;
      if (started > 0) continue;
      if (running.size > 0) await Promise.race([...running].map(({ done }) => done));
      // If checks ended during the read, it left out hosts that have room by now.
      else if (runningBefore === 0) return;
    }
  } finally {
    await Promise.all([...running].map(({ done }) => done));
  }
}

/**
 * Claims as many due registries as may be checked now, and starts their checks. Returns how many it claimed or put off: each of them is due later
 * now, so that the next read finds others.
 */
async function startDue(sweep: Sweep): Promise<number> {
  const { ports, hosts, running, signal } = sweep;
  const window = dueWindow(ports);
  const unreachable = [...running].filter((check) => check.wasUnreachable).length;
  const due = await sweep.due({
    ...window,
    limit: maxConcurrentChecks - running.size,
    waitingHosts: hosts.waiting(),
    fullHosts: fullHosts(sweep),
    exceptOutcomes: unreachable < maxUnreachableChecks ? [] : unreachableOutcomes,
  });
  const free = createSlots(sweep, maxUnreachableChecks - unreachable);
  const startable = due.filter((registry) => free(registry));
  const results = await Promise.allSettled(
    startable.map(async (registry) => {
      const claimed = await claimDue(ports, registry, window);
      if (claimed === undefined || signal.aborted) return;
      const check: RunningCheck = {
        host: registry.host,
        wasUnreachable: wasUnreachable(registry),
        done: revalidate(sweep, registry, claimed)
          .catch((fault: unknown) => void (signal.aborted || ports.onFailure(fault)))
          .finally(() => running.delete(check)),
      };
      running.add(check);
    }),
  );
  // Only now, so that the sweep waits for the checks of the other claims.
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return startable.length;
}

function dueWindow({ now, everyMs }: RevalidationPorts): DueWindow {
  const nowMs = now().getTime();
  return { nowMs, latestMs: latestDueAt(everyMs, nowMs) };
}

function wasUnreachable({ lastValidation }: Registry): boolean {
  return lastValidation !== null && isUnreachable(lastValidation.outcome);
}

/** Returns the hosts that have as many running checks as they may have. */
function fullHosts({ running, hosts }: Sweep): string[] {
  const checked = new Set([...running].map(({ host }) => host));
  return [...checked].filter((host) => checksOf(running, host) >= maxChecksOf(hosts, host));
}

function checksOf(running: Iterable<RunningCheck>, host: string): number {
  return [...running].filter((check) => check.host === host).length;
}

/** A host that did not answer is asked once, to see whether it is back. */
function maxChecksOf(hosts: HostPauses, host: string): number {
  return hosts.isSuspect(host) ? 1 : maxChecksPerHost;
}

/** Returns what takes a slot for one registry after the other: false if its host, or the unreachable, have none left. */
function createSlots({ hosts, running }: Sweep, unreachableSlots: number): (registry: Registry) => boolean {
  const taken = new Map<string, number>();
  let unreachable = 0;
  return (registry) => {
    const { host } = registry;
    const ofHost = taken.get(host) ?? checksOf(running, host);
    const isSlow = wasUnreachable(registry);
    if (ofHost >= maxChecksOf(hosts, host) || (isSlow && unreachable >= unreachableSlots)) return false;
    taken.set(host, ofHost + 1);
    if (isSlow) unreachable += 1;
    return true;
  };
}

/**
 * Claims a registry that is due. One that cannot be claimed is put off to a later sweep, so that it does not block the others.
 * Returns undefined if another server checks it, or if it turns out not to be due.
 */
async function claimDue(
  ports: RevalidationPorts,
  registry: Registry,
  window: DueWindow,
): Promise<ValidationReport | undefined> {
  const { id, lastValidation } = registry;
  const dueMs = dueAt(registry, ports.everyMs);
  const isDue = dueMs !== undefined && (dueMs <= window.nowMs || dueMs > window.latestMs);
  if (lastValidation === null || !isDue) {
    await ports.registries.postpone(id, window, dueMs ?? null);
    return undefined;
  }
  const claimed = await claim(ports, registry, lastValidation);
  if (claimed === undefined) await ports.registries.postpone(id, window, window.nowMs + sweepMs);
  return claimed;
}

async function revalidate(
  { ports, hosts, signal }: Sweep,
  registry: Registry,
  claimed: ValidationReport,
): Promise<void> {
  const { id, version, account, host, username } = registry;
  // No one in a disabled account can fix what the check would find, and its passwords must not be sent.
  if (!isEnabled(await ports.access.accountByName(account))) return;
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
  ports.observeValidation(report, host);
  noteHost(hosts, host, report);
  const failures = isTemporary(report) ? (claimed.schedule?.failures ?? 0) + 1 : 0;
  // An event for each unchanged outcome would hide the changes.
  const event =
    report.outcome === claimed.outcome
      ? undefined
      : auditEvent(caller, 'registry.validate', registry, ports.now(), report.outcome);
  const recorded = {
    ...report,
    advice: keepingTls(adviceOf(report), registry),
    // The clock may have been set back in the meantime.
    checkedAt: Math.min(report.checkedAt, ports.now().getTime()),
    schedule: { failures, claimedUntil: 0 },
  };
  await ports.registries.recordValidation(id, version, recorded, event);
}

function noteHost(hosts: HostPauses, host: string, report: ValidationReport): void {
  const { checkedAt, retryAfter } = report;
  if (isTemporary(report)) hosts.failed(host, (retryAfter ?? checkedAt) - checkedAt);
  else hosts.answered(host);
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
  const nowMs = now().getTime();
  const { checkedAt, retryAfter, schedule } = report;
  const claimed = {
    ...report,
    // Later times come from a clock that was wrong. If they stayed, the registry would be due again during its own check.
    checkedAt: Math.min(checkedAt, nowMs),
    retryAfter: retryAfter !== null && retryAfter > nowMs ? null : retryAfter,
    schedule: { failures: schedule?.failures ?? 0, claimedUntil: nowMs + forMs },
  };
  return (await registries.exchangeValidation(id, version, report, claimed)) ? claimed : undefined;
}
