// Accounts and API tokens: listing them, making them, and ending or locking them out.

import type { Account, StoredToken } from '../../../core/accounts/store.ts';
import { authorize } from '../../../core/authz/permissions.ts';
import { type Principal, type Role, roles } from '../../../core/authz/principal.ts';
import { accountDescription, builder, errorsDescription } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { enumValues } from './validation.ts';

const AccountType = builder.objectRef<Account>('RegwayAccount').implement({
  description: 'The owner of registries and tokens.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, which stays the same.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    disabledAt: t.expose('disabledAt', { type: 'DateTime', nullable: true, description: 'Since when its tokens and logins are refused; null while it is in use.' }),
  }),
});

const TokenType = builder.objectRef<StoredToken>('RegwayToken').implement({
  description: 'An API token, without what logs in: that is shown once, when it is made.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The part of its text after `rgw_`, by which it is known and revoked. It logs nobody in.' }),
    name: t.exposeString('name', { description: 'A label for people.' }),
    account: t.exposeString('account', { description: 'The account that it works in.' }),
    role: t.expose('role', { type: RoleEnum, description: 'What it may do.' }),
    images: t.field({ type: ['String'], nullable: true, description: 'Image patterns that it is limited to; null means no limit.', resolve: ({ images }) => images }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When it stops working; null means never.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true, description: 'When it last logged in, about a minute late; null when it never did.' }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was revoked; null while it was not.' }),
  }),
});

builder.queryField('accounts', (t) =>
  t.field({
    type: [AccountType],
    description: 'Every account, by name. For admins.',
    resolve: async (_root, _args, { accounts, caller }) => [...(await accounts.list(caller))],
  }),
);

builder.queryField('tokens', (t) =>
  t.field({
    type: [TokenType],
    description: 'The API tokens of your account, the oldest first, the revoked and expired ones too.',
    args: { account: t.arg.string({ description: accountDescription }) },
    resolve: async (_root, args, { tokens, caller }) => [...(await tokens.list(caller, args))],
  }),
);

const AccountPayload = builder.objectRef<Payload>('RegwayAccountPayload').implement({
  description: 'What came of it.',
  fields: (t) => ({
    account: t.field({ type: AccountType, nullable: true, description: 'The account as it is now; null when it went wrong.', resolve: ({ account }) => account ?? null }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const CreateTokenPayload = builder.objectRef<Payload>('CreateTokenPayload').implement({
  description: 'What came of it.',
  fields: (t) => ({
    token: t.field({ type: TokenType, nullable: true, description: 'The new token; null when it went wrong.', resolve: ({ issuedToken }) => issuedToken?.token ?? null }),
    text: t.string({ nullable: true, description: 'What logs in (`rgw_…`). This is the only time that it is shown.', resolve: ({ issuedToken }) => issuedToken?.text.reveal() ?? null }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const RevokeTokenPayload = builder.objectRef<Payload>('RevokeTokenPayload').implement({
  description: 'What came of it.',
  fields: (t) => ({
    token: t.field({ type: TokenType, nullable: true, description: 'The token as it is now; null when it went wrong.', resolve: ({ token }) => token ?? null }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const CreateTokenInput = builder.inputType('CreateTokenInput', {
  description: 'What the token may do. Nobody makes a token that may do more than they may themselves, and none that expires makes one that expires later.',
  fields: (t) => ({
    role: t.field({ type: RoleEnum, required: true, description: 'What it may do. ADMIN is for admins, in the account admin.' }),
    name: t.string({ description: 'A label for people, 100 characters at most.' }),
    account: t.string({ description: accountDescription }),
    images: t.stringList({ description: 'Limits a token of the role PULL to these images: `docker.io/anchore/*`.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it stops working; never unless you say otherwise.' }),
    expiresIn: t.string({ description: 'The same as hours or days from now: `12h`, `90d`. Not together with expiresAt.' }),
  }),
});

builder.mutationField('createToken', (t) =>
  t.field({
    type: CreateTokenPayload,
    description: 'Makes an API token. Its text is in this answer and nowhere else.',
    args: { input: t.arg({ type: CreateTokenInput, required: true, description: 'What the token may do.' }) },
    resolve: (_root, { input }, { tokens, caller }) => payloadOf(async () => ({ issuedToken: await tokens.create(caller, input) })),
  }),
);

builder.mutationField('revokeToken', (t) =>
  t.field({
    type: RevokeTokenPayload,
    description: 'Ends an API token: the next request with it is refused.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, args, { tokens, caller }) => payloadOf(async () => ({ token: await tokens.revoke(caller, args) })),
  }),
);

const nameArgument = (field: readonly string[] | undefined): readonly string[] | undefined => field;

builder.mutationFields((t) => {
  const args = { name: t.arg.string({ required: true, description: 'The name of the account.' }) };
  return {
    createAccount: t.field({
      type: AccountPayload,
      description: 'Makes an account. For admins.',
      args,
      resolve: (_root, input, { accounts, caller }) => payloadOf(async () => ({ account: await accounts.create(caller, input) }), nameArgument),
    }),
    disableAccount: t.field({
      type: AccountPayload,
      description: 'Locks an account out: its tokens, logins and sessions are refused from the next request on, and no pull uses its registries. Nothing is deleted. For admins.',
      args,
      resolve: (_root, input, { accounts, caller }) => payloadOf(async () => ({ account: await accounts.disable(caller, input) }), nameArgument),
    }),
    enableAccount: t.field({
      type: AccountPayload,
      description: 'Lets a disabled account in again, with the tokens that it had. For admins.',
      args,
      resolve: (_root, input, { accounts, caller }) => payloadOf(async () => ({ account: await accounts.enable(caller, input) }), nameArgument),
    }),
  };
});

const roleDescriptions: Readonly<Record<Role, string>> = {
  ADMIN: 'Everything, in every account. Only tokens of the admin account have it.',
  READ_WRITE: 'List, get, create, update, delete and validate registries of its account, make and revoke its tokens, read its audit trail.',
  READ_ONLY: 'Nothing of the registries; sees itself.',
  PULL: 'Uses credentials for pulls and sees which one a pull would use; never lists or changes them.',
};

export const RoleEnum = builder.enumType('RegwayRole', {
  description: 'What a principal may do.',
  values: enumValues(roles, roleDescriptions),
});

const PrincipalType = builder.objectRef<Principal>('Principal').implement({
  description: 'Who calls.',
  fields: (t) => ({
    subject: t.exposeString('subject', { description: '`token:<id>` for an API token, `<issuer>#<sub>` for a JWT.' }),
    account: t.exposeString('account', { description: 'The account that it belongs to and works in.' }),
    role: t.expose('role', { type: RoleEnum, description: 'What it may do.' }),
    images: t.field({
      type: ['String'],
      nullable: true,
      description: 'Image patterns that it is limited to (`docker.io/anchore/*`); null means no limit.',
      resolve: ({ images }) => images,
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When it stops working; null means never.' }),
  }),
});

builder.queryField('principal', (t) =>
  t.field({
    type: PrincipalType,
    description: 'Who am I: the principal behind the token of this request. Every role may ask.',
    resolve: (_root, _args, { caller }) => authorize(caller, 'principal.get'),
  }),
);
