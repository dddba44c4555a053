// Which registry a pull uses: exact repository, then the deepest `/*` subtree, then the host. Always at a segment boundary, never a tie.

import type { Principal } from '../authz/principal.ts';
import { Problem } from '../shared/problem.ts';
import type { ImageReference } from './reference.ts';
import type { Registry } from './registry.ts';

type ImageName = Pick<ImageReference, 'host' | 'repository'>;

/** Every registry text that would cover the image, most specific first. One keyed lookup of these replaces a scan. */
export function coveringTexts({ host, repository }: ImageName): string[] {
  const texts = [`${host}/${repository}`];
  for (let end = repository.lastIndexOf('/'); end > 0; end = repository.lastIndexOf('/', end - 1)) {
    texts.push(`${host}/${repository.slice(0, end)}/*`);
  }
  texts.push(host);
  return texts;
}

/** The winner among registries of one account, or null for an anonymous pull. `texts` comes from `coveringTexts`. */
export function mostSpecific(texts: readonly string[], registries: readonly Registry[]): Registry | null {
  if (registries.length === 0) return null;
  const byText = new Map(registries.map((registry) => [registry.registry, registry]));
  return texts.map((text) => byText.get(text)).find((registry) => registry !== undefined) ?? null;
}

/** Whether this registry text covers the image. */
export function covers(text: string, image: ImageName): boolean {
  return coveringTexts(image).includes(text);
}

/** One sentence: why this registry is, or is not, the one that a pull of the image uses. */
export function matchReason(registry: Registry, image: ImageName, winner: Registry | null): string {
  if (!covers(registry.registry, image)) return outsideReason(registry, image);
  if (registry.id !== winner?.id)
    return `It covers ${image.host}/${image.repository}, but ${winner?.registry ?? 'another registry'} is more specific.`;
  if (registry.repository === null)
    return `Used: no closer registry exists, so the one for all of ${image.host} applies.`;
  if (registry.repository.endsWith('/*')) return `Used: it is the deepest subtree that holds ${image.repository}.`;
  return 'Used: it names exactly this repository.';
}

function outsideReason(registry: Registry, image: ImageName): string {
  const { repository } = registry;
  if (repository?.endsWith('/*') === true) {
    const base = repository.slice(0, -2);
    return image.repository === base
      ? `${repository} covers what lies below ${base}, not ${base} itself.`
      : `${image.repository} does not lie below ${base}/.`;
  }
  return `It is for the repository ${repository ?? registry.host} alone.`;
}

/** Whether the image lies inside what the principal's token is limited to. */
export function coversImage(
  { images }: Principal,
  image: { readonly host: string; readonly repository: string },
): boolean {
  if (images === null) return true;
  const texts = coveringTexts(image);
  return images.some((pattern) => texts.includes(pattern));
}

/** The refusal of an image outside the limit of a token. */
export function imageNotCovered(field?: readonly string[]): Problem {
  return new Problem('FORBIDDEN', 'This token is limited to other images.', { reason: 'IMAGE_NOT_COVERED', field });
}
