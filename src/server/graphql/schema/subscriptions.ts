// The subscriptions: a validation step by step (registryCheck, registryRecheck), and changes and validations of registries as they happen.

import type { RegistryChange } from '../../../core/registries/watch.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import type { ValidationReport, ValidationStep } from '../../../core/registry/report.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { accountDescription, builder } from './builder.ts';
import { argumentPath } from './payload.ts';
import { CreateRegistryInput } from './registry-mutations.ts';
import { RegistryNode } from './registry.ts';
import { enumValues, ValidationReportType, ValidationStepType } from './validation.ts';

interface ValidationProgress {
  readonly step: ValidationStep | null;
  readonly report: ValidationReport | null;
}

const ValidationProgressType = builder.objectRef<ValidationProgress>('ValidationProgress').implement({
  description: 'An event of a running validation: a completed step, or the report.',
  fields: (t) => ({
    step: t.expose('step', {
      type: ValidationStepType,
      nullable: true,
      description: 'The step that was just completed; null in the last event.',
    }),
    report: t.expose('report', {
      type: ValidationReportType,
      nullable: true,
      description: 'The report; null in every event but the last.',
    }),
  }),
});

builder.subscriptionField('registryCheck', (t) =>
  t.field({
    type: ValidationProgressType,
    description:
      'Validates a credential without storing anything and sends each step when it completes, then the report. Closing the stream stops the validation.',
    args: {
      input: t.arg({
        type: CreateRegistryInput,
        required: true,
        description: 'The registry and the credential to log in with.',
      }),
      secureConnection: t.arg.boolean({
        required: true,
        defaultValue: true,
        description:
          "Whether to verify TLS certificates. Defaults to true. If false, any certificate of this registry is accepted, and plain HTTP where the server's settings allow it.",
      }),
    },
    subscribe: (_root, { input, ...settings }, { registries, caller }) =>
      progress((onStep) => registries.check(caller, input, settings, onStep)),
    resolve: (message) => message,
  }),
);

builder.subscriptionField('registryRecheck', (t) =>
  t.field({
    type: ValidationProgressType,
    description:
      'Validates the stored credential of a registry as `validateRegistry` does: sends each step when it completes, records the outcome, then sends the report. Closing the stream before the report stops the validation, and nothing is recorded.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the registry (`reg_…`).' }) },
    subscribe: (_root, { id }, { registries, caller }) =>
      progress(async (onStep) => (await registries.validate(caller, id, onStep)).validation),
    resolve: (message) => message,
  }),
);

/** Turns a validation with callbacks into a stream of events. It starts with the first read and throws whatever the validation throws. */
async function* progress(
  check: (onStep: (step: ValidationStep) => void) => Promise<ValidationReport>,
): AsyncGenerator<ValidationProgress> {
  const steps: ValidationStep[] = [];
  let wake = Promise.withResolvers<void>();
  const report = check((step) => {
    steps.push(step);
    wake.resolve();
  });
  const settled = report.then(
    () => true,
    () => true,
  );
  let ended = false;
  while (!ended) {
    ended = (await Promise.race([settled, wake.promise])) === true;
    wake = Promise.withResolvers();
    for (const step of steps.splice(0)) yield { step, report: null };
  }
  yield { step: null, report: await report.catch(throwWithArgument) };
}

/** Throws a problem again with the path of its GraphQL argument, and any other error as it is. */
function throwWithArgument(error: unknown): never {
  if (!(error instanceof Problem)) throw error;
  const { code, message, reason, field, retryAfter } = error;
  throw new Problem(code, message, { reason, field: argumentPath(field), retryAfter });
}

const RegistryChangeKindEnum = builder.enumType('RegistryChangeKind', {
  description: 'The kind of a change to a registry.',
  values: enumValues<RegistryChange['kind']>(['CREATED', 'UPDATED', 'DELETED'], {
    CREATED: 'The registry was created.',
    UPDATED: 'The registry was updated. Validations do not count.',
    DELETED: 'The registry was deleted.',
  }),
});

const RegistryChangeType = builder.objectRef<RegistryChange>('RegistryChange').implement({
  description: 'A change to a registry.',
  fields: (t) => ({
    kind: t.expose('kind', { type: RegistryChangeKindEnum, description: 'The kind of change.' }),
    registryId: t.exposeID('id', { description: 'The ID of the registry, also after its deletion.' }),
    registry: t.expose('registry', {
      type: RegistryNode,
      nullable: true,
      description: 'The registry after the change; null if it was deleted.',
    }),
  }),
});

const RegistryValidationType = builder.objectRef<Registry>('RegistryValidation').implement({
  description: 'A recorded validation.',
  fields: (t) => ({
    registry: t.field({
      type: RegistryNode,
      description: 'The registry that was validated.',
      resolve: (registry) => registry,
    }),
    validation: t.field({
      type: ValidationReportType,
      nullable: true,
      description: 'The most recent report of the registry.',
      resolve: ({ lastValidation }) => lastValidation,
    }),
  }),
});

const streamNote =
  "The stream ends when the caller's authentication does. Events are not stored or replayed: after a disconnect, fetch the list again.";
const account = { description: accountDescription };

builder.subscriptionField('registryChanged', (t) =>
  t.field({
    type: RegistryChangeType,
    description: `Sends an event when a registry of an account is created, updated, or deleted, by any caller. ${streamNote}`,
    args: { account: t.arg.string(account) },
    subscribe: (_root, args, { subscriptions, caller }) => subscriptions.changes(caller, args),
    resolve: (change) => change,
  }),
);

builder.subscriptionField('registryValidated', (t) =>
  t.field({
    type: RegistryValidationType,
    description: `Sends an event when the outcome of a validation is recorded for a registry of an account: after a call, after a rejected pull, or on schedule. ${streamNote}`,
    args: { account: t.arg.string(account) },
    subscribe: (_root, args, { subscriptions, caller }) => subscriptions.validations(caller, args),
    resolve: (registry) => registry,
  }),
);
