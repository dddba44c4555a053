// The schema: importing a type file registers its types, queries and mutations.

import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
// oxlint-disable import/no-unassigned-import -- registering is what these imports are for
import './access.ts';
import './audit.ts';
import './federation.ts';
import './pulls.ts';
import './registry-mutations.ts';
import './registry.ts';
import './subscriptions.ts';

/** The executable schema, fields in alphabetical order: the API, and the two fields that a federated graph asks for. */
export const schema: GraphQLSchema = builder.toSchema({ sortSchema: true });
