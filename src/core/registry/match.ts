// Matches registries to an image: the exact repository, then the deepest `/*` subtree, then the host. Segments match whole, so no two tie.

import type { Principal } from '../authz/principal.ts';
import { Problem } from '../shared/problem.ts';
import type { ImageReference } from './reference.ts';
import type { Registry } from './registry.ts';

type ImageName = Pick<ImageReference, 'host' | 'repository'>;

/** A repository of a host, or with `repository` null all of the host, as its catalog lists it. */
export interface PulledName {
  readonly host: string;
  readonly repository: string | null;
}

/** Returns `host/repository`, or the host alone for its catalog. */
export function nameOf({ host, repository }: PulledName): string {
  return repository === null ? host : `${host}/${repository}`;
}

/** Returns every registry pattern that covers the image, most specific first. One keyed lookup of these replaces a scan. */
export function coveringPatterns({ host, repository }: PulledName): string[] {
  if (repository === null) return [host];
  const patterns = [nameOf({ host, repository })];
  for (let end = repository.lastIndexOf('/'); end > 0; end = repository.lastIndexOf('/', end - 1)) {
    patterns.push(`${host}/${repository.slice(0, end)}/*`);
  }
  patterns.push(host);
  return patterns;
}

/**
 * Returns the most specific of these registries of one account, or null if the pull is anonymous.
 * @param patterns The result of `coveringPatterns`.
 */
export function mostSpecific(patterns: readonly string[], registries: readonly Registry[]): Registry | null {
  if (registries.length === 0) return null;
  const byPattern = new Map(registries.map((registry) => [registry.registry, registry]));
  return patterns.map((pattern) => byPattern.get(pattern)).find((registry) => registry !== undefined) ?? null;
}

/** Returns whether this registry pattern covers the image. */
export function covers(pattern: string, image: ImageName): boolean {
  return coveringPatterns(image).includes(pattern);
}

/** Returns one sentence: why a pull of the image uses this registry, or why not. */
export function matchReason(registry: Registry, image: ImageName, winner: Registry | null): string {
  if (!covers(registry.registry, image)) return outsideReason(registry, image);
  if (registry.id !== winner?.id)
    return `It covers ${image.host}/${image.repository}, but ${winner?.registry ?? 'another registry'} is more specific.`;
  if (registry.repository === null)
    return `Used: no registry is more specific, so the one for all of ${image.host} applies.`;
  if (registry.repository.endsWith('/*')) return `Used: it is the deepest subtree that contains ${image.repository}.`;
  return 'Used: it covers exactly this repository.';
}

function outsideReason(registry: Registry, image: ImageName): string {
  const { repository } = registry;
  if (repository?.endsWith('/*') === true) {
    const base = repository.slice(0, -2);
    return image.repository === base
      ? `${repository} covers the repositories below ${base}, not ${base} itself.`
      : `${image.repository} is not below ${base}/.`;
  }
  return `It covers only the repository ${repository ?? registry.host}.`;
}

/** Returns whether the image is within the image limit of the principal's token. All of a host is only within a limit that names the host. */
export function coversImage({ images }: Principal, image: PulledName): boolean {
  if (images === null) return true;
  const patterns = coveringPatterns(image);
  return images.some((allowed) => patterns.includes(allowed));
}

/** Returns the problem of a catalog that a token with an image limit requests: it names the images of others. */
export function catalogNotCovered(host: string): Problem {
  return new Problem(
    'FORBIDDEN',
    `This token is limited to images, and a catalog names every repository of its host. Use a token that is limited to ${host}, or one without a limit.`,
    { reason: 'IMAGE_NOT_COVERED' },
  );
}

/** Returns the problem of an image outside the image limit of a token. */
export function imageNotCovered(field?: readonly string[]): Problem {
  return new Problem('FORBIDDEN', 'This token is limited to other images.', { reason: 'IMAGE_NOT_COVERED', field });
}
