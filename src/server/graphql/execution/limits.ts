// The limits of one document: counted once per document, through its fragments, and enforced before any resolver runs.

import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type Source,
  type ValueNode,
} from 'graphql';
import { maxEntities } from '../../../core/registries/entities.ts';
import { GraphqlRequestError } from '../errors.ts';

/** Maximum number of tokens. GraphiQL's introspection query has about 300, the richest query of Regway's clients under 200. */
export const maxTokens = 1000;
/** Maximum depth of fields. The deepest path of the API (page, edge, node, report, step, field) has 6 levels. Introspection is not counted, because graphql-js limits it. */
export const maxDepth = 8;
/** Maximum number of aliases. A dashboard needs a handful; many aliases repeat one costly field. */
export const maxAliases = 15;
/** Maximum number of directives. `@include` and `@skip` on some fields are normal; hundreds only cost time. */
export const maxDirectives = 10;
/** Maximum number of root mutation fields. Each can log in to a registry of the caller's choice, so more would serve port scans and password spraying. */
export const maxRootMutationFields = 3;
/** Maximum number of fields, with fragments expanded. Introspection has about 250; one field repeated a thousand times is an attack. */
export const maxFields = 400;
/** Maximum number of validation errors per document. Enough to fix a document; more would reveal much of the schema at once. */
export const maxErrors = 5;

/** The weight of the heaviest operation of a document, with fragments expanded. */
export interface DocumentWeight {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly fields: number;
  readonly rootMutationFields: number;
  /** The number of `_entities` fields in the heaviest operation. A gateway that merges requests sends several. */
  readonly entityCalls: number;
  /** The length of the longest list of representations in the document itself. */
  readonly writtenRepresentations: number;
  /** Whether any operation selects `__schema` or `_service`. */
  readonly asksForSchema: boolean;
  /** Whether any operation selects `__type`. */
  readonly asksForType: boolean;
}

/**
 * Parses a document within the token limit.
 * @throws GraphqlRequestError `LIMIT_EXCEEDED` for too many tokens, GraphQLError for a syntax error.
 */
export function parseWithinLimits(source: string | Source): DocumentNode {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    if (error instanceof GraphQLError && error.message.startsWith('Syntax Error: Document contains more')) {
      throw limitError('TOKENS', `The document has more than ${maxTokens} tokens. Split it.`);
    }
    throw error;
  }
}

/** Returns an error for each limit that a document exceeds; empty if it may run. */
export function brokenLimits(weight: DocumentWeight): GraphqlRequestError[] {
  const limits = [
    { reason: 'DEPTH', value: weight.depth, limit: maxDepth, what: 'levels of fields' },
    { reason: 'ALIASES', value: weight.aliases, limit: maxAliases, what: 'aliases' },
    { reason: 'DIRECTIVES', value: weight.directives, limit: maxDirectives, what: 'directives' },
    { reason: 'FIELDS', value: weight.fields, limit: maxFields, what: 'fields' },
    {
      reason: 'ROOT_MUTATION_FIELDS',
      value: weight.rootMutationFields,
      limit: maxRootMutationFields,
      what: 'mutations',
    },
  ];
  return limits
    .filter(({ value, limit }) => value > limit)
    .map(({ reason, limit, what }) =>
      limitError(reason, `The document has more than ${limit} ${what}, with fragments expanded. Split it.`),
    );
}

/**
 * Returns an error if a request has too many representations of entities; empty if it may run. Their number depends on the
 * request. They are counted before any is read: the longest list among the variables, for whichever argument, times the `_entities` fields.
 */
export function brokenEntityLimits(
  { entityCalls, writtenRepresentations }: DocumentWeight,
  variables: Readonly<Record<string, unknown>> = {},
): GraphqlRequestError[] {
  if (entityCalls === 0) return [];
  const lists = Object.values(variables).map((value) => (Array.isArray(value) ? value.length : 1));
  const representations = lists.reduce(
    (longest, length) => Math.max(longest, length),
    Math.max(writtenRepresentations, 1),
  );
  if (representations * entityCalls <= maxEntities) return [];
  return [
    limitError(
      'REPRESENTATIONS',
      `The request has more than ${maxEntities} representations. Request fewer entities at once.`,
    ),
  ];
}

const weights = new WeakMap<DocumentNode, DocumentWeight>();

/** Weighs a document. The result is cached with the document. */
export function weighDocument(document: DocumentNode): DocumentWeight {
  const known = weights.get(document);
  if (known !== undefined) return known;
  const weight = heaviestOperation(document);
  weights.set(document, weight);
  return weight;
}

/**
 * Creates the error of an exceeded limit. Its status applies to both response media types, because the request is rejected before execution.
 * @param details the cost and the limit as numbers, where the client can read them; the status, which defaults to 400; and when to retry.
 */
export function limitError(
  reason: string,
  message: string,
  { status = 400, retryAfterSeconds, ...numbers }: LimitDetails = {},
): GraphqlRequestError {
  const headers = retryAfterSeconds === undefined ? {} : { headers: { 'Retry-After': String(retryAfterSeconds) } };
  return new GraphqlRequestError('LIMIT_EXCEEDED', message, { reason, status, ...headers, ...numbers });
}

interface LimitDetails {
  readonly status?: number;
  readonly cost?: number;
  readonly limit?: number;
  readonly retryAfterSeconds?: number;
}

interface Weight {
  depth: number;
  aliases: number;
  directives: number;
  fields: number;
  /** The number of fields at the top level of this selection. */
  topFields: number;
  entityCalls: number;
  writtenRepresentations: number;
  asksForSchema: boolean;
  asksForType: boolean;
}

/** Weighs a selection set. Each fragment is weighed once, so a bomb of nested spreads costs no time; its sums may reach Infinity. */
type Weigher = (selections: SelectionSetNode) => Weight;

function heaviestOperation(document: DocumentNode): DocumentWeight {
  const weigh = createWeigher(document);
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const total = {
    depth: 0,
    aliases: 0,
    directives: 0,
    fields: 0,
    rootMutationFields: 0,
    entityCalls: 0,
    writtenRepresentations: 0,
    asksForSchema: false,
    asksForType: false,
  };
  for (const operation of operations) {
    const weight = weigh(operation.selectionSet);
    total.depth = Math.max(total.depth, weight.depth);
    total.aliases = Math.max(total.aliases, weight.aliases);
    total.directives = Math.max(total.directives, weight.directives + definitionDirectives(document, operation));
    total.fields = Math.max(total.fields, weight.fields);
    total.rootMutationFields = Math.max(
      total.rootMutationFields,
      operation.operation === OperationTypeNode.MUTATION ? weight.topFields : 0,
    );
    total.entityCalls = Math.max(total.entityCalls, weight.entityCalls);
    const defaults = longestList((operation.variableDefinitions ?? []).map(({ defaultValue }) => defaultValue));
    total.writtenRepresentations = Math.max(total.writtenRepresentations, weight.writtenRepresentations, defaults);
    total.asksForSchema ||= weight.asksForSchema;
    total.asksForType ||= weight.asksForType;
  }
  return total;
}

function createWeigher(document: DocumentNode): Weigher {
  const fragments = fragmentSelections(document);
  const weighed = new Map<string, Weight>();
  const weigh: Weigher = ({ selections }) =>
    selections.reduce((sum, selection) => add(sum, weighSelection(selection)), nothing);
  const weighFragment = (name: string): Weight => {
    const known = weighed.get(name);
    const selections = fragments.get(name);
    if (known !== undefined || selections === undefined) return known ?? nothing;
    // While a fragment is being weighed, a spread of itself counts nothing. Validation rejects the cycle afterwards.
    weighed.set(name, nothing);
    const weight = weigh(selections);
    weighed.set(name, weight);
    return weight;
  };
  const weighSelection = (selection: SelectionNode): Weight => {
    const directives = selection.directives?.length ?? 0;
    if (selection.kind === Kind.FRAGMENT_SPREAD)
      return add(weighFragment(selection.name.value), { ...nothing, directives });
    const inner = selection.selectionSet === undefined ? nothing : weigh(selection.selectionSet);
    if (selection.kind === Kind.INLINE_FRAGMENT) return add(inner, { ...nothing, directives });
    return weighField(selection, inner);
  };
  return weigh;
}

function weighField(
  { name: { value: name }, alias, arguments: args = [], directives = [] }: FieldNode,
  inner: Weight,
): Weight {
  const asksForSchema = schemaFields.has(name);
  const asksForType = name === '__type';
  return {
    depth: asksForSchema || asksForType ? 1 : inner.depth + 1,
    aliases: inner.aliases + (alias === undefined ? 0 : 1),
    directives: inner.directives + directives.length,
    fields: inner.fields + 1,
    topFields: 1,
    entityCalls: name === '_entities' ? 1 : inner.entityCalls,
    writtenRepresentations:
      name === '_entities' ? longestList(args.map(({ value }) => value)) : inner.writtenRepresentations,
    asksForSchema: asksForSchema || inner.asksForSchema,
    asksForType: asksForType || inner.asksForType,
  };
}

/** The two ways to read the whole schema. */
const schemaFields: ReadonlySet<string> = new Set(['__schema', '_service']);

function longestList(values: readonly (ValueNode | undefined)[]): number {
  return values.reduce((longest, value) => Math.max(longest, value?.kind === Kind.LIST ? value.values.length : 0), 0);
}

const nothing: Weight = {
  depth: 0,
  aliases: 0,
  directives: 0,
  fields: 0,
  topFields: 0,
  entityCalls: 0,
  writtenRepresentations: 0,
  asksForSchema: false,
  asksForType: false,
};

function add(one: Weight, other: Weight): Weight {
  return {
    depth: Math.max(one.depth, other.depth),
    aliases: one.aliases + other.aliases,
    directives: one.directives + other.directives,
    fields: one.fields + other.fields,
    topFields: one.topFields + other.topFields,
    entityCalls: one.entityCalls + other.entityCalls,
    writtenRepresentations: Math.max(one.writtenRepresentations, other.writtenRepresentations),
    asksForSchema: one.asksForSchema || other.asksForSchema,
    asksForType: one.asksForType || other.asksForType,
  };
}

function fragmentSelections(document: DocumentNode): ReadonlyMap<string, SelectionSetNode> {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map(({ name, selectionSet }) => [name.value, selectionSet]));
}

/** Counts the directives on the operation, its variables, and all fragment definitions. */
function definitionDirectives(document: DocumentNode, operation: OperationDefinitionNode): number {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const places = [operation, ...(operation.variableDefinitions ?? []), ...fragments];
  return places.reduce((sum, { directives = [] }) => sum + directives.length, 0);
}
