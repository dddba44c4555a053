// Builds a schema with every construct of GraphQL, whose resolvers return every kind of value and of failure, by a seed.

import { buildSchema, GraphQLScalarType, isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { Problem } from '../../../src/core/shared/problem.ts';
import { randomOf } from './execution/query-generator.ts';

/** Everything that a schema can hold, and by a seed every way in which a value can be had or missed. */
export function hostileSchema(): GraphQLSchema {
  const schema = buildSchema(`
    scalar Odd
    enum Color { RED GREEN BLUE }
    input Shape { color: Color! = RED sides: [Int!] inner: Shape odd: Odd label: String }
    interface Named { name: String! peer(shape: Shape): Named }
    interface Sized implements Named { name: String! peer(shape: Shape): Named size: Int! }
    type Cat implements Named & Sized { name: String! peer(shape: Shape): Cat size: Int! color: Color! friends(first: Int = 2): [Named!]! any: [Any] odd: Odd lives: [[Int!]!] }
    type Dog implements Named { name: String! peer(shape: Shape): Named owner: Cat! many(of: [Color!], ids: [ID!]! = ["a"]): [Dog]! any: Any good: Boolean }
    union Any = Cat | Dog
    type Query { cat(id: ID, shape: Shape): Cat dog(color: Color! = BLUE): Dog! named: Named any(odd: Odd): Any cats: [Cat!] number(value: Float): Float text: String! }
  `);
  const odd = schema.getType('Odd') as GraphQLScalarType;
  odd.parseValue = (value) => {
    if (typeof value !== 'string' || value === '') throw new TypeError('An Odd is a text.');
    return { odd: value };
  };
  odd.serialize = (value) => {
    if (value === 'bad') throw new TypeError('not an Odd');
    return value;
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      // Half of the fields are read from the parent, as Regway's exposed fields are.
      if (type.name === 'Query' || ['peer', 'size', 'friends', 'lives', 'good', 'many'].includes(field.name))
        field.resolve = resolverOf(field.type.toString(), field.name);
    }
  }
  return schema;
}

interface Parent {
  readonly path: string;
  readonly seed: number;
}

/** The behavior of the resolvers of one query. An immediate failure next to a later one in a list escapes graphql-js as an unhandled rejection. */
const modes = ['sync', 'async', 'mixed without failures'] as const;

/** The same outcome for the same seed, place and arguments, now or later, good or bad. */
function resolverOf(type: string, name: string): GraphQLFieldResolver<Parent | undefined, { seed: number }> {
  return (parent, args, { seed }) => {
    const path = `${parent?.path ?? ''}/${name}${sorted(args)}`;
    const random = randomOf(hash(path) ^ seed);
    const mode = modeOf(seed);
    const faults = mode === 'mixed without failures' ? 0 : 1;
    const outcome = () => {
      if (random() < 0.04 * faults)
        throw random() < 0.5 ? new Problem('NOT_FOUND', `nothing at ${name}`) : new Error(`fault at ${name}`);
      return random() < 0.02 * faults
        ? new Error(`an error as a value of ${name}`)
        : valueFor(type, { path, seed, faults, late: mode === 'mixed without failures' ? 0.1 : 0 }, random);
    };
    return mode === 'async' || (mode !== 'sync' && random() < 0.4) ? Promise.resolve().then(outcome) : outcome();
  };
}

function sorted(args: object): string {
  return JSON.stringify(args, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

function modeOf(seed: number): (typeof modes)[number] {
  return modes[Math.abs(seed) % modes.length] ?? 'sync';
}

function hash(text: string): number {
  let sum = 17;
  for (const character of text) sum = (Math.imul(sum, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return sum;
}

interface Place extends Parent {
  /** 0 where nothing may fail, 1 elsewhere. */
  readonly faults: number;
  /** Share of list items that come later. */
  readonly late: number;
  /** Whether it hangs in an object rather than on a resolver. */
  readonly isNested?: boolean;
}

function valueFor(type: string, place: Place, random: () => number): unknown {
  const { path, faults, late } = place;
  if (random() < (type.endsWith('!') ? 0.02 * faults : 0.12)) return random() < 0.5 ? null : undefined;
  const inner = type.replace(/!$/, '');
  if (inner.startsWith('[')) {
    if (random() < 0.02 * faults) return 'no list';
    const items = Array.from({ length: Math.floor(random() * 4) }, (_, index) =>
      valueFor(
        inner.slice(1, -1),
        { ...place, path: `${path}/${index}`, faults: modeOf(place.seed) === 'sync' ? faults : 0 },
        random,
      ),
    );
    return items.map((item) => (random() < late ? Promise.resolve(item) : item));
  }
  if (random() < 0.02 * faults) return { nothing: 'of this type' };
  switch (inner) {
    case 'Int':
      return Math.floor(random() * 100);
    case 'Float':
      return random();
    case 'Boolean':
      return random() < 0.5;
    case 'Color':
      return random() < 0.03 * faults ? 'PINK' : 'GREEN';
    case 'Odd':
      return random() < 0.1 * faults ? 'bad' : 'odd';
    case 'String':
      return 'text';
    default:
      return objectFor(inner, place, random);
  }
}

function objectFor(type: string, place: Place, random: () => number): object {
  const { path, seed, faults } = place;
  const typename =
    type === 'Cat' || type === 'Dog' ? type : random() < 0.03 * faults ? 'Shape' : random() < 0.5 ? 'Cat' : 'Dog';
  // Fields of this object fail immediately.
  const own = { ...place, faults: modeOf(seed) === 'sync' ? 1 : 0 };
  const leaf = (of: string) => valueFor(of, own, random);
  const nested = (of: string, name: string) =>
    place.isNested ? null : objectFor(of, { ...own, path: `${path}/${name}`, isNested: true }, random);
  return {
    __typename: typename,
    path,
    seed,
    name: leaf('String!'),
    color: leaf('Color!'),
    odd: leaf('Odd'),
    owner: nested('Cat', 'owner') ?? { __typename: 'Cat' },
    any: nested('Any', 'any'),
  };
}
