// The mutations on registries: create, update, delete, validate, and check.

import { passwordRotations } from '../../../core/registry/input.ts';
import { accountDescription, builder, errorsField } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { RegistryNode } from './registry.ts';
import { enumValues, RegistryTypeEnum, ValidationReportType } from './validation.ts';

const secureConnectionDescription =
  "Whether to verify TLS certificates. Defaults to true, on updates too. If false, any certificate of this registry is accepted, and plain HTTP where the server's settings allow it.";
const validateDescription =
  'Whether to validate the credential with the registry before storing it. Defaults to true. If false, it is stored with the outcome SKIPPED.';

/** The input of `createRegistry`, `checkRegistry`, and the subscription `registryCheck`. */
export const CreateRegistryInput = builder.inputType('CreateRegistryInput', {
  description: 'A registry and the credential to log in with.',
  fields: (t) => ({
    registry: t.string({
      required: true,
      description:
        'The registry pattern: `host[:port]`, `host[:port]/path/*` (everything below a path), or `host[:port]/path/repository`. For Docker Hub, for example `docker.io/anchore/*`.',
    }),
    type: t.field({
      type: RegistryTypeEnum,
      required: true,
      defaultValue: 'DOCKER_V2',
      description: 'The type: how to log in to the registry. Defaults to DOCKER_V2.',
    }),
    username: t.string({ required: true, description: 'The username, or the key ID for a cloud type.' }),
    password: t.field({ type: 'Secret', required: true, description: 'The password or token. Never returned.' }),
    name: t.string({ description: 'The display name. Defaults to the registry pattern.' }),
    trustedRealm: t.string({
      description: 'A token server (`host[:port]`) that may receive this credential in addition to the registry.',
    }),
    probeRepository: t.string({
      description:
        'The repository that a validation requests if the registry pattern names none, such as `anchore/grype`.',
    }),
    account: t.string({ description: accountDescription }),
  }),
});

const PasswordRotationEnum = builder.enumType('PasswordRotation', {
  description: 'How a new password takes over from the current one.',
  values: enumValues(passwordRotations, {
    REPLACE:
      'The registry must accept the new password now, and the current one is deleted at once, along with any alternate passwords.',
    PENDING:
      "For a password that the registry will accept soon. If the registry accepts it now, it becomes current. If not, it is stored as pending: when the registry rejects a pull, Regway tries it once and makes it current after validating it. The replaced password stays usable for the server's rotation window. With `validate: false` it is stored as pending without validation.",
  }),
});

const UpdateRegistryInput = builder.inputType('UpdateRegistryInput', {
  description:
    'The fields to change; omitted fields keep their values. The registry pattern cannot change. Changing `type`, `username`, or `trustedRealm`, or turning off `secureConnection`, requires `password` in the same call.',
  fields: (t) => ({
    username: t.string({ description: 'The username.' }),
    password: t.field({ type: 'Secret', description: 'The new password or token. Never returned.' }),
    rotation: t.field({
      type: PasswordRotationEnum,
      required: true,
      defaultValue: 'REPLACE',
      description: 'How the new password takes over from the current one. Defaults to REPLACE.',
    }),
    type: t.field({ type: RegistryTypeEnum, description: 'The type: how to log in to the registry.' }),
    name: t.string({ description: 'The display name. Null resets it to the registry pattern.' }),
    trustedRealm: t.string({
      description:
        'A token server (`host[:port]`) that may receive this credential in addition to the registry. Null removes it.',
    }),
    probeRepository: t.string({
      description: 'The repository that a validation requests if the registry pattern names none. Null removes it.',
    }),
  }),
});

interface PayloadOptions {
  readonly registry?: string;
  readonly deletedId?: string;
  readonly validation?: string;
}

/** Defines the payload of a mutation: the fields that have a description here, and `errors`. */
function payloadType(mutation: string, { registry, deletedId, validation }: PayloadOptions) {
  return builder.objectRef<Payload>(`${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Payload`).implement({
    description: `The payload of \`${mutation}\`.`,
    fields: (t) => ({
      ...(registry === undefined
        ? {}
        : { registry: t.expose('registry', { type: RegistryNode, nullable: true, description: registry }) }),
      ...(deletedId === undefined
        ? {}
        : { deletedId: t.exposeID('deletedId', { nullable: true, description: deletedId }) }),
      ...(validation === undefined
        ? {}
        : {
            validation: t.expose('validation', { type: ValidationReportType, nullable: true, description: validation }),
          }),
      errors: t.expose('errors', { type: [RegistryErrorType], ...errorsField }),
    }),
  });
}

const CreateRegistryPayload = payloadType('createRegistry', {
  registry: 'The new registry; null if nothing was stored.',
  validation: 'The validation report, also if validation failed; null if there is none.',
});

builder.mutationField('createRegistry', (t) =>
  t.field({
    type: CreateRegistryPayload,
    description:
      'Creates a registry after validating its credential. If the registry rejects the credential, nothing is stored.',
    args: {
      input: t.arg({
        type: CreateRegistryInput,
        required: true,
        description: 'The registry and the credential to log in with.',
      }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
      validate: t.arg.boolean({ required: true, defaultValue: true, description: validateDescription }),
    },
    resolve: (_root, { input, ...settings }, { registries, caller }) =>
      payloadOf(() => registries.create(caller, input, settings)),
  }),
);

const UpdateRegistryPayload = payloadType('updateRegistry', {
  registry: 'The registry after the change; null if nothing was changed.',
  validation: 'The validation report, also if validation failed; null if there is none.',
});

builder.mutationField('updateRegistry', (t) =>
  t.field({
    type: UpdateRegistryPayload,
    description:
      'Updates a registry after validating the changed credential. If the registry rejects the credential, nothing is changed.',
    args: {
      id: t.arg.id({ required: true, description: 'The ID of the registry (`reg_…`).' }),
      input: t.arg({
        type: UpdateRegistryInput,
        required: true,
        description: 'The fields to change; omitted fields keep their values.',
      }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
      validate: t.arg.boolean({ required: true, defaultValue: true, description: validateDescription }),
    },
    resolve: (_root, { id, input, ...settings }, { registries, caller }) =>
      payloadOf(() => registries.update(caller, id, input, settings)),
  }),
);

const DeleteRegistryPayload = payloadType('deleteRegistry', {
  deletedId: 'The ID of the deleted registry; null if nothing was deleted.',
});

builder.mutationField('deleteRegistry', (t) =>
  t.field({
    type: DeleteRegistryPayload,
    description:
      'Deletes a registry and its password. Images that it covered use the next most specific registry, or an anonymous pull.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the registry (`reg_…`).' }) },
    resolve: (_root, { id }, { registries, caller }) =>
      payloadOf(async () => ({ deletedId: (await registries.delete(caller, id)).id })),
  }),
);

const ValidateRegistryPayload = payloadType('validateRegistry', {
  registry: 'The registry, with the report as its most recent validation; null on failure.',
  validation: 'The validation report, whatever its outcome; null if the validation did not run.',
});

builder.mutationField('validateRegistry', (t) =>
  t.field({
    type: ValidateRegistryPayload,
    description:
      'Validates the stored credential of a registry and records the outcome. A failed validation is returned as the report, not as an error.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the registry (`reg_…`).' }) },
    resolve: (_root, { id }, { registries, caller }) => payloadOf(() => registries.validate(caller, id)),
  }),
);

const CheckRegistryPayload = payloadType('checkRegistry', {
  validation: 'The validation report, whatever its outcome; null if the validation did not run.',
});

builder.mutationField('checkRegistry', (t) =>
  t.field({
    type: CheckRegistryPayload,
    description:
      'Validates a credential without storing anything. A failed validation is returned as the report, not as an error.',
    args: {
      input: t.arg({
        type: CreateRegistryInput,
        required: true,
        description: 'The registry and the credential to log in with.',
      }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: secureConnectionDescription }),
    },
    resolve: (_root, { input, ...settings }, { registries, caller }) =>
      payloadOf(async () => ({ validation: await registries.check(caller, input, settings) })),
  }),
);
