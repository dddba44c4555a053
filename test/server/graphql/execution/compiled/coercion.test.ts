// Arguments that are read by a plan equal those that graphql-js reads, for any document and any variables.

import {
  buildSchema,
  getArgumentValues,
  GraphQLScalarType,
  Kind,
  parse,
  valueFromASTUntyped,
  type FieldNode,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createArgumentReader } from '../../../../../src/server/graphql/execution/compiled/coercion.ts';

const schema = buildSchema(`
  scalar Any
  scalar When
  enum Color { RED BLUE }
  input Shape { sides: Int = 3 label: String }
  type Query { all(number: Int, size: Int! = 7, needed: String, text: String!, list: [Int!], shape: Shape, any: Any, when: When, color: Color = BLUE, toString: ID): String }
`);
// Its literals become a text, in which a variable would be lost if it were read once.
(schema.getType('Any') as GraphQLScalarType).parseLiteral = (node, variables) =>
  JSON.stringify(valueFromASTUntyped(node, variables));
(schema.getType('When') as GraphQLScalarType).parseLiteral = (node) => new Date(Number(valueFromASTUntyped(node)));
const field = schema.getQueryType()?.getFields()['all'];

const inDocument = [
  'text: $a',
  'text: "t", number: 5, size: 6, needed: null, color: RED, toString: "id"',
  'text: $a, number: $b',
  'text: $a, size: $b',
  'text: $a, color: $c',
  'text: $a, toString: $constructor',
  'text: $a, list: [$b]',
  'text: $a, list: $l',
  'text: $a, list: 4',
  'text: $a, shape: { sides: $b }',
  'text: $a, shape: $s',
  'text: $a, shape: {}',
  'text: $a, any: { k: $b }',
  'text: $a, any: [$b]',
  'text: $a, any: $b',
  'text: $a, any: 1.5',
  'text: $a, when: 0',
  'text: "t", number: "no number"',
  'number: 1',
];
const sent: readonly Record<string, unknown>[] = [
  {},
  { a: 'x' },
  { a: null, b: null, c: null, l: null, s: null },
  { a: 'x', b: 9, c: 'RED', l: [1, 2], s: { sides: 4, label: null }, constructor: 'c' },
  { a: 'x', b: null, c: null, l: [], s: null, constructor: null },
];

function outcomeOf(read: () => unknown): unknown {
  try {
    return { values: read() };
  } catch (error) {
    return { message: (error as Error).message };
  }
}

function fieldIn(text: string) {
  const [operation] = parse(`{ all(${text}) }`).definitions;
  const node =
    operation?.kind === Kind.OPERATION_DEFINITION ? (operation.selectionSet.selections[0] as FieldNode) : undefined;
  if (field === undefined || node === undefined) throw new Error('the field is there');
  return { field, node };
}

describe.each(inDocument)('all(%s)', (text) => {
  const { field: all, node } = fieldIn(text);
  const read = createArgumentReader(all);

  it.each(sent)('with %j, the first time and the next', (variables) => {
    const expected = outcomeOf(() => getArgumentValues(all, node, variables));
    for (let time = 0; time < 2; time += 1) expect(outcomeOf(() => read(node, variables))).toEqual(expected);
  });
});

it('a value that a resolver could change is created again for the next one', () => {
  const { field: all, node } = fieldIn('text: $a, when: 0');
  const read = createArgumentReader(all);
  const [one, other] = [read(node, { a: 'x' }), read(node, { a: 'x' })];
  expect(one['when']).toEqual(new Date(0));
  expect(one).not.toBe(other);
  expect(one['when']).not.toBe(other['when']);
});
