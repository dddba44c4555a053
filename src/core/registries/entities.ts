// Many registries and images by their keys at once, as a federated graph asks for them: two reads, whatever their number.

import { authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import { getArguments, type LookupPorts } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import {
  type RequestedImage,
  askImage,
  coveringInOrder,
  explain,
  findNeighbours,
  imageArguments,
  type ImageExplanation,
  registriesByText,
} from './explain.ts';

/** An image is looked up under one text for each level of its path: a thousand images of 20 levels. A thousand of 120 would keep the server busy for seconds. */
const maxTexts = 20_000;

/** What one key needs looked up, and how it answers from what was found. */
interface Question {
  readonly id?: string;
  readonly texts?: readonly string[];
  readonly image?: RequestedImage;
  readonly answer: (found: Found) => FoundEntity;
}

interface Found {
  readonly byId: ReadonlyMap<string, Registry>;
  readonly byText: ReadonlyMap<string, Registry>;
  readonly neighboursOf: (host: string) => Promise<readonly Registry[]>;
}

/**
 * Authorises and parses each key by itself, looks all of them up together, and answers in their order.
 * @throws Problem `UNAUTHENTICATED`; `INVALID_INPUT` when the paths of all images together are too deep.
 */
export async function findEntities(
  ports: Pick<LookupPorts, 'registries'>,
  caller: Caller,
  keys: readonly EntityKey[],
): Promise<readonly FoundEntity[]> {
  const principal = authorize(caller, 'principal.get');
  const questions = keys.map((key) =>
    ownProblem(() => (key.type === 'Registry' ? askRegistry(caller, key.key) : askAboutImage(caller, key.key))),
  );
  const found = await lookUp(
    ports,
    principal,
    questions.flatMap((question) => (question instanceof Problem ? [] : question)),
  );
  return questions.map((question) => (question instanceof Problem ? question : question.answer(found)));
}

function ownProblem<T>(work: () => T): T | Problem {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function askRegistry(caller: Caller, key: unknown): Question {
  const principal = authorize(caller, 'registry.get');
  const { id, registry: text } = parseInput(getArguments, key);
  if (id !== null && id !== undefined) {
    const visible = (registry: Registry | undefined) =>
      registry !== undefined && mayActIn(principal, registry.account) ? registry : null;
    return { ...(isRegistryId(id) ? { id } : {}), answer: ({ byId }) => visible(byId.get(id)) };
  }
  const { registry } = parseRegistryPattern(text ?? '');
  return { texts: [registry], answer: ({ byText }) => byText.get(registry) ?? null };
}

function askAboutImage(caller: Caller, key: unknown): Question {
  const principal = authorize(caller, 'image.explain');
  const image = askImage(principal, parseInput(imageArguments, key).reference);
  const { host } = image.image;
  const answer: Question['answer'] = ({ byText, neighboursOf }) => {
    const covering = coveringInOrder(image, byText);
    return explain(image, {
      account: principal.account,
      winner: covering[0] ?? null,
      covering: async () => covering,
      neighbours: () => neighboursOf(host),
    });
  };
  return { image, texts: image.texts, answer };
}

async function lookUp(
  ports: Pick<LookupPorts, 'registries'>,
  principal: Principal,
  questions: readonly Question[],
): Promise<Found> {
  const ids = new Set(questions.flatMap(({ id }) => id ?? []));
  const texts = new Set(questions.flatMap(({ texts: wanted = [] }) => wanted));
  if (texts.size > maxTexts)
    throw new Problem(
      'INVALID_INPUT',
      'The paths of these images are too deep for so many of them; ask for fewer at once.',
    );
  const images = questions.flatMap(({ image }) => image ?? []);
  const [withId, withText] = await Promise.all([
    ids.size === 0 ? [] : ports.registries.byIds([...ids]),
    texts.size === 0 ? [] : ports.registries.byTexts(principal.account, [...texts]),
  ]);
  let neighbours: Promise<Map<string, Registry[]>> | undefined;
  return {
    byId: new Map(withId.map((registry) => [registry.id, registry])),
    byText: registriesByText(withText),
    async neighboursOf(host) {
      neighbours ??= findNeighbours(ports, principal, principal.account, images).then((found) =>
        Map.groupBy(found, (registry) => registry.host),
      );
      return (await neighbours).get(host) ?? [];
    },
  };
}

/** What a federated graph asks for by its key: `{ id }` or `{ registry }` of a registry, `{ reference }` of an image, all in the caller's own account. */
export interface EntityKey {
  readonly type: 'Registry' | 'ContainerImage';
  readonly key: unknown;
}

/** A problem is that of one key alone. Null when it is not there or not the caller's. */
export type FoundEntity = Registry | ImageExplanation | Problem | null;
