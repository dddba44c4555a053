// The subscriptions registryCheck and registryRecheck: each step of a validation as it ends, the report last.

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
  description: 'One message of a running validation: a step that ended, or the report.',
  fields: (t) => ({
    step: t.expose('step', { type: ValidationStepType, nullable: true, description: 'A step that just ended; null in the last message.' }),
    report: t.expose('report', { type: ValidationReportType, nullable: true, description: 'The report, in the last message only.' }),
  }),
});

builder.subscriptionField('registryCheck', (t) =>
  t.field({
    type: ValidationProgressType,
    description: 'Checks a credential without storing anything and tells each step as it ends, the report last. Hanging up stops the check.',
    args: {
      input: t.arg({ type: CreateRegistryInput, required: true, description: 'The registry and how to log in to it.' }),
      secureConnection: t.arg.boolean({ required: true, defaultValue: true, description: 'Verify TLS certificates. True unless you say otherwise.' }),
    },
    subscribe: (_root, { input, ...settings }, { registries, caller }) =>
      progress((onStep) => registries.check(caller, input, settings, onStep)),
    resolve: (message) => message,
  }),
);

builder.subscriptionField('registryRecheck', (t) =>
  t.field({
    type: ValidationProgressType,
    description: 'validateRegistry with its steps: checks the stored credential again, tells each step as it ends, records the outcome and tells the report last. Hanging up before that stops the check and records nothing.',
    args: { id: t.arg.id({ required: true, description: 'The id of the registry (`reg_…`).' }) },
    subscribe: (_root, { id }, { registries, caller }) =>
      progress(async (onStep) => (await registries.validate(caller, id, onStep)).validation),
    resolve: (message) => message,
  }),
);

/** Turns a check with callbacks into messages. Starts with the first reader and throws what the check throws. */
async function* progress(check: (onStep: (step: ValidationStep) => void) => Promise<ValidationReport>): AsyncGenerator<ValidationProgress> {
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
  yield { step: null, report: await report.catch(nameArgument) };
}

function nameArgument(error: unknown): never {
  if (!(error instanceof Problem)) throw error;
  const { code, message, reason, field, retryAfter } = error;
  throw new Problem(code, message, { reason, field: argumentPath(field), retryAfter });
}

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
