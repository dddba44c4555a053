// Divides a large operation among turns of the event loop: rows are read, and the entries of lists are completed, a few milliseconds at a time.

import {
  defaultFieldResolver,
  getNullableType,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  isIntrospectionType,
  isListType,
  isObjectType,
} from 'graphql';
import type { Turns } from '../../http/turns.ts';
import { type GraphqlContext, listSizeOf } from '../schema/builder.ts';

const divided = new WeakSet<GraphQLObjectType>();

/**
 * Wraps the resolvers of all lists and reads of a schema, in place and once. It changes only operations whose context has `turns`.
 * Whatever runs the operation, graphql-js or its compiled form, awaits an entry that is a promise.
 */
export function divideIntoTurns(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || divided.has(type)) continue;
    divided.add(type);
    for (const field of Object.values(type.getFields())) {
      const isList = isListType(getNullableType(field.type));
      const size = listSizeOf(field);
      // The types of introspection declare no sizes. All schemas share them, and only contexts of this one have turns.
      if (size === undefined && !(isList && isIntrospectionType(type))) continue;
      const isRead = size !== undefined && size !== 'PAGE' && size.areRows;
      field.resolve = inTurns(field.resolve ?? defaultFieldResolver, { isList, isRead });
    }
  }
}

type Resolver = GraphQLFieldResolver<unknown, unknown>;

function inTurns(
  resolve: Resolver,
  { isList, isRead }: { readonly isList: boolean; readonly isRead: boolean },
): Resolver {
  return (parent, args, context, info) => {
    const turns = (context as GraphqlContext | undefined)?.turns;
    if (turns === undefined) return resolve(parent, args, context, info);
    if (!isRead)
      return isList
        ? entriesInTurns(resolve(parent, args, context, info), turns)
        : resolve(parent, args, context, info);
    return turns.later(undefined).then(async () => {
      const result: unknown = await resolve(parent, args, context, info);
      return isList ? entriesInTurns(result, turns) : result;
    });
  };
}

/** Returns the entries as they are until this turn is over, and those that remain as promises. Each is taken when the one before it is completed. */
function entriesInTurns(list: unknown, turns: Turns): unknown {
  if (list instanceof Promise) return list.then((entries: unknown) => entriesInTurns(entries, turns));
  return Array.isArray(list) ? takeInTurns(list, turns) : list;
}

function* takeInTurns(entries: readonly unknown[], { isOver, later }: Turns): Generator<unknown, void> {
  for (const entry of entries) yield isOver() ? later(entry) : entry;
}
