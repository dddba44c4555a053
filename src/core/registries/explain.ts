// Which registry a pull of an image would use, and why: for one image, or for many that were looked up together.

import { z } from 'zod';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import type { LookupPorts } from '../registry/lookup.ts';
import { coveringPatterns, coversImage, imageNotCovered, matchReason } from '../registry/match.ts';
import { type ImageReference, parseImageReference } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { accountName, parseInput } from '../shared/input.ts';

/** Registries of the same host shown beside the covering ones: enough to see a near miss. */
const maxNeighbours = 20;
/** Candidates of one image: its neighbours, and as many that cover it. A path of 120 levels could have more; nobody stores a registry for each. */
export const maxCandidates = 40;

/** An image that the principal may ask about, and what has to be looked up for it. */
export interface RequestedImage {
  readonly image: ImageReference;
  /** Every registry text that would cover it, most specific first. */
  readonly texts: readonly string[];
}

/** What was looked up. */
interface FoundForImage {
  readonly account: string;
  /** The first of the image's texts that exists in the account. */
  readonly winner: Registry | null;
  /** All of them that exist, in their order, for the candidates. */
  readonly covering: () => Promise<readonly Registry[]>;
  /** The first registries of the image's host, for the candidates. */
  readonly neighbours: () => Promise<readonly Registry[]>;
}

/**
 * Parses a reference that the principal may ask about.
 * @throws Problem `INVALID_REFERENCE`, or `FORBIDDEN` when its token is limited to other images.
 */
export function askImage(principal: Principal, reference: string): RequestedImage {
  const image = parseImageReference(reference);
  if (!coversImage(principal, image)) throw imageNotCovered(['reference']);
  return { image, texts: coveringPatterns(image) };
}

/** Says which of the registries found a pull would use. */
export function explain(
  { image, texts }: RequestedImage,
  { account, winner, covering, neighbours }: FoundForImage,
): ImageExplanation {
  const candidates = async (): Promise<MatchCandidate[]> => {
    const [inside, near] = await Promise.all([covering(), neighbours()]);
    const others = near.filter(({ registry }) => !texts.includes(registry));
    return [...inside, ...others].slice(0, maxCandidates).map((registry) => ({
      registry,
      matched: texts.includes(registry.registry),
      reason: matchReason(registry, image, winner),
    }));
  };
  return { ...image, account, registry: winner, candidates };
}

/** Those of the image's texts that were found, most specific first. */
export function coveringInOrder({ texts }: RequestedImage, byText: ReadonlyMap<string, Registry>): Registry[] {
  return texts.flatMap((text) => byText.get(text) ?? []);
}

/** The first registries of each image's host, in one read. A pull token may see what a pull uses, never list what else exists. */
export async function findNeighbours(
  { registries }: Pick<LookupPorts, 'registries'>,
  { role }: Principal,
  account: string,
  asked: readonly RequestedImage[],
): Promise<readonly Registry[]> {
  const hosts = new Set(asked.map(({ image: { host } }) => host));
  return role === 'PULL' ? [] : registries.byHosts(account, [...hosts], maxNeighbours);
}

/** Registries by their text, which is unique in an account. */
export function registriesByText(registries: readonly Registry[]): ReadonlyMap<string, Registry> {
  return new Map(registries.map((registry) => [registry.registry, registry]));
}

export async function explainImage(ports: LookupPorts, caller: Caller, args: unknown): Promise<ImageExplanation> {
  const principal = authorize(caller, 'image.explain');
  const { reference, account: named } = parseInput(imageArguments, args);
  const asked = askImage(principal, reference);
  const account = await actingAccount(ports, principal, named);
  const winner = (await ports.registries.findMostSpecific(account, asked.texts)) ?? null;
  return explain(asked, {
    account,
    winner,
    covering: async () =>
      coveringInOrder(asked, registriesByText(await ports.registries.byTexts(account, asked.texts))),
    neighbours: () => findNeighbours(ports, principal, account, [asked]),
  });
}

export const imageArguments = z.strictObject({ reference: z.string(), account: accountName.nullish() });

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
