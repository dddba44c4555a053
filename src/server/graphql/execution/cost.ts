// Counts what a request can cost before anything runs: the rows that it reads and the fields of its response, with every page at its size.

import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  isCompositeType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import type { GraphqlRequestError } from '../errors.ts';
import { isScan, type ListSize, listSizeOf } from '../schema/builder.ts';
import { countIntrospection } from './introspection-cost.ts';
import { limitError } from './limits.ts';

/** Maximum number of rows that a request reads: as many as the largest page has if each of its entries has a largest page. */
export const maxRows = 10_000;
/** Maximum number of fields of a response: as many as the largest page has if each of its entries has all 400 fields of a document. */
export const maxResponseFields = 40_000;

/** Maximum number of counts of whole lists in a request. Each reads all entries that match: of a million registries, some tenths of a second. */
export const maxScans = 10;
/** What one field of introspection counts as, because counting them reads the schema: at most 13,333, more than twice the whole schema, in some 20 ms. */
const introspectionWeight = 3;
/** Above these an operation is large: completing 2,500 fields takes some 10 ms, and reading 200 rows as much. A page of 100 with all columns has fewer. */
const largeFields = 2_500;
const largeRows = 200;

/** The upper bound of what one operation reads and returns. */
export interface Cost {
  /** Entries of the longest lists on each path: the product of the sizes on the path, summed over paths. */
  readonly rows: number;
  /** Fields and entries of lists of scalars, each as often as the entries that it belongs to. */
  readonly fields: number;
  /** Counts of whole lists, such as `totalCount`, each as often as the entries that it belongs to. */
  readonly scans: number;
}

/** What the cost of an operation means. */
export interface CostVerdict {
  /** An error for each limit that it exceeds; empty if it may run. */
  readonly errors: readonly GraphqlRequestError[];
  /** Whether it takes so long that it must let other requests go between. */
  readonly isLarge: boolean;
}

/** Judges the cost of an operation with these variables. */
export type CostLimits = (
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables?: Readonly<Record<string, unknown>>,
) => CostVerdict;

/** Creates the cost limits of one schema. An operation without variables, or small whatever they are, is counted once. */
export function createCostLimits(schema: GraphQLSchema): CostLimits {
  const worst = new WeakMap<OperationDefinitionNode, CostVerdict>();
  return (document, operation, variables = {}) => {
    let verdict = worst.get(operation);
    if (verdict === undefined) {
      verdict = judge(costOf(schema, document, operation, 'ANY'));
      worst.set(operation, verdict);
    }
    const isFixed =
      (operation.variableDefinitions ?? []).length === 0 || (verdict.errors.length === 0 && !verdict.isLarge);
    return isFixed ? verdict : judge(costOf(schema, document, operation, variables));
  };
}

function judge(cost: Cost): CostVerdict {
  return { errors: brokenBy(cost), isLarge: cost.fields > largeFields || cost.rows > largeRows };
}

function brokenBy({ rows, fields, scans }: Cost): GraphqlRequestError[] {
  const smaller = 'Request smaller pages, or fewer nested lists at once.';
  const limits = [
    ['ROWS', rows, maxRows, 'read', 'rows', smaller],
    ['RESPONSE_FIELDS', fields, maxResponseFields, 'return', 'fields', smaller],
    ['SCANS', scans, maxScans, 'count', 'lists', 'Request `totalCount` of fewer lists at once.'],
  ] as const;
  return limits
    .filter(([, cost, limit]) => cost > limit)
    .map(([reason, cost, limit, verb, what, hint]) =>
      limitError(
        reason,
        `The request can ${verb} up to ${cost} ${what}, which exceeds the limit of ${limit}. ${hint}`,
        { cost, limit },
      ),
    );
}

/**
 * Counts the cost of an operation of a valid document. A value that the server rejects by itself, such as a page of 101, counts as no entries.
 * @param variables the variables as sent, or `ANY` for the most that any variables can cost.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>> | 'ANY',
): Cost {
  const root = schema.getRootType(operation.operation);
  if (!root) return nothing;
  const fragments = new Map(
    document.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  return selectionCost(
    { schema, fragments, read: variableReader(operation, variables) },
    [operation.selectionSet],
    root,
  );
}

/** Stands for a value that is not known yet. */
const anyValue = Symbol('any value');

interface Counting {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Reads a value of the document: its variables are `anyValue` if they are not known. */
  readonly read: (value: ValueNode) => unknown;
}

const nothing: Cost = { rows: 0, fields: 0, scans: 0 };

/** Variables are read as they were sent, because a value of another type is rejected before anything runs. */
function variableReader(
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>> | 'ANY',
): Counting['read'] {
  const values: Record<string, unknown> = Object.create(null);
  for (const { variable, defaultValue } of variableDefinitions) {
    const name = variable.name.value;
    if (variables === 'ANY') values[name] = anyValue;
    else if (Object.hasOwn(variables, name)) values[name] = variables[name];
    else if (defaultValue !== undefined) values[name] = valueFromASTUntyped(defaultValue);
  }
  return (value) => valueFromASTUntyped(value, values);
}

/** Counts what is selected on one value of a type; of an abstract type, what the costliest of its types costs. */
function selectionCost(
  counting: Counting,
  selections: readonly SelectionSetNode[],
  type: GraphQLCompositeType,
  page = 1,
): Cost {
  const types = isAbstractType(type) ? counting.schema.getPossibleTypes(type) : [type];
  return types
    .map((possible) =>
      [...mergeFields(counting, selections, possible).values()]
        .map((nodes) => fieldCost(counting, possible, nodes, page))
        .reduce(add, nothing),
    )
    .reduce(costliest, nothing);
}

/** @param page the entries of the page whose connection is the parent. */
function fieldCost(
  counting: Counting,
  parent: GraphQLObjectType,
  nodes: readonly [FieldNode, ...FieldNode[]],
  page: number,
): Cost {
  const [node] = nodes;
  const field = parent.getFields()[node.name.value];
  if (field === undefined)
    return { ...nothing, fields: 1 + introspectionWeight * introspectionFields(counting, nodes) };
  const type = getNamedType(field.type);
  const declared = listSizeOf(field);
  const isList = isListType(getNullableType(field.type));
  const size = declared === undefined ? 1 : declared === 'PAGE' ? page : sizeOf(counting, declared, field, node);
  const selections = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  if (!isCompositeType(type)) return { rows: 0, fields: Math.max(size, 1), scans: isScan(field) ? 1 : 0 };
  const entry = selectionCost(counting, selections, type, isList ? 1 : size);
  const times = isList ? size : 1;
  const ownRows = declared !== undefined && declared !== 'PAGE' && declared.areRows ? size : 0;
  return {
    rows: Math.max(ownRows, times * entry.rows),
    fields: 1 + times * entry.fields,
    scans: times * entry.scans,
  };
}

function introspectionFields({ schema, fragments, read }: Counting, nodes: readonly FieldNode[]): number {
  const field = [SchemaMetaFieldDef, TypeMetaFieldDef].find(({ name }) => name === nodes[0]?.name.value);
  if (field === undefined) return 0;
  const merge = (selections: readonly SelectionSetNode[], type: GraphQLObjectType) =>
    mergeFields({ schema, fragments, read }, selections, type);
  const name = nodes[0]?.arguments?.map(({ value }) => read(value))[0];
  // The name decides which type is shown, so that the cost of any is not known.
  if (name === anyValue) return Number.POSITIVE_INFINITY;
  return countIntrospection({ schema, merge, most: Math.ceil(maxResponseFields / introspectionWeight) }, field, nodes, {
    name,
  });
}

/** Returns the number of entries that the arguments name. */
function sizeOf(
  { read }: Counting,
  { most, usual, arguments: names }: ListSize,
  { args }: GraphQLField<unknown, unknown>,
  node: FieldNode,
): number {
  if (names.length === 0) return most;
  const sizes = args
    .filter(({ name }) => names.includes(name))
    .map(({ name, type, defaultValue }) => {
      const written = node.arguments?.find((argument) => argument.name.value === name);
      const value = (written && read(written.value)) ?? (written === undefined ? defaultValue : undefined);
      if (value === undefined || value === null) return undefined;
      if (value === anyValue) return most;
      if (isListType(getNullableType(type))) return Math.min(Array.isArray(value) ? value.length : 1, most);
      const isAccepted = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most;
      return isAccepted ? Number(value) : 0;
    })
    .filter((size) => size !== undefined);
  return sizes.length === 0 ? usual : Math.max(...sizes);
}

/** Collects the fields that are selected on a type by response name, as execution does (GraphQL October 2021 §6.3.2). */
function mergeFields(
  { schema, fragments, read }: Counting,
  selectionSets: readonly SelectionSetNode[],
  type: GraphQLObjectType,
): Map<string, [FieldNode, ...FieldNode[]]> {
  const fields = new Map<string, [FieldNode, ...FieldNode[]]>();
  const visited = new Set<string>();
  const applies = (condition: string | undefined): boolean => {
    const named = condition === undefined ? type : schema.getType(condition);
    return named === type || (isAbstractType(named) && schema.isSubType(named, type));
  };
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (!isSelected(selection.directives, read)) continue;
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        const known = fields.get(key);
        if (known === undefined) fields.set(key, [selection]);
        else known.push(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        if (applies(selection.typeCondition?.name.value)) collect(selection.selectionSet);
      } else if (!visited.has(selection.name.value)) {
        visited.add(selection.name.value);
        const fragment = fragments.get(selection.name.value);
        if (fragment !== undefined && applies(fragment.typeCondition.name.value)) collect(fragment.selectionSet);
      }
    }
  };
  selectionSets.forEach(collect);
  return fields;
}

/** Returns whether `@skip` and `@include` keep a selection (§3.13.1, §3.13.2). A condition that is not known keeps it. */
function isSelected(directives: readonly DirectiveNode[] = [], read: Counting['read']): boolean {
  return directives.every(({ name, arguments: args = [] }) => {
    const condition = args.map(({ value }) => read(value))[0];
    if (condition === anyValue) return true;
    return name.value === 'skip' ? condition !== true : name.value === 'include' ? condition !== false : true;
  });
}

function add(one: Cost, other: Cost): Cost {
  return { rows: one.rows + other.rows, fields: one.fields + other.fields, scans: one.scans + other.scans };
}

function costliest(one: Cost, other: Cost): Cost {
  return {
    rows: Math.max(one.rows, other.rows),
    fields: Math.max(one.fields, other.fields),
    scans: Math.max(one.scans, other.scans),
  };
}
