// Lists, creates, disables, and re-enables accounts. For admins only.

import { z } from 'zod';
import type { AuditAction, AuditEvent } from '../audit/event.ts';
import { authorize } from '../authz/permissions.ts';
import { adminAccount, type Caller, type Principal } from '../authz/principal.ts';
import { parseInput } from '../shared/input.ts';
import {
  hasOneEnd,
  type ListRange,
  onlyOneEnd,
  type Page,
  pageArguments,
  placeText,
  readPage,
} from '../shared/page.ts';
import { Problem } from '../shared/problem.ts';
import type { Account, AccountStore } from './store.ts';

/** The use cases on accounts. Every method throws Problem `UNAUTHENTICATED`, and `FORBIDDEN` for every role but ADMIN. */
export interface Accounts {
  /** Lists the accounts by name, one page at a time. @param args `{ first, after, last, before }`. Defaults to 50; at most 100. @throws Problem `INVALID_INPUT`. */
  list(caller: Caller, args: unknown): Promise<Page<Account>>;
  /** Creates an account. @param input `{ name }`. @throws Problem `INVALID_INPUT`, `ALREADY_EXISTS`. */
  create(caller: Caller, input: unknown): Promise<Account>;
  /**
   * Disables an account: from the next request on, its tokens, JWTs, and sessions are rejected and no pull uses its registries.
   * @throws Problem `NOT_FOUND`, `INVALID_INPUT` for the account `admin`.
   */
  disable(caller: Caller, input: unknown): Promise<Account>;
  /** Re-enables an account; its tokens are valid again. @throws Problem `NOT_FOUND`. */
  enable(caller: Caller, input: unknown): Promise<Account>;
}

/** The ports of the use cases on accounts. */
export interface AccountPorts {
  readonly access: AccountStore;
  readonly now: () => Date;
}

/** Returns whether the account exists and is not disabled. */
export function isEnabled(account: Account | undefined): boolean {
  return account !== undefined && account.disabledAt === null;
}

/** Creates the use cases on accounts. */
export function createAccounts({ access, now }: AccountPorts): Accounts {
  const findAccount = async (name: string): Promise<Account> => {
    const account = await access.accountByName(name);
    if (account === undefined) throw new Problem('NOT_FOUND', 'There is no such account.', { field: ['name'] });
    return account;
  };
  return {
    async list(caller, args) {
      authorize(caller, 'account.list');
      const list = {
        name: 'ACCOUNTS',
        placeOf: ({ name }: Account) => name,
        place: placeText,
        read: (range: ListRange<string>) => access.listAccounts(range),
      };
      return readPage(list, parseInput(accountListArguments, args));
    },
    async create(caller, input) {
      const principal = authorize(caller, 'account.create');
      const account = { name: parseInput(accountArguments, input).name, createdAt: now(), disabledAt: null };
      await access.insertAccount(
        account,
        eventOf(caller, principal, 'account.create', account.name, account.createdAt),
      );
      return account;
    },
    async disable(caller, input) {
      const principal = authorize(caller, 'account.disable');
      const { name } = await findAccount(parseInput(accountArguments, input).name);
      if (name === adminAccount)
        throw new Problem(
          'INVALID_INPUT',
          'The account admin cannot be disabled, because no other account could re-enable it.',
          {
            field: ['name'],
          },
        );
      await access.disableAccount(name, now(), eventOf(caller, principal, 'account.disable', name, now()));
      return findAccount(name);
    },
    async enable(caller, input) {
      const principal = authorize(caller, 'account.enable');
      const { name } = await findAccount(parseInput(accountArguments, input).name);
      await access.enableAccount(name, eventOf(caller, principal, 'account.enable', name, now()));
      return findAccount(name);
    },
  };
}

function eventOf(
  { requestId }: Caller,
  { subject }: Principal,
  action: AuditAction,
  name: string,
  at: Date,
): AuditEvent {
  return { at, actor: subject, account: name, action, target: name, targetText: name, outcome: 'DONE', requestId };
}

/** A name that needs no escaping in a header, a path, or a claim. */
const newAccountName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", with a letter or digit at both ends',
  );
const accountArguments = z.strictObject({ name: newAccountName });
const accountListArguments = z.strictObject(pageArguments).refine(hasOneEnd, onlyOneEnd);
