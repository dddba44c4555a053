// The use cases on registries: every face (GraphQL, REST, CLI) calls these and nothing below them.

import type { Caller } from '../authz/permissions.ts';
import { createChanging } from './write.ts';
import { createChecking } from '../validation/validate.ts';
import type { Ports } from '../ports.ts';
import type { Problem } from '../shared/problem.ts';
import { createReading } from './read.ts';
import type { Registry } from '../registry/registry.ts';
import type { ValidationReport, ValidationStep } from '../registry/report.ts';

/** How one call treats the upstream. Both are on unless the caller says otherwise. */
export interface CheckSettings {
  /** Verify TLS certificates. */
  readonly secureConnection: boolean;
  /** Ask the registry whether the credential works before storing it. */
  readonly validate: boolean;
}

export interface ChangeResult {
  readonly registry: Registry;
  readonly validation: ValidationReport;
}

/** One page of registries in the order asked for. */
export interface RegistryPage {
  readonly nodes: readonly Registry[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** The opaque cursor of a node of this page. */
  cursorOf(registry: Registry): string;
  /** Counts what the filter matches; runs a statement, so ask only when somebody wants it. */
  totalCount(): Promise<number>;
}

/** Which credential a pull of an image would use. */
export interface ImageExplanation {
  /** Canonical: `docker.io/library/ubuntu:22.04`. */
  readonly reference: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly account: string;
  /** The winner; null means an anonymous pull. */
  readonly registry: Registry | null;
  /** Every registry of the host that the caller may see, most specific first, with the reason. Runs a statement. */
  candidates(): Promise<readonly MatchCandidate[]>;
}

export interface MatchCandidate {
  readonly registry: Registry;
  /** Whether its text covers the image. */
  readonly matched: boolean;
  readonly reason: string;
}

/** What a federated graph asks for by its key: `{ id }` or `{ registry }` of a registry, `{ reference }` of an image, all in the caller's own account. */
export interface EntityKey {
  readonly type: 'Registry' | 'ContainerImage';
  readonly key: unknown;
}

/** A problem is that of one key alone. Null when it is not there or not the caller's. */
export type FoundEntity = Registry | ImageExplanation | Problem | null;

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
  create(caller: Caller, input: unknown, settings: CheckSettings): Promise<ChangeResult>;
  /** @throws Problem `NOT_FOUND`, `PASSWORD_REQUIRED`, `CONFLICT`, `SECRET_UNREADABLE`, `VALIDATION_FAILED` with its report, `RATE_LIMITED`. */
  update(caller: Caller, id: string, input: unknown, settings: CheckSettings): Promise<ChangeResult>;
  /** Gives the deleted registry. @throws Problem `NOT_FOUND`. */
  delete(caller: Caller, id: string): Promise<Registry>;
  /** Checks the stored credential again and records the outcome, good or bad. @throws Problem `NOT_FOUND`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`. */
  validate(caller: Caller, id: string, onStep?: (step: ValidationStep) => void): Promise<ChangeResult>;
  /** Checks without storing; a bad outcome is the answer, not an error. @throws Problem `RATE_LIMITED`. */
  check(
    caller: Caller,
    input: unknown,
    settings: Pick<CheckSettings, 'secureConnection'>,
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
  return { ...createReading(ports), ...createChecking(ports), ...createChanging(ports) };
}
