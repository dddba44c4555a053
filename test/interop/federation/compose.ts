// The two composers, under one name. Apollo's packages are under the Elastic License: they are used only in tests.

import { composeServices as composeWithApollo } from '@apollo/composition';
import { composeServices as composeWithTheGuild } from '@theguild/federation-composition';
import { parse } from 'graphql';

export interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** Gives the supergraph, or throws what the composer says. */
export type Compose = (subgraphs: readonly Subgraph[]) => string;

export const composers: Readonly<Record<'The Guild' | 'Apollo', Compose>> = {
  'The Guild': (subgraphs) => supergraphOf(composeWithTheGuild(subgraphs.map(service))),
  Apollo: (subgraphs) => supergraphOf(composeWithApollo(subgraphs.map(service))),
};

function service({ name, url, sdl }: Subgraph) {
  return { name, url, typeDefs: parse(sdl) };
}

function supergraphOf({
  supergraphSdl,
  errors = [],
}: {
  readonly supergraphSdl?: string | undefined;
  readonly errors?: readonly Error[] | undefined;
}): string {
  if (supergraphSdl === undefined) throw new Error(errors.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}
