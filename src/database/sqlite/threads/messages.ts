// Defines the messages between the main thread and a thread of the store, and carries errors across by one table.

import { StaleKeys } from '../../../core/passwords/sealer.ts';
import { codeOf } from '../../../core/shared/fault.ts';
import { Problem, type ProblemDetails } from '../../../core/shared/problem.ts';
import { failureWith, StoreError } from '../../errors.ts';
import type { Repositories } from '../../repositories/repositories.ts';

/** What a thread is for: the one connection that writes, or reads that take long. */
export type ThreadKind = 'WRITES' | 'SCANS';

/** What a thread is started with. */
export interface ThreadSetup {
  /** The path of the database file, which exists and has the tables of this program. */
  readonly path: string;
  readonly kind: ThreadKind;
}

/** One call of a method of a store port. Arguments are plain data; a function is replaced by its `CallbackPlace`. */
export interface Call {
  readonly id: number;
  readonly part: keyof Repositories;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Stands for an argument that is a function: the thread calls it by a message. */
export interface CallbackPlace {
  readonly callback: number;
}

/** A message to the thread. `end` closes its connections, and lets it exit. */
export type Order =
  | { readonly calls: readonly Call[] }
  | { readonly returned: number; readonly value?: unknown; readonly failed?: true }
  | { readonly end: true };

/** How one call ended. */
export type Reply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: CrossingError };

/** A message from the thread: that it has opened the database, ended calls, or a call of a function that was an argument. */
export type Report =
  | { readonly opened: true }
  | { readonly replies: readonly Reply[] }
  | { readonly called: number; readonly callback: number; readonly args: readonly unknown[] };

/** An error as data. Errors that leave the store contain no parameters and no row values. */
export type CrossingError =
  | {
      readonly kind: 'PROBLEM' | 'STALE_KEYS';
      readonly code: Problem['code'];
      readonly message: string;
      readonly details: Omit<ProblemDetails, 'cause'>;
      /** The message of its cause: the code of a driver. */
      readonly cause: string | undefined;
    }
  | { readonly kind: 'STORE'; readonly message: string }
  | { readonly kind: 'FAULT'; readonly message: string; readonly stack: string; readonly code: string | undefined };

/** Turns an error that leaves the store into data. */
export function toCrossing(error: unknown): CrossingError {
  if (error instanceof Problem) {
    const { code, message, reason, field, retryAfter, upstreamStatus, cause } = error;
    return {
      kind: error instanceof StaleKeys ? 'STALE_KEYS' : 'PROBLEM',
      code,
      message,
      details: { reason, field, retryAfter, upstreamStatus },
      cause: cause instanceof Error ? cause.message : undefined,
    };
  }
  if (error instanceof StoreError) return { kind: 'STORE', message: error.message };
  const { message, stack = '' } = error instanceof Error ? error : new Error('The store failed.');
  return { kind: 'FAULT', message, stack, code: codeOf(error) };
}

/** Makes the same error again: same class, code, and words. */
export function fromCrossing(crossed: CrossingError): Error {
  if (crossed.kind === 'STORE') return new StoreError(crossed.message);
  if (crossed.kind === 'FAULT') {
    const { message, stack, code } = crossed;
    return Object.assign(new Error(message), { stack, ...(code === undefined ? {} : { code }) });
  }
  const details =
    crossed.cause === undefined ? crossed.details : { ...crossed.details, cause: failureWith(crossed.cause) };
  return crossed.kind === 'STALE_KEYS'
    ? new StaleKeys(crossed.code, crossed.message, details)
    : new Problem(crossed.code, crossed.message, details);
}
