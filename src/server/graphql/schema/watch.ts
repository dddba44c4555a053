// The subscriptions registryChanged and registryValidated: what happens to the registries of an account, as it happens.

import type { Registry } from '../../../core/registry/registry.ts';
import type { RegistryChange } from '../../../core/registries/watch.ts';
import { builder } from './builder.ts';
import { accountDescription } from './descriptions.ts';
import { RegistryNode } from './registry.ts';
import { enumValues, ValidationReportType } from './validation.ts';

const RegistryChangeKindEnum = builder.enumType('RegistryChangeKind', {
  description: 'What happened to a registry.',
  values: enumValues<RegistryChange['kind']>(['CREATED', 'UPDATED', 'DELETED'], {
    CREATED: 'It is new.',
    UPDATED: 'It was changed. A validation alone does not count.',
    DELETED: 'It is gone.',
  }),
});

const RegistryChangeType = builder.objectRef<RegistryChange>('RegistryChange').implement({
  description: 'A registry that came, changed or went.',
  fields: (t) => ({
    kind: t.expose('kind', { type: RegistryChangeKindEnum, description: 'What happened.' }),
    registryId: t.exposeID('id', { description: 'Its id, also when it is gone.' }),
    registry: t.expose('registry', { type: RegistryNode, nullable: true, description: 'As it is now; null when it is gone.' }),
  }),
});

const RegistryValidationType = builder.objectRef<Registry>('RegistryValidation').implement({
  description: 'A validation that was recorded.',
  fields: (t) => ({
    registry: t.field({ type: RegistryNode, description: 'The registry that was validated.', resolve: (registry) => registry }),
    validation: t.field({ type: ValidationReportType, nullable: true, description: 'Its newest report.', resolve: ({ lastValidation }) => lastValidation }),
  }),
});

const lasting = 'Ends when the login does. Told as it happens and kept nowhere: after a break, read the list again.';
const account = { description: accountDescription };

builder.subscriptionField('registryChanged', (t) =>
  t.field({
    type: RegistryChangeType,
    description: `Each registry of your account that is created, updated or deleted, whoever does it. ${lasting}`,
    args: { account: t.arg.string(account) },
    subscribe: (_root, args, { watching, caller }) => watching.changes(caller, args),
    resolve: (change) => change,
  }),
);

builder.subscriptionField('registryValidated', (t) =>
  t.field({
    type: RegistryValidationType,
    description: `Each registry of your account whose credential was checked and the outcome recorded: by a call, by a pull that was refused, or on schedule. ${lasting}`,
    args: { account: t.arg.string(account) },
    subscribe: (_root, args, { watching, caller }) => watching.validations(caller, args),
    resolve: (registry) => registry,
  }),
);
