// Who am I: the principal behind the token of this request.

import { authorise, roles, type Principal, type Role } from '../../../core/authz/permissions.ts';
import { builder } from './builder.ts';
import { enumValues } from './validation.ts';

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
    resolve: (_root, _args, { caller }) => authorise(caller, 'principal.get'),
  }),
);
