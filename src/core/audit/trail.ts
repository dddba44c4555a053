// Reads the trail of who changed what: a page at a time, the newest first, or what was done to one registry.

import { z } from 'zod';
import { type AccountLookup, actingAccount, authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import { accountName, defaultPageSize, line, maxSearchLength, pageSize, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { ChainedEvent } from './chain.ts';
import { auditActions } from './event.ts';
import type { AuditListStore } from './store.ts';

/** The registry whose events are listed. */
export interface AuditedRegistry {
  readonly id: string;
  readonly account: string;
}

export interface AuditPage {
  readonly nodes: readonly ChainedEvent[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  cursorOf(event: ChainedEvent): string;
}

/** Each throws Problem `UNAUTHENTICATED` and `FORBIDDEN`. */
export interface AuditTrailReader {
  /** An admin sees every account unless one is named; others see their own. @throws Problem `INVALID_INPUT`, `NOT_FOUND` for an account that is not the caller's. */
  list(caller: Caller, args: unknown): Promise<AuditPage>;
  /** What was done to one registry, the newest first. @param args `{ first }`, 20 by default, 100 at most. */
  of(caller: Caller, registry: AuditedRegistry, args: unknown): Promise<readonly ChainedEvent[]>;
}

interface AuditTrailPorts {
  readonly audit: AuditListStore;
  readonly access: AccountLookup;
}

export function createAuditTrail({ audit, access }: AuditTrailPorts): AuditTrailReader {
  return {
    async list(caller, args) {
      const principal = authorize(caller, 'audit.list');
      const { filter, first, last, after, before } = parseInput(auditListArguments, args);
      const { account: named, ...rest } = filter ?? {};
      const [olderThan, newerThan] = [decodePlace(after, 'after'), decodePlace(before, 'before')];
      const forward = (last ?? null) === null;
      const size = first ?? last ?? defaultPageSize;
      const account = await accountOf(access, principal, named);
      const rows = await audit.page({
        account,
        filter: withoutNull(rest),
        olderThan,
        newerThan,
        forward,
        limit: size + 1,
      });
      const more = rows.length > size;
      return {
        nodes: more ? (forward ? rows.slice(0, size) : rows.slice(1)) : rows,
        // Relay's cursor specification: beyond the asked direction, a given cursor is itself proof that something lies there.
        hasNextPage: forward ? more : newerThan !== undefined,
        hasPreviousPage: forward ? olderThan !== undefined : more,
        cursorOf: ({ seq }) => encodePlace(seq),
      };
    },
    async of(caller, registry, args) {
      const principal = authorize(caller, 'audit.list');
      const { first } = parseInput(targetArguments, args);
      if (!mayActIn(principal, registry.account)) return [];
      return audit.page({
        account: registry.account,
        filter: { target: registry.id },
        olderThan: undefined,
        newerThan: undefined,
        forward: true,
        limit: first,
      });
    },
  };
}

async function accountOf(
  access: AccountLookup,
  principal: Principal,
  named: string | null | undefined,
): Promise<string | undefined> {
  if (principal.role === 'ADMIN' && (named === null || named === undefined)) return undefined;
  return actingAccount({ access }, principal, named);
}

function withoutNull<T extends object>(filter: T): { [Key in keyof T]: Exclude<T[Key], null> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null)) as {
    [Key in keyof T]: Exclude<T[Key], null>;
  };
}

function encodePlace(seq: number): string {
  return Buffer.from(JSON.stringify(['AUDIT', seq])).toString('base64url');
}

/** @throws Problem `INVALID_INPUT` when it is not ours. */
function decodePlace(cursor: string | null | undefined, argument: string): number | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const [, place] = /^\["AUDIT",(\d{1,15})\]$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (place !== undefined) return Number(place);
  throw new Problem('INVALID_INPUT', `${argument} is not a cursor of this list; start again without it.`, {
    field: [argument],
  });
}

/** Events of one registry that are listed at once. */
const defaultTargetEvents = 20;
const targetArguments = z.strictObject({
  first: pageSize.nullish().transform((first) => first ?? defaultTargetEvents),
});

/** Longer than any subject of an issuer that logs in here. */
const maxActorLength = 2_048;
const auditListArguments = z
  .strictObject({
    first: pageSize.nullish(),
    after: z.string().max(2048).nullish(),
    last: pageSize.nullish(),
    before: z.string().max(2048).nullish(),
    filter: z
      .strictObject({
        actor: line(maxActorLength).nullish(),
        action: z.enum(auditActions).nullish(),
        target: line(maxSearchLength).nullish(),
        account: accountName.nullish(),
        since: z.date().nullish(),
        until: z.date().nullish(),
      })
      .nullish(),
  })
  .refine((args) => (args.first ?? null) === null || (args.last ?? null) === null, {
    path: ['last'],
    message: 'cannot be combined with first',
  });
