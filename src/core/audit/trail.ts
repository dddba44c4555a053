// Reads the audit trail, newest first: page by page, or the events of one registry.

import { z } from 'zod';
import { type AccountLookup, actingAccount, authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import { accountName, defaultPageSize, singleLine, maxSearchLength, pageSize, parseInput } from '../shared/input.ts';
import type { Page } from '../shared/page.ts';
import { Problem } from '../shared/problem.ts';
import type { ChainedEvent } from './chain.ts';
import { auditActions } from './event.ts';
import type { AuditListStore } from './store.ts';

/** The registry whose events are listed. */
export interface AuditedRegistry {
  readonly id: string;
  readonly account: string;
}

/** Reads the audit trail. Every method throws Problem `UNAUTHENTICATED` and `FORBIDDEN`. */
export interface AuditTrailReader {
  /**
   * Lists events of the caller's account; for an admin, of every account unless one is named.
   * @param args `{ first, last, after, before, filter }`. Defaults to 50 events; at most 100.
   * @throws Problem `INVALID_INPUT`, `NOT_FOUND` for an account that the caller has no access to.
   */
  list(caller: Caller, args: unknown): Promise<Page<ChainedEvent>>;
  /** Lists the events of one registry, or none if the caller has no access to it. @param args `{ first }`. Defaults to 20; at most 100. */
  of(caller: Caller, registry: AuditedRegistry, args: unknown): Promise<readonly ChainedEvent[]>;
}

/** The ports of the audit trail. */
interface AuditTrailPorts {
  readonly audit: AuditListStore;
  readonly access: AccountLookup;
}

/** Creates the use cases that read the audit trail. */
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
        // Relay's cursor specification: on the side opposite to the direction, a given cursor proves that there are more events.
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

/** @throws Problem `INVALID_INPUT` if this list did not issue the cursor. */
function decodePlace(cursor: string | null | undefined, argument: string): number | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const [, place] = /^\["AUDIT",(\d{1,15})\]$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (place !== undefined) return Number(place);
  throw new Problem('INVALID_INPUT', `${argument} is not a cursor of this list; start again without it.`, {
    field: [argument],
  });
}

/** Events of one registry that are listed by default. */
const defaultTargetEvents = 20;
const targetArguments = z.strictObject({
  first: pageSize.nullish().transform((first) => first ?? defaultTargetEvents),
});

/** Maximum length of an actor, in characters. Subjects of configured issuers are shorter. */
const maxActorLength = 2_048;
const auditListArguments = z
  .strictObject({
    first: pageSize.nullish(),
    after: z.string().max(2048).nullish(),
    last: pageSize.nullish(),
    before: z.string().max(2048).nullish(),
    filter: z
      .strictObject({
        actor: singleLine(maxActorLength).nullish(),
        action: z.enum(auditActions).nullish(),
        target: singleLine(maxSearchLength).nullish(),
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
