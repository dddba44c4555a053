// The scalar `Secret`: goes in and never comes out. No error of it names the value.

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { Secret } from '../../../core/shared/secret.ts';

export const secretScalar: GraphQLScalarType<Secret, never> = new GraphQLScalarType<Secret, never>({
  name: 'Secret',
  description: 'A password or token, given as a string (better in a variable than in the document). It only goes in: no answer, error or log ever shows it.',
  parseValue(value) {
    if (typeof value !== 'string') throw notAString();
    return new Secret(value);
  },
  parseLiteral(node) {
    // A plain Error here would make graphql-js print the literal.
    if (node.kind !== Kind.STRING) throw notAString(node);
    return new Secret(node.value);
  },
  serialize() {
    throw new Error('A Secret is never an answer.');
  },
});

function notAString(node?: ValueNode): GraphQLError {
  return new GraphQLError('A Secret must be a string.', { nodes: node ?? null });
}
