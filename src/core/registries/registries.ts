// The use cases on registries: every face (GraphQL, REST, CLI) calls these and nothing below them.

import type { Caller } from '../authz/principal.ts';
import type { Registry } from '../registry/registry.ts';
import type { ValidationReport, ValidationStep } from '../registry/report.ts';
import { type RegistryWithReport, type ValidationOptions, createValidating } from '../validation/validate.ts';
import type { Ports } from '../validation/validator.ts';
import type { EntityKey, FoundEntity } from './entities.ts';
import type { ImageExplanation } from './explain.ts';
import type { RegistryPage } from './list.ts';
import { createReading } from './read.ts';
import { createWriting } from './write.ts';

/**
 * Inputs are `unknown`: each use case authorises first, then parses (a stranger learns nothing from a parse error).
 * All throw `Problem`; the codes are named where they are not the usual `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_INPUT`.
 */
export interface Registries {
  /** @param args `{ first, after, last, before, filter, orderBy, account }`, Relay's meaning, 100 a page at most, 50 by default. */
  list(caller: Caller, args: unknown): Promise<RegistryPage>;
  /** @param args exactly one of `{ id }` and `{ registry, account? }`. Null when it is not there or not the caller's. */
  get(caller: Caller, args: unknown): Promise<Registry | null>;
  /** @throws Problem `INVALID_REGISTRY`, `ALREADY_EXISTS`, `NOT_FOUND` (the account), `VALIDATION_FAILED` with its report, `RATE_LIMITED`. */
  create(caller: Caller, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** @throws Problem `NOT_FOUND`, `PASSWORD_REQUIRED`, `CONFLICT`, `SECRET_UNREADABLE`, `VALIDATION_FAILED` with its report, `RATE_LIMITED`. */
  update(caller: Caller, id: string, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** Gives the deleted registry. @throws Problem `NOT_FOUND`. */
  delete(caller: Caller, id: string): Promise<Registry>;
  /** Checks the stored credential again and records the outcome, good or bad. @throws Problem `NOT_FOUND`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`. */
  validate(caller: Caller, id: string, onStep?: (step: ValidationStep) => void): Promise<RegistryWithReport>;
  /** Checks without storing; a bad outcome is the answer, not an error. @throws Problem `RATE_LIMITED`. */
  check(
    caller: Caller,
    input: unknown,
    settings: Pick<ValidationOptions, 'secureConnection'>,
    onStep?: (step: ValidationStep) => void,
  ): Promise<ValidationReport>;
  /** @param args `{ reference, account? }`. @throws Problem `INVALID_REFERENCE`. */
  image(caller: Caller, args: unknown): Promise<ImageExplanation>;
  /**
   * Many of `get` and `image` at once, in their order: two statements whatever their number, and one more for all candidates.
   * @throws Problem `UNAUTHENTICATED`, and `INVALID_INPUT` for too much at once; everything else belongs to a key.
   */
  entities(caller: Caller, keys: readonly EntityKey[]): Promise<readonly FoundEntity[]>;
}

/** The use cases over their ports. */
export function createRegistries(ports: Ports): Registries {
  return { ...createReading(ports), ...createValidating(ports), ...createWriting(ports) };
}
