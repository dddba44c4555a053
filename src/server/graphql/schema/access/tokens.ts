// API tokens, with their queries and mutations.

import type { StoredToken } from '../../../../core/accounts/store.ts';
import { maxTokenImages } from '../../../../core/accounts/tokens.ts';
import { accountDescription, builder, connectionOf, entriesAtMost, errorsField, pageOfRows } from '../builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from '../payload.ts';
import { RoleEnum } from './principal.ts';

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
      extensions: entriesAtMost(maxTokenImages),
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

builder.queryField('tokens', (t) =>
  t.connection(
    {
      type: TokenType,
      nullable: true,
      description:
        'Lists the API tokens of an account, oldest first, one page at a time. A page has 50 tokens by default and at most 100. Revoked and expired tokens are left out unless `includeInactive` is true.',
      extensions: pageOfRows(),
      args: {
        account: t.arg.string({ description: accountDescription }),
        includeInactive: t.arg.boolean({
          required: true,
          defaultValue: false,
          description: 'Whether to include revoked and expired tokens. Defaults to false.',
        }),
      },
      resolve: async (_root, args, { tokens, caller }) => connectionOf(await tokens.list(caller, args)),
    },
    { name: 'RegwayTokenConnection', description: 'One page of API tokens.' },
    { name: 'RegwayTokenEdge', description: 'An API token and its cursor.' },
  ),
);

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
    errors: t.expose('errors', { type: [RegistryErrorType], ...errorsField }),
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
    errors: t.expose('errors', { type: [RegistryErrorType], ...errorsField }),
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
        'The image patterns to limit the token to, such as `docker.io/anchore/*`. Only for the role PULL. Defaults to all images. The catalog of a host requires a limit that names the whole host, or none.',
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
