// Commits waiting changes in one transaction, so that they wait for each answer of the server and for its disk once: each fails separately, and
// none is acknowledged before the commit. Their statements are sent without waiting for each other's answers.

import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../../core/shared/problem.ts';
import type { Change, Queries, SendEvents } from '../../database.ts';
import { StoreError } from '../../errors.ts';
import { beginTransaction, type Connection, isNoLongerSuitable, lockTimeoutMs, type Pool } from '../pool.ts';
import { commit, rollBack, sqlStateOf } from './transaction.ts';
import { isAwaited, type Write } from './write-queue.ts';

/** A change that waits for its group. */
export interface Member extends Write {
  /** Runs it, at the same time as the other members in the same transaction. */
  readonly work: (queries: Queries) => Promise<Change<unknown>>;
  readonly resolve: (value: unknown) => void;
}

export interface GroupParts {
  /** Has one connection. */
  readonly pool: Pick<Pool, 'use'>;
  readonly send: SendEvents;
  /** Runs a member in a transaction of its own, on another connection. */
  readonly runAlone: (member: Member) => void;
}

/** Milliseconds that the members wait for a row that another program locks. The one that needs it then waits by itself. */
const memberLockTimeoutMs = 1_000;

/** Attempts at one group. Each leaves out the members that failed the one before; then each of the others runs alone. */
const maxAttempts = 3;

/** The code of every statement after one that failed. */
const transactionFailed = '25P02';

/** Runs members to their end: each is told how it ended. Never rejects. */
export async function commitTogether(parts: GroupParts, members: readonly Member[]): Promise<void> {
  let rest = members;
  try {
    for (let attempt = 1; attempt <= maxAttempts && rest.length > 0; attempt++) {
      const attempted = rest;
      const failed = await parts.pool.use((connection) => attemptGroup(parts.send, connection, attempted));
      if (failed === undefined) return;
      for (const member of failed) if (isAwaited(member)) parts.runAlone(member);
      rest = rest.filter((member) => !failed.has(member));
    }
    rest.forEach(parts.runAlone);
  } catch (error) {
    for (const member of rest) member.reject(error);
  }
}

type Outcome = PromiseSettledResult<Change<unknown>>;

/**
 * Commits the members and tells each how it ended; or stores nothing, if statements of some failed or their callers wait no longer.
 * @returns those members, or undefined after the commit. @throws what concerns all members.
 */
async function attemptGroup(
  send: SendEvents,
  { client, queries }: Connection,
  members: readonly Member[],
): Promise<ReadonlySet<Member> | undefined> {
  await client.query(`${beginTransaction}; SET LOCAL lock_timeout = ${memberLockTimeoutMs}`);
  try {
    const outcomes = await Promise.allSettled(members.map(({ work }) => work(queries)));
    const failed = failedMembers(members, outcomes);
    if (failed.size > 0) {
      await rollBack(client);
      return failed;
    }
    // The end of the chain is awaited for as long as the groups of other replicas need.
    const limited = client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    // If the connection breaks, the next statement fails too, before anything awaits this one.
    limited.catch(() => undefined);
    const ended = Promise.all([limited, ...(await sendEvents(send, queries, outcomes))]);
    ended.catch(() => undefined);
    // The commit must be the last, and a query builder may send its statement only later in this turn of the event loop.
    await setImmediate();
    const overdue = overdueMembers(members);
    if (overdue.size > 0) {
      await rollBack(client);
      return overdue;
    }
    for (const { deadline } of members) deadline.beforeCommit();
    await commit(client, ended);
    await acknowledge(members, outcomes);
    return undefined;
  } catch (error) {
    // A connection that cannot roll back is closed, which does the same.
    await rollBack(client).catch(() => undefined);
    throw error;
  }
}

/** The members that cannot be part of this group. @throws an error that is not about one member, such as a lost connection. */
function failedMembers(members: readonly Member[], outcomes: readonly Outcome[]): Set<Member> {
  const failed = overdueMembers(members);
  const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as unknown) : undefined));
  for (const [index, member] of members.entries()) {
    const reason = reasons[index];
    if (reason === undefined || reason instanceof Problem || reason instanceof StoreError) continue;
    if (isNoLongerSuitable(reason)) throw reason;
    if (sqlStateOf(reason) !== transactionFailed) failed.add(member);
  }
  const victim = reasons.find((reason) => sqlStateOf(reason) === transactionFailed);
  if (failed.size === 0 && victim !== undefined) throw victim;
  return failed;
}

function overdueMembers(members: readonly Member[]): Set<Member> {
  return new Set(members.filter((member) => !isAwaited(member)));
}

async function sendEvents(
  send: SendEvents,
  queries: Queries,
  outcomes: readonly Outcome[],
): Promise<readonly Promise<unknown>[]> {
  const events = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' && outcome.value.event !== undefined ? [outcome.value.event] : [],
  );
  return events.length === 0 ? [] : await send(queries, events);
}

/** Each in a turn of the event loop of its own, so that what the callers do next does not delay all other requests at once. */
async function acknowledge(members: readonly Member[], outcomes: readonly Outcome[]): Promise<void> {
  for (const [index, member] of members.entries()) {
    settle(member, outcomes[index]);
    await setImmediate();
  }
}

function settle({ resolve, reject }: Member, outcome: Outcome | undefined): void {
  if (outcome?.status === 'fulfilled') resolve(outcome.value.value);
  else reject(outcome?.reason);
}
