// The commands that change data, each with the result that the model requires.

import type { Registries } from '../../src/core/registries/registries.ts';
import type { RegistryWithReport } from '../../src/core/validation/validate.ts';
import { callerOf } from '../support/domain.ts';
import { type Chance, changeOf, inputOf, sealedInput, settingsOf } from './choices.ts';
import { refusedPassword } from './system.ts';
import type { Known, World } from './world.ts';

/** The parts of a change that only the system knows: the ID and the times. */
export type WriteResult = Pick<RegistryWithReport, 'registry'>;

/** A change that was chosen and not yet made. */
export interface Write {
  readonly told: string;
  /** The problem's code that the model expects; undefined when it must be done. */
  readonly expected: string | undefined;
  /** The registry that it is about: its id, or the text of a new one. */
  readonly subject: string;
  run(registries: Registries): Promise<WriteResult | undefined>;
  /** Makes the change in the model, with what only the system knows. */
  apply(world: World, result: WriteResult | undefined): void;
}

export const caller = callerOf('ADMIN');

/** An id that never was. */
const unknownId = `reg_${'f'.repeat(32)}`;

/** Chooses a change of the world as it is. */
export function chooseWrite(chance: Chance, world: World): Write {
  const known = world.size === 0 || chance.oneIn(12) ? undefined : chance.pick([...world.values()]);
  const kind = chance.below(10);
  if (kind < 4 || world.size === 0) return createOf(chance, world);
  if (kind < 7) return updateOf(chance, known);
  return kind < 9 ? validateOf(known) : deleteOf(known);
}

function createOf(chance: Chance, world: World): Write {
  const [input, settings] = [inputOf(chance), settingsOf(chance)];
  const exists = [...world.values()].some(({ registry }) => registry === input.registry);
  const isRefused = settings.validate && input.password.startsWith(refusedPassword);
  return {
    told: `create ${JSON.stringify({ ...input, ...settings })}`,
    expected: exists ? 'ALREADY_EXISTS' : isRefused ? 'VALIDATION_FAILED' : undefined,
    subject: input.registry,
    run: (registries) => registries.create(caller, sealedInput(input), settings),
    apply(world_, result) {
      const { id, createdAt, updatedAt } = registryOf(result);
      const outcome = settings.validate ? 'VALID' : 'SKIPPED';
      const host = input.registry.split('/')[0] ?? '';
      world_.set(id, {
        ...input,
        name: input.name ?? input.registry,
        id,
        host,
        secureConnection: settings.secureConnection,
        outcome,
        createdAt: createdAt.getTime(),
        updatedAt: updatedAt.getTime(),
      });
    },
  };
}

function updateOf(chance: Chance, known: Known | undefined): Write {
  const [change, settings] = [changeOf(chance), settingsOf(chance)];
  const id = known?.id ?? unknownId;
  return {
    told: `update ${known?.registry} ${JSON.stringify({ ...change, ...settings })}`,
    expected: known === undefined ? 'NOT_FOUND' : refusalOfUpdate(known, change, settings),
    subject: id,
    run: (registries) => registries.update(caller, id, sealedInput(change), settings),
    apply(world, result) {
      const before = world.get(id) as Known;
      const name = change.name === null ? before.registry : (change.name ?? before.name);
      const outcome = settings.validate ? 'VALID' : 'SKIPPED';
      world.set(id, {
        ...before,
        ...change,
        name,
        outcome,
        secureConnection: settings.secureConnection,
        updatedAt: registryOf(result).updatedAt.getTime(),
      });
    },
  };
}

function refusalOfUpdate(
  known: Known,
  change: ReturnType<typeof changeOf>,
  settings: ReturnType<typeof settingsOf>,
): string | undefined {
  const movesSecret =
    (known.secureConnection && !settings.secureConnection) ||
    (change.type !== undefined && change.type !== known.type) ||
    (change.username !== undefined && change.username !== known.username);
  if (movesSecret && change.password === undefined) return 'PASSWORD_REQUIRED';
  return settings.validate && (change.password ?? known.password).startsWith(refusedPassword)
    ? 'VALIDATION_FAILED'
    : undefined;
}

function validateOf(known: Known | undefined): Write {
  const id = known?.id ?? unknownId;
  return {
    told: `validate ${known?.registry}`,
    expected: known === undefined ? 'NOT_FOUND' : undefined,
    subject: id,
    run: (registries) => registries.validate(caller, id),
    apply(world) {
      const before = world.get(id) as Known;
      world.set(id, {
        ...before,
        outcome: before.password.startsWith(refusedPassword) ? 'INVALID_CREDENTIALS' : 'VALID',
      });
    },
  };
}

function deleteOf(known: Known | undefined): Write {
  const id = known?.id ?? unknownId;
  return {
    told: `delete ${known?.registry}`,
    expected: known === undefined ? 'NOT_FOUND' : undefined,
    subject: id,
    run: async (registries) => void (await registries.delete(caller, id)),
    apply: (world) => void world.delete(id),
  };
}

function registryOf(result: WriteResult | undefined): RegistryWithReport['registry'] {
  if (result === undefined) throw new Error('The change returned no registry.');
  return result.registry;
}
