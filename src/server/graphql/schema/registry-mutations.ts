// The mutations on registries: create, update, delete, and the two that only check.

import { passwordRotations } from '../../../core/registry/input.ts';
import { accountDescription, builder, errorsDescription } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { RegistryNode, RegistryTypeEnum } from './registry.ts';
import { enumValues, ValidationReportType } from './validation.ts';

const secureConnectionDescription =
  'Verify TLS certificates. True unless you say otherwise, on an update too. False accepts any certificate of this registry, and plain HTTP where the server allows it.';
const validateDescription =
  'Ask the registry whether the credential works before storing it. True unless you say otherwise; false stores it with the outcome SKIPPED.';

export const CreateRegistryInput = builder.inputType('CreateRegistryInput', {
  description: 'A registry and how to log in to it.',
  fields: (t) => ({
    registry: t.string({
      required: true,
      description: '`host[:port]`, `host[:port]/path/*` (everything below a path) or `host[:port]/path/repository`. `docker.io/anchore/*` for Docker Hub.',
    }),
    type: t.field({ type: RegistryTypeEnum, required: true, defaultValue: 'DOCKER_V2', description: 'How to log in. DOCKER_V2 unless you say otherwise.' }),
    username: t.string({ required: true, description: 'The user name (for a cloud, the id of its key).' }),
    password: t.field({ type: 'Secret', required: true, description: 'The password or token. Never shown again.' }),
    name: t.string({ description: 'A label for people; the registry text when absent.' }),
    trustedRealm: t.string({ description: 'A token server (`host[:port]`) that may receive this credential besides the registry itself.' }),
    probeRepository: t.string({ description: 'A repository that a validation asks for when the registry text names none, such as `anchore/grype`.' }),
    account: t.string({ description: accountDescription }),
  }),
});

const PasswordRotationEnum = builder.enumType('PasswordRotation', {
  description: 'What a new password does to the one before it.',
  values: enumValues(passwordRotations, {
    REPLACE: 'It must be accepted now, and the old one is forgotten at once.',
    PENDING:
      'For a password that the registry will take soon. Accepted now, it becomes current. Refused, it is stored and waits: a pull that the registry refuses tries it once, and when it is proven it becomes current. Whichever it replaces stays usable for the window that the server is set to. With `validate: false` it waits without a check.',
  }),
});

const UpdateRegistryInput = builder.inputType('UpdateRegistryInput', {
  description:
    'What to change; what is absent stays. The registry text cannot change. Changing type, user name or trusted realm, or turning the secure connection off, needs the password in the same call.',
  fields: (t) => ({
    username: t.string({ description: 'The user name.' }),
    password: t.field({ type: 'Secret', description: 'A new password or token.' }),
    rotation: t.field({ type: PasswordRotationEnum, required: true, defaultValue: 'REPLACE', description: 'What the new password does to the old one.' }),
    type: t.field({ type: RegistryTypeEnum, description: 'How to log in.' }),
    name: t.string({ description: 'A label for people. Null goes back to the registry text.' }),
    trustedRealm: t.string({ description: 'A token server that may receive this credential. Null takes it away.' }),
    probeRepository: t.string({ description: 'A repository that a validation asks for. Null takes it away.' }),
  }),
});

interface PayloadOptions {
  readonly registry?: string;
  readonly deletedId?: string;
  readonly validation?: string;
}

/** A payload type: the fields that have a description, and `errors`. */
function payloadType(name: string, { registry, deletedId, validation }: PayloadOptions) {
  return builder.objectRef<Payload>(name).implement({
    description: 'What came of it.',
    fields: (t) => ({
      ...(registry === undefined ? {} : { registry: t.expose('registry', { type: RegistryNode, nullable: true, description: registry }) }),
      ...(deletedId === undefined ? {} : { deletedId: t.exposeID('deletedId', { nullable: true, description: deletedId }) }),
      ...(validation === undefined ? {} : { validation: t.expose('validation', { type: ValidationReportType, nullable: true, description: validation }) }),
      errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
    }),
  });
}

const CreateRegistryPayload = payloadType('CreateRegistryPayload', {
  registry: 'The new registry; null when nothing was stored.',
  validation: 'The report of the check; also when it refused.',
});

builder.mutationField('createRegistry', (t) =>
  t.field({
    type: CreateRegistryPayload,
    description: 'Checks a credential with the registry itself, then stores it. A credential that the registry refuses is not stored.',
    args: {
      input: t.arg({ type: CreateRegistryInput, required: true, description: 'The registry and how to log in to it.' }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
      validate: t.arg.boolean({ required: true, defaultValue: true, description: validateDescription }),
    },
    resolve: (_root, { input, ...settings }, { registries, caller }) => payloadOf(() => registries.create(caller, input, settings)),
  }),
);

const UpdateRegistryPayload = payloadType('UpdateRegistryPayload', {
  registry: 'The registry as it is now; null when nothing was changed.',
  validation: 'The report of the check; also when it refused.',
});

builder.mutationField('updateRegistry', (t) =>
  t.field({
    type: UpdateRegistryPayload,
    description: 'Checks the changed credential, then stores the change. When the registry refuses, everything stays as it was.',
    args: {
      id: t.arg.id({ required: true, description: 'The id of the registry (`reg_…`).' }),
      input: t.arg({ type: UpdateRegistryInput, required: true, description: 'What to change; what is absent stays.' }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
      validate: t.arg.boolean({ required: true, defaultValue: true, description: validateDescription }),
    },
    resolve: (_root, { id, input, ...settings }, { registries, caller }) => payloadOf(() => registries.update(caller, id, input, settings)),
  }),
);

const DeleteRegistryPayload = payloadType('DeleteRegistryPayload', { deletedId: 'The id of what was deleted; null when nothing was.' });

builder.mutationField('deleteRegistry', (t) =>
  t.field({
    type: DeleteRegistryPayload,
    description: 'Deletes a registry and its password. Images that it served resolve to the next match, or to none.',
    args: { id: t.arg.id({ required: true, description: 'The id of the registry (`reg_…`).' }) },
    resolve: (_root, { id }, { registries, caller }) => payloadOf(async () => ({ deletedId: (await registries.delete(caller, id)).id })),
  }),
);

const ValidateRegistryPayload = payloadType('ValidateRegistryPayload', {
  registry: 'The registry, with the report as its newest validation.',
  validation: 'The report, good or bad.',
});

builder.mutationField('validateRegistry', (t) =>
  t.field({
    type: ValidateRegistryPayload,
    description: 'Checks the stored credential again and records the outcome. A bad outcome is the report, not an error.',
    args: { id: t.arg.id({ required: true, description: 'The id of the registry (`reg_…`).' }) },
    resolve: (_root, { id }, { registries, caller }) => payloadOf(() => registries.validate(caller, id)),
  }),
);

const CheckRegistryPayload = payloadType('CheckRegistryPayload', { validation: 'The report, good or bad.' });

builder.mutationField('checkRegistry', (t) =>
  t.field({
    type: CheckRegistryPayload,
    description: 'Checks a credential without storing anything. A bad outcome is the report, not an error.',
    args: {
      input: t.arg({ type: CreateRegistryInput, required: true, description: 'The registry and how to log in to it.' }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
    },
    resolve: (_root, { input, ...settings }, { registries, caller }) =>
      payloadOf(async () => ({ validation: await registries.check(caller, input, settings) })),
  }),
);
