// The principal of a request, and the roles.

import { maxTokenImages } from '../../../../core/accounts/tokens.ts';
import { authorize } from '../../../../core/authz/permissions.ts';
import { type Principal, type Role, roles } from '../../../../core/authz/principal.ts';
import { builder, entriesAtMost } from '../builder.ts';
import { enumValues } from '../validation.ts';

const roleDescriptions: Readonly<Record<Role, string>> = {
  ADMIN: 'Can do everything, in every account. Only principals of the account `admin` have this role.',
  READ_WRITE:
    'Can list, get, create, update, delete, and validate the registries of its account, manage its tokens, and read its audit trail.',
  READ_ONLY: 'Can read only its own principal.',
  PULL: 'Can pull with stored credentials and see which one a pull would use; cannot list or change registries.',
};

/** The GraphQL enum of roles. */
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
      extensions: entriesAtMost(maxTokenImages),
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
