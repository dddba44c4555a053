// What one document may ask for: counted once per document, through its fragments, and refused before any resolver runs.

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
import { maxCandidates } from '../../../core/registries/explain.ts';
import { maxPageSize } from '../../../core/shared/input.ts';
import { GraphqlRequestError } from '../errors.ts';

/** A GraphiQL introspection query has about 300 tokens, a rich query of ours under 200. */
export const maxTokens = 1000;
/** Our deepest path (page, edge, node, report, step, field) has 6 levels. Introspection is not counted: graphql-js guards it. */
export const maxDepth = 8;
/** A dashboard asks for a handful of things at once; many aliases repeat one costly field. */
export const maxAliases = 15;
/** `@include` and `@skip` on some fields are normal; a heap of directives only costs time. */
export const maxDirectives = 10;
/** Each root mutation may log in to a foreign registry: more of them make a port scanner and password sprayer. */
export const maxRootMutationFields = 3;
/** Fields after opening fragments. Introspection opens to about 250; repeating one field a thousand times is an attack. */
export const maxFields = 400;
/** Ten of our largest pages. A gateway asks for all entities of its answer at once, and some repeat those that occur twice. */
export const maxRepresentations = 1000;
/** As much as the largest page of registries can answer: 100 of them with 400 fields. */
export const maxEntityFields = 40_000;
/** Enough to mend a document; more would tell a prober much at once. */
export const maxErrors = 5;

/** The weight of the heaviest operation of a document, fragments opened. */
export interface DocumentWeight {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly fields: number;
  readonly rootMutationFields: number;
  /** How often the heaviest operation has `_entities`; a gateway that merges requests has it several times. */
  readonly entityCalls: number;
  /** Fields asked of each entity, lists inside counted at their length; zero without `_entities`. */
  readonly entityFields: number;
  /** The longest list of representations that is written in the document itself. */
  readonly writtenRepresentations: number;
  /** Whether any operation asks for `__schema` or `_service`. */
  readonly asksForSchema: boolean;
  /** Whether any operation asks for `__type`. */
  readonly asksForType: boolean;
}

/**
 * Parses within the token limit.
 * @throws RestRequestError `LIMIT_EXCEEDED` for too many tokens, GraphQLError for a syntax error.
 */
export function parseWithinLimits(source: string | Source): DocumentNode {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    if (error instanceof GraphQLError && error.message.startsWith('Syntax Error: Document contains more')) {
      throw limitError('TOKENS', `The document has more than ${maxTokens} tokens; split it.`);
    }
    throw error;
  }
}

/** The limits that a document breaks; empty when it may run. */
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
      limitError(reason, `The document asks for more than ${limit} ${what}, fragments opened; split it.`),
    );
}

/**
 * The limits that a request for entities breaks; only it knows how many representations come with it. They are counted before
 * any of them is looked at: the longest list among the variables, whichever it is for, once for each `_entities`.
 */
export function brokenEntityLimits(
  { entityCalls, entityFields, writtenRepresentations }: DocumentWeight,
  variables: Readonly<Record<string, unknown>> = {},
): GraphqlRequestError[] {
  if (entityCalls === 0) return [];
  const lists = Object.values(variables).map((value) => (Array.isArray(value) ? value.length : 1));
  const representations = lists.reduce(
    (longest, length) => Math.max(longest, length),
    Math.max(writtenRepresentations, 1),
  );
  if (representations * entityCalls > maxRepresentations) {
    return [
      limitError(
        'REPRESENTATIONS',
        `The request has more than ${maxRepresentations} representations; ask for fewer entities at once.`,
      ),
    ];
  }
  if (representations * entityFields <= maxEntityFields) return [];
  return [
    limitError(
      'ENTITY_FIELDS',
      `The request asks for more than ${maxEntityFields} fields of entities, all representations together; ask for fewer entities, or less of each.`,
    ),
  ];
}

const weights = new WeakMap<DocumentNode, DocumentWeight>();

/** Weighs a document; remembered with it, as documents are cached. */
export function weighDocument(document: DocumentNode): DocumentWeight {
  const known = weights.get(document);
  if (known !== undefined) return known;
  const weight = heaviestOperation(document);
  weights.set(document, weight);
  return weight;
}

/** The error of a broken limit. The status holds for both response media types: the request was refused before it began. */
export function limitError(reason: string, message: string, status = 400): GraphqlRequestError {
  return new GraphqlRequestError('LIMIT_EXCEEDED', message, { reason, status });
}

interface Weight {
  depth: number;
  aliases: number;
  directives: number;
  fields: number;
  /** Fields at the top of this selection. */
  topFields: number;
  /** As `fields`, but a list counts its length. */
  listedFields: number;
  entityCalls: number;
  entityFields: number;
  writtenRepresentations: number;
  asksForSchema: boolean;
  asksForType: boolean;
}

/** What opening a selection set costs. Each fragment is weighed once, so a bomb of nested spreads costs no time; its sums may reach Infinity. */
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
    entityFields: 0,
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
    total.entityFields = Math.max(total.entityFields, weight.entityFields);
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
    // Until it is weighed, a spread of itself counts nothing; validation refuses the circle afterwards.
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
    listedFields: inner.listedFields * (listLengths.get(name) ?? 1) + 1,
    entityCalls: name === '_entities' ? 1 : inner.entityCalls,
    entityFields: name === '_entities' ? inner.listedFields : inner.entityFields,
    writtenRepresentations:
      name === '_entities' ? longestList(args.map(({ value }) => value)) : inner.writtenRepresentations,
    asksForSchema: asksForSchema || inner.asksForSchema,
    asksForType: asksForType || inner.asksForType,
  };
}

/** The two ways to read the whole schema. */
const schemaFields: ReadonlySet<string> = new Set(['__schema', '_service']);

/** Lists that an entity holds, by the name of the field, at their longest. */
export const listLengths: ReadonlyMap<string, number> = new Map([
  ['auditEvents', maxPageSize],
  ['candidates', maxCandidates],
  ['steps', 10],
  ['uses', maxPageSize],
]);

function longestList(values: readonly (ValueNode | undefined)[]): number {
  return values.reduce((longest, value) => Math.max(longest, value?.kind === Kind.LIST ? value.values.length : 0), 0);
}

const nothing: Weight = {
  depth: 0,
  aliases: 0,
  directives: 0,
  fields: 0,
  topFields: 0,
  listedFields: 0,
  entityCalls: 0,
  entityFields: 0,
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
    listedFields: one.listedFields + other.listedFields,
    entityCalls: one.entityCalls + other.entityCalls,
    entityFields: one.entityFields + other.entityFields,
    writtenRepresentations: Math.max(one.writtenRepresentations, other.writtenRepresentations),
    asksForSchema: one.asksForSchema || other.asksForSchema,
    asksForType: one.asksForType || other.asksForType,
  };
}

function fragmentSelections(document: DocumentNode): ReadonlyMap<string, SelectionSetNode> {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map(({ name, selectionSet }) => [name.value, selectionSet]));
}

/** Directives on the operation, its variables and all fragment definitions. */
function definitionDirectives(document: DocumentNode, operation: OperationDefinitionNode): number {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const places = [operation, ...(operation.variableDefinitions ?? []), ...fragments];
  return places.reduce((sum, { directives = [] }) => sum + directives.length, 0);
}
