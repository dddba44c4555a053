// Accounts, with their queries and mutations. For admins only.

import type { Account } from '../../../../core/accounts/store.ts';
import { builder, connectionOf, errorsField, pageOfRows } from '../builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from '../payload.ts';

const AccountType = builder.objectRef<Account>('RegwayAccount').implement({
  description: 'An account, which owns registries and API tokens.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name. It never changes.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the account was created.' }),
    disabledAt: t.expose('disabledAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the account was disabled; null if it is active. While disabled, its tokens, logins, and sessions are rejected.',
    }),
  }),
});

builder.queryField('accounts', (t) =>
  t.connection(
    {
      type: AccountType,
      nullable: true,
      description:
        'Lists the accounts, sorted by name, one page at a time. A page has 50 accounts by default and at most 100. Admins only.',
      extensions: pageOfRows(),
      resolve: async (_root, args, { accounts, caller }) => connectionOf(await accounts.list(caller, args)),
    },
    { name: 'RegwayAccountConnection', description: 'One page of accounts.' },
    { name: 'RegwayAccountEdge', description: 'An account and its cursor.' },
  ),
);

const AccountPayload = builder.objectRef<Payload>('RegwayAccountPayload').implement({
  description: 'The payload of `createAccount`, `disableAccount`, and `enableAccount`.',
  fields: (t) => ({
    account: t.field({
      type: AccountType,
      nullable: true,
      description: 'The account after the change; null on failure.',
      resolve: ({ account }) => account ?? null,
    }),
    errors: t.expose('errors', { type: [RegistryErrorType], ...errorsField }),
  }),
});

/** These mutations have no `input`, so a problem already has the path of its argument. */
const samePath = (field: readonly string[] | undefined): readonly string[] | undefined => field;

builder.mutationFields((t) => {
  const args = { name: t.arg.string({ required: true, description: 'The name of the account.' }) };
  return {
    createAccount: t.field({
      type: AccountPayload,
      description: 'Creates an account. Admins only.',
      args,
      resolve: (_root, input, { accounts, caller }) =>
        payloadOf(async () => ({ account: await accounts.create(caller, input) }), samePath),
    }),
    disableAccount: t.field({
      type: AccountPayload,
      description:
        'Disables an account. From the next request on, its tokens, logins, and sessions are rejected and no pull uses its registries. Nothing is deleted. Admins only.',
      args,
      resolve: (_root, input, { accounts, caller }) =>
        payloadOf(async () => ({ account: await accounts.disable(caller, input) }), samePath),
    }),
    enableAccount: t.field({
      type: AccountPayload,
      description: 'Re-enables a disabled account. Its tokens become valid again. Admins only.',
      args,
      resolve: (_root, input, { accounts, caller }) =>
        payloadOf(async () => ({ account: await accounts.enable(caller, input) }), samePath),
    }),
  };
});
