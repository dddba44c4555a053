// Generates valid queries over any schema from a seed: aliases, fragments of both kinds, directives, and variables wherever they are allowed.

import {
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isAbstractType,
  isScalarType,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

export interface GeneratedQuery {
  readonly text: string;
  readonly variables: Record<string, unknown>;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const maxDepth = 3;
/** Names that generated code could stumble over. */
const aliases = [
  'a',
  'b',
  'c',
  'id',
  'length',
  'constructor',
  'toString',
  'then',
  'message',
  '__proto__',
  'data',
  'errors',
  '_',
  'idx0',
  'a_b',
];
const texts = ['', 'a', 'docker.io', 'not a "text"\n', '__proto__', '🦭'];

/** @param scalars values for the custom scalars, good and bad, by the name of the scalar. */
export function generateQuery(
  schema: GraphQLSchema,
  seed: number,
  scalars: Readonly<Record<string, readonly unknown[]>> = {},
): GeneratedQuery {
  const random = randomOf(seed);
  const chance = (share: number) => random() < share;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  // A condition somewhere keeps the whole query from being compiled.
  const hasDirectives = chance(0.25);
  const definitions: string[] = [];
  const fragments: string[] = [];
  const variables: Record<string, unknown> = {};

  const valueOf = (type: GraphQLInputType, mayBeWrong: boolean): unknown => {
    if (isNonNullType(type)) return valueOf(type.ofType, mayBeWrong);
    if (chance(0.15)) return null;
    if (mayBeWrong && chance(0.05))
      return pick<unknown>([{}, [], 'x', 1.5, true, 2 ** 40, { nothing: 1 }, [null], [[1]]]);
    if (isListType(type))
      return chance(0.2)
        ? valueOf(type.ofType, mayBeWrong)
        : Array.from({ length: Math.floor(random() * 3) }, () => valueOf(type.ofType, mayBeWrong));
    if (isEnumType(type)) return pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => (isNonNullType(field.type) && field.defaultValue === undefined) || chance(0.5),
      );
      return Object.fromEntries(fields.map((field) => [field.name, nonNullValueOf(field.type, mayBeWrong)]));
    }
    switch (isScalarType(type) ? type.name : '') {
      case 'Int':
        return pick([0, 1, -1, 7, 50, 2 ** 31 - 1]);
      case 'Float':
        return pick([0, 1.5, -2, 1e9]);
      case 'Boolean':
        return chance(0.5);
      case 'ID':
        return chance(0.5) ? pick(texts) : pick([0, 12, -3]);
      case 'String':
        return pick(texts);
      default:
        return pick(scalars[type.name] ?? ['x']);
    }
  };
  const nonNullValueOf = (type: GraphQLInputType, mayBeWrong: boolean): unknown => {
    for (;;) {
      const value = valueOf(type, mayBeWrong);
      if (value !== null || !isNonNullType(type)) return value;
    }
  };

  /** A literal without a text in it, or undefined. Documents with texts are never compiled. */
  const literalOf = (type: GraphQLInputType, depth = 0): string | undefined => {
    if (isNonNullType(type)) return literalOf(type.ofType, depth);
    if (isEnumType(type)) return pick(type.getValues()).name;
    if (isScalarType(type) && ['Int', 'Float'].includes(type.name)) return String(pick([0, 1, -1, 20]));
    if (isScalarType(type) && type.name === 'Boolean') return String(chance(0.5));
    if (isScalarType(type) && type.name === 'ID') return '12';
    if (isListType(type)) {
      const item = literalOf(type.ofType, depth);
      return item === undefined ? undefined : pick([`[${item}]`, `[${item}, ${item}]`, '[]', item]);
    }
    if (!isInputObjectType(type) || depth > 2) return undefined;
    const fields = Object.values(type.getFields()).map((field) => ({
      field,
      literal: literalOf(field.type, depth + 1),
    }));
    if (
      fields.some(
        ({ field, literal }) => literal === undefined && isNonNullType(field.type) && field.defaultValue === undefined,
      )
    )
      return undefined;
    const given = fields.filter(
      ({ field, literal }) =>
        literal !== undefined && ((isNonNullType(field.type) && field.defaultValue === undefined) || chance(0.5)),
    );
    return `{ ${given.map(({ field, literal }) => `${field.name}: ${literal}`).join(', ')} }`;
  };

  const variableFor = (type: GraphQLInputType): string => {
    const name = `v${definitions.length}`;
    const literal = chance(0.3) ? literalOf(type) : undefined;
    const strict = isNonNullType(type) || !chance(0.2) ? String(type) : `${String(type)}!`;
    definitions.push(`$${name}: ${strict}${literal === undefined ? '' : ` = ${literal}`}`);
    if (!chance(literal === undefined ? 0.1 : 0.4))
      variables[name] = isNonNullType(type) ? nonNullValueOf(type, true) : valueOf(type, true);
    return `$${name}`;
  };

  const argumentsOf = (args: readonly GraphQLArgument[]): string => {
    const given = args.filter(
      ({ type, defaultValue }) => (isNonNullType(type) && defaultValue === undefined) || chance(0.6),
    );
    const printed = given.map(
      ({ name, type }) => `${name}: ${(chance(0.4) ? literalOf(type) : undefined) ?? variableFor(type)}`,
    );
    return printed.length === 0 ? '' : `(${printed.join(', ')})`;
  };

  const directives = (): string => {
    if (!hasDirectives || !chance(0.2)) return '';
    const one = (name: string) => `@${name}(if: ${chance(0.5) ? String(chance(0.5)) : booleanVariable()})`;
    return ` ${chance(0.2) ? `${one('skip')} ${one('include')}` : one(pick(['skip', 'include']))}`;
  };
  const booleanVariable = (): string => {
    const name = `v${definitions.length}`;
    definitions.push(`$${name}: Boolean!${chance(0.3) ? ' = true' : ''}`);
    variables[name] = chance(0.5);
    return `$${name}`;
  };

  const fieldOf = (field: GraphQLField<unknown, unknown>, depth: number): string | undefined => {
    const inner = getNamedType(field.type);
    const nested = isCompositeType(inner) ? selectionsOf(inner, depth + 1) : '';
    if (nested === undefined) return undefined;
    const alias = chance(0.15) ? `${pick(aliases)}: ` : '';
    return `${alias}${field.name}${argumentsOf(field.args)}${directives()}${nested === '' ? '' : ` ${nested}`}`;
  };

  const possible = (type: GraphQLCompositeType): readonly GraphQLObjectType[] =>
    isAbstractType(type) ? schema.getPossibleTypes(type) : [type as GraphQLObjectType];

  const partOf = (type: GraphQLCompositeType, depth: number): string | undefined => {
    if (chance(0.08)) return `${chance(0.4) ? `${pick(aliases)}: ` : ''}__typename${directives()}`;
    if (chance(0.2)) {
      const target = chance(0.5)
        ? type
        : pick([...possible(type), ...possible(type).flatMap((one) => one.getInterfaces())]);
      const nested = selectionsOf(target, depth);
      if (nested === undefined) return undefined;
      if (chance(0.5))
        return `... ${chance(0.2) && target === type ? '' : `on ${target.name}`}${directives()} ${nested}`;
      const name = `F${fragments.length}`;
      fragments.push(`fragment ${name} on ${target.name} ${nested}`);
      return `...${name}${directives()}${chance(0.2) ? ` ...${name}` : ''}`;
    }
    if (!('getFields' in type)) return undefined;
    const fields = Object.values(type.getFields());
    const chosen = pick(
      depth >= maxDepth ? fields.filter(({ type: of }) => !isCompositeType(getNamedType(of))) : fields,
    );
    return chosen === undefined ? undefined : fieldOf(chosen, depth);
  };

  const selectionsOf = (type: GraphQLCompositeType, depth: number): string | undefined => {
    if (depth > maxDepth) return undefined;
    const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => partOf(type, depth)).filter(
      (part) => part !== undefined,
    );
    return parts.length === 0 ? '{ __typename }' : `{ ${parts.join(' ')} }`;
  };

  const root = schema.getQueryType();
  const body = root ? selectionsOf(root, 0) : undefined;
  const name = chance(0.5) ? ` Q${Math.floor(random() * 3)}` : '';
  const text = `query${name}${definitions.length === 0 ? '' : ` (${definitions.join(', ')})`} ${body} ${fragments.join(' ')}`;
  return { text, variables };
}
