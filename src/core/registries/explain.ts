// Explains which registry a pull of an image would use, and why: for one image, or for many that were looked up together.

import { z } from 'zod';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import type { LookupPorts } from '../registry/lookup.ts';
import { coveringPatterns, coversImage, imageNotCovered, matchReason } from '../registry/match.ts';
import { type ImageReference, parseImageReference } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { accountName, parseInput } from '../shared/input.ts';

/** Maximum number of other registries of the host in an explanation: enough to see a near miss. */
const maxNeighbors = 20;
/** Maximum number of candidates of one image: its neighbors, and as many that cover it. Bounds the size of the response. */
export const maxCandidates = 40;

/** The arguments of an explanation. */
export const imageArguments = z.strictObject({ reference: z.string(), account: accountName.nullish() });

/** The registry that a pull of an image would use. */
export interface ImageExplanation {
  /** The canonical reference: `docker.io/library/ubuntu:22.04`. */
  readonly reference: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly account: string;
  /** The most specific registry; null if the pull is anonymous. */
  readonly registry: Registry | null;
  /** Returns registries of the host, with the reason why each is used or not; the covering ones first. Runs a query. */
  candidates(): Promise<readonly MatchCandidate[]>;
}

/** A registry that a pull uses, or does not use, with the reason. */
export interface MatchCandidate {
  readonly registry: Registry;
  /** Whether its pattern covers the image. */
  readonly matched: boolean;
  readonly reason: string;
}

/** An image that the principal has access to, and the patterns to look up for it. */
export interface RequestedImage {
  readonly image: ImageReference;
  /** Every registry pattern that covers it, most specific first. */
  readonly patterns: readonly string[];
}

/** The result of the lookups for one image. */
interface FoundForImage {
  readonly account: string;
  /** The most specific registry that covers the image; null for none. */
  readonly winner: Registry | null;
  /** Returns all registries that cover the image, most specific first. */
  readonly covering: () => Promise<readonly Registry[]>;
  /** Returns the first registries of the image's host. */
  readonly neighbors: () => Promise<readonly Registry[]>;
}

/**
 * Parses the reference of an image that the principal has access to.
 * @throws Problem `INVALID_REFERENCE`, or `FORBIDDEN` if its token is limited to other images.
 */
export function parseRequestedImage(principal: Principal, reference: string): RequestedImage {
  const image = parseImageReference(reference);
  if (!coversImage(principal, image)) throw imageNotCovered(['reference']);
  return { image, patterns: coveringPatterns(image) };
}

/** Returns the explanation of one image from what was found. */
export function explain(
  { image, patterns }: RequestedImage,
  { account, winner, covering, neighbors }: FoundForImage,
): ImageExplanation {
  const candidates = async (): Promise<MatchCandidate[]> => {
    const [inside, near] = await Promise.all([covering(), neighbors()]);
    const others = near.filter(({ registry }) => !patterns.includes(registry));
    return [...inside, ...others].slice(0, maxCandidates).map((registry) => ({
      registry,
      matched: patterns.includes(registry.registry),
      reason: matchReason(registry, image, winner),
    }));
  };
  return { ...image, account, registry: winner, candidates };
}

/** Returns the registries that cover the image, most specific first. */
export function coveringInOrder({ patterns }: RequestedImage, byPattern: ReadonlyMap<string, Registry>): Registry[] {
  return patterns.flatMap((pattern) => byPattern.get(pattern) ?? []);
}

/** Returns the first registries of each image's host, in one read. None for the role PULL, which cannot list registries. */
export async function findNeighbors(
  { registries }: Pick<LookupPorts, 'registries'>,
  { role }: Principal,
  account: string,
  requested: readonly RequestedImage[],
): Promise<readonly Registry[]> {
  const hosts = new Set(requested.map(({ image: { host } }) => host));
  return role === 'PULL' ? [] : registries.byHosts(account, [...hosts], maxNeighbors);
}

/** Maps the pattern of each registry, which is unique in an account, to the registry. */
export function registriesByPattern(registries: readonly Registry[]): ReadonlyMap<string, Registry> {
  return new Map(registries.map((registry) => [registry.registry, registry]));
}

/**
 * Explains which registry a pull of an image would use.
 * @throws Problem `INVALID_REFERENCE`, `FORBIDDEN`, `NOT_FOUND` (the account).
 */
export async function explainImage(ports: LookupPorts, caller: Caller, args: unknown): Promise<ImageExplanation> {
  const principal = authorize(caller, 'image.explain');
  const { reference, account: named } = parseInput(imageArguments, args);
  const requested = parseRequestedImage(principal, reference);
  const account = await actingAccount(ports, principal, named);
  const winner = (await ports.registries.findMostSpecific(account, requested.patterns)) ?? null;
  return explain(requested, {
    account,
    winner,
    covering: async () =>
      coveringInOrder(requested, registriesByPattern(await ports.registries.byPatterns(account, requested.patterns))),
    neighbors: () => findNeighbors(ports, principal, account, [requested]),
  });
}
