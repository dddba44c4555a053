// The use cases on accounts, all for admins: who may own registries, and who is locked out for a while.

import { z } from 'zod';
import type { AuditAction, AuditEvent } from '../audit/event.ts';
import { authorize } from '../authz/permissions.ts';
import { adminAccount, type Caller, type Principal } from '../authz/principal.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Account, AccountStore } from './store.ts';

/** Each throws Problem `UNAUTHENTICATED`, and `FORBIDDEN` for all but admins. */
export interface Accounts {
  list(caller: Caller): Promise<readonly Account[]>;
  /** @throws Problem `INVALID_INPUT`, `ALREADY_EXISTS`. */
  create(caller: Caller, input: unknown): Promise<Account>;
  /** From here on its tokens, JWTs and sessions are refused and its registries used by no pull. @throws Problem `NOT_FOUND`, `INVALID_INPUT` for the account `admin`. */
  disable(caller: Caller, input: unknown): Promise<Account>;
  /** Its tokens work again. @throws Problem `NOT_FOUND`. */
  enable(caller: Caller, input: unknown): Promise<Account>;
}

export interface AccountPorts {
  readonly access: AccountStore;
  readonly now: () => Date;
}

/** A login that is not refused because of its account. */
export function isEnabled(account: Account | undefined): boolean {
  return account !== undefined && account.disabledAt === null;
}

export function createAccounts({ access, now }: AccountPorts): Accounts {
  const found = async (name: string): Promise<Account> => {
    const account = await access.accountByName(name);
    if (account === undefined) throw new Problem('NOT_FOUND', 'There is no such account.', { field: ['name'] });
    return account;
  };
  return {
    async list(caller) {
      authorize(caller, 'account.list');
      return access.listAccounts();
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
      const { name } = await found(parseInput(accountArguments, input).name);
      if (name === adminAccount)
        throw new Problem('INVALID_INPUT', 'The account admin cannot be disabled: nobody could enable it again.', {
          field: ['name'],
        });
      await access.disableAccount(name, now(), eventOf(caller, principal, 'account.disable', name, now()));
      return found(name);
    },
    async enable(caller, input) {
      const principal = authorize(caller, 'account.enable');
      const { name } = await found(parseInput(accountArguments, input).name);
      await access.enableAccount(name, eventOf(caller, principal, 'account.enable', name, now()));
      return found(name);
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

/** A name that fits a header, a path and a claim as it is. */
const newAccountName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", with a letter or digit at both ends',
  );
const accountArguments = z.strictObject({ name: newAccountName });
