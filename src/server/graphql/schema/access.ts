// The principal of a request, accounts, and API tokens, with their queries and mutations.

import type { Account, StoredToken } from '../../../core/accounts/store.ts';
import { authorize } from '../../../core/authz/permissions.ts';
import { type Principal, type Role, roles } from '../../../core/authz/principal.ts';
import { accountDescription, builder, errorsDescription } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { enumValues } from './validation.ts';

const roleDescriptions: Readonly<Record<Role, string>> = {
  ADMIN: 'Can do everything, in every account. Only principals of the account `admin` have this role.',
  READ_WRITE:
    'Can list, get, create, update, delete, and validate the registries of its account, manage its tokens, and read its audit trail.',
  READ_ONLY: 'Can read only its own principal.',
  PULL: 'Can pull with stored credentials and see which one a pull would use; cannot list or change registries.',
};

export const RoleEnum = builder.enumType('RegwayRole', {
  description: 'The role of a principal: what it is allowed to do.',
  values: enumValues(roles, roleDescriptions),
});

const PrincipalType = builder.objectRef<Principal>('Principal').implement({
  description: 'The authenticated caller.',
  fields: (t) => ({
    subject: t.exposeString('subject', {
      description: 'The subject: `token:<id>` for an API token, `<issuer>#<sub>` for a JWT.',
    }),
    account: t.exposeString('account', { description: 'The account that the principal belongs to and acts in.' }),
    role: t.expose('role', { type: RoleEnum, description: 'The role: what the principal is allowed to do.' }),
    images: t.field({
      type: ['String'],
      nullable: true,
      description:
        'The image patterns that the principal is limited to, such as `docker.io/anchore/*`; null if it has no limit.',
      resolve: ({ images }) => images,
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the authentication expires; null if it never does.',
    }),
  }),
});

builder.queryField('principal', (t) =>
  t.field({
    type: PrincipalType,
    description: 'The caller of this request. Available to every role.',
    resolve: (_root, _args, { caller }) => authorize(caller, 'principal.get'),
  }),
);

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

const TokenType = builder.objectRef<StoredToken>('RegwayToken').implement({
  description: 'An API token. The token value is shown once, in the response to `createToken`.',
  fields: (t) => ({
    id: t.exposeID('id', {
      description:
        'The token ID: the part of the token value after `rgw_`, without the secret. Use it to revoke the token; it does not authenticate.',
    }),
    name: t.exposeString('name', { description: 'The display name.' }),
    account: t.exposeString('account', { description: 'The account that the token acts in.' }),
    role: t.expose('role', { type: RoleEnum, description: 'The role: what the token is allowed to do.' }),
    images: t.field({
      type: ['String'],
      nullable: true,
      description: 'The image patterns that the token is limited to; null if it has no limit.',
      resolve: ({ images }) => images,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the token was created.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires; null if it never does.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token last authenticated, accurate to about a minute; null if never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token was revoked; null if it was not.',
    }),
  }),
});

builder.queryField('accounts', (t) =>
  t.field({
    type: [AccountType],
    description: 'Lists all accounts, sorted by name. Admins only.',
    resolve: async (_root, _args, { accounts, caller }) => [...(await accounts.list(caller))],
  }),
);

builder.queryField('tokens', (t) =>
  t.field({
    type: [TokenType],
    description: 'Lists the API tokens of an account, oldest first, including revoked and expired ones.',
    args: { account: t.arg.string({ description: accountDescription }) },
    resolve: async (_root, args, { tokens, caller }) => [...(await tokens.list(caller, args))],
  }),
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
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const CreateTokenPayload = builder.objectRef<Payload>('CreateTokenPayload').implement({
  description: 'The payload of `createToken`.',
  fields: (t) => ({
    token: t.field({
      type: TokenType,
      nullable: true,
      description: 'The new token; null on failure.',
      resolve: ({ issuedToken }) => issuedToken?.token ?? null,
    }),
    text: t.string({
      nullable: true,
      description: 'The token value (`rgw_…`); null on failure. Returned only here and never again.',
      resolve: ({ issuedToken }) => issuedToken?.text.reveal() ?? null,
    }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const RevokeTokenPayload = builder.objectRef<Payload>('RevokeTokenPayload').implement({
  description: 'The payload of `revokeToken`.',
  fields: (t) => ({
    token: t.field({
      type: TokenType,
      nullable: true,
      description: 'The token after the change; null on failure.',
      resolve: ({ token }) => token ?? null,
    }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

const CreateTokenInput = builder.inputType('CreateTokenInput', {
  description:
    'The permissions and lifetime of a new token. A token can never do more than its creator, and an expiring token cannot create one that outlives it.',
  fields: (t) => ({
    role: t.field({
      type: RoleEnum,
      required: true,
      description: 'The role. Only admins can create tokens with the role ADMIN, and only in the account `admin`.',
    }),
    name: t.string({ description: 'The display name. At most 100 characters.' }),
    account: t.string({ description: accountDescription }),
    images: t.stringList({
      description:
        'The image patterns to limit the token to, such as `docker.io/anchore/*`. Only for the role PULL. Defaults to all images.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When the token expires. Defaults to never.' }),
    expiresIn: t.string({
      description: 'The lifetime in hours or days, such as `12h` or `90d`. Cannot be combined with `expiresAt`.',
    }),
  }),
});

builder.mutationField('createToken', (t) =>
  t.field({
    type: CreateTokenPayload,
    description: 'Creates an API token. The token value is in this response and nowhere else.',
    args: {
      input: t.arg({
        type: CreateTokenInput,
        required: true,
        description: 'The permissions and lifetime of the token.',
      }),
    },
    resolve: (_root, { input }, { tokens, caller }) =>
      payloadOf(async () => ({ issuedToken: await tokens.create(caller, input) })),
  }),
);

builder.mutationField('revokeToken', (t) =>
  t.field({
    type: RevokeTokenPayload,
    description: 'Revokes an API token. It is rejected from the next request on.',
    args: { id: t.arg.id({ required: true, description: 'The token ID.' }) },
    resolve: (_root, args, { tokens, caller }) => payloadOf(async () => ({ token: await tokens.revoke(caller, args) })),
  }),
);

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
