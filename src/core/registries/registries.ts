// Joins all use cases on registries. Every API (GraphQL, REST, CLI) calls these and nothing below them.

import { createValidating, type Validating, type ValidatingPorts } from '../validation/validate.ts';
import { createReading, type Reading } from './read.ts';
import { createWriting, type Writing, type WritingPorts } from './write.ts';

/** All use cases on registries. */
export type Registries = Reading & Validating & Writing;

/** The ports of all use cases on registries together. */
export type RegistriesPorts = ValidatingPorts & WritingPorts;

/** Creates the use cases over their ports. */
export function createRegistries(ports: RegistriesPorts): Registries {
  return { ...createReading(ports), ...createValidating(ports), ...createWriting(ports) };
}
