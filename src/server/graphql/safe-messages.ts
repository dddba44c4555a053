// Rewords graphql-js's error messages so that they repeat nothing of the request. graphql-js prints values, literals, and tokens,
// so one misspelled field would put a password into responses, logs, and gateways. https://spec.graphql.org/October2021/#sec-Errors

import {
  GraphQLError,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';

/** Returns a sentence for an error of graphql-js. It contains nothing from the request except names of the schema. */
export type RequestErrorSentence = (error: GraphQLError) => string;

/**
 * Creates the function that rewords errors of parsing, validation, and coercion for one schema.
 * An unknown message becomes a general sentence.
 */
export function requestErrorSentences(schema: GraphQLSchema): RequestErrorSentence {
  const names = schemaNames(schema);
  const isKnown = (text: string) =>
    text.split(/[^\w]+/).every((part) => part === '' || /^\d+$/.test(part) || names.has(part));
  return (error) => `${sentence(error, isKnown).replace(/\.$/, '')}${place(error)}.`;
}

type IsKnown = (text: string) => boolean;

const quotedName = /"([$@\w.[\]!]+(?: \{ \.\.\. \})?)"/g;
const suggestion = / Did you mean [\s\S]*$/;

/** Messages that consist only of names, with the names cut out. A message that is not listed here is not shown. */
const nameOnlyMessages: ReadonlySet<string> = new Set([
  'The "" definition is not executable.',
  'The schema definition is not executable.',
  'Cannot query field "" on type "".',
  'Fragment cannot condition on non composite type "".',
  'Fragment "" cannot condition on non composite type "".',
  'Unknown argument "" on field "".',
  'Unknown argument "" on directive "".',
  'Unknown directive "".',
  'Unknown fragment "".',
  'Unknown type "".',
  'Unknown operation named "".',
  'This anonymous operation must be the only defined operation.',
  'Maximum introspection depth exceeded',
  'Cannot spread fragment "" within itself.',
  'Variable "" is not defined by operation "".',
  'Variable "" is not defined.',
  'Variable "" is never used in operation "".',
  'Variable "" is never used.',
  'Fragment "" is never used.',
  'Fragment cannot be spread here as objects of type "" can never be of type "".',
  'Fragment "" cannot be spread here as objects of type "" can never be of type "".',
  'Field "" argument "" of type "" is required, but it was not provided.',
  'Directive "" argument "" of type "" is required, but it was not provided.',
  'Field "" must not have a selection since type "" has no subfields.',
  'Field "" of type "" must have a selection of subfields.',
  'Subscription "" must select only one top level field.',
  'Anonymous Subscription must select only one top level field.',
  'Subscription "" must not select an introspection top level field.',
  'Anonymous Subscription must not select an introspection top level field.',
  'There can be only one argument named "".',
  'The directive "" can only be used once at this location.',
  'There can be only one fragment named "".',
  'There can be only one input field named "".',
  'There can be only one operation named "".',
  'There can be only one variable named "".',
  'Field "" of required type "" was not provided.',
  'Field "" is not defined by type "".',
  'Expected type "" to be an object.',
  'Expected non-nullable type "" not to be null.',
  'Variable "" cannot be non-input type "".',
  'Variable "" of type "" used in position expecting type "".',
  'Variable "" of required type "" was not provided.',
  'Variable "" of non-null type "" must not be null.',
  'Argument "" of required type "" was not provided.',
  'Argument "" of non-null type "" must not be null.',
  'Too many validation errors, error limit reached. Validation aborted.',
  'Too many errors processing variables, error limit reached. Execution aborted.',
  'Must provide operation name if query contains multiple operations.',
  'Could not determine what operation to execute.',
  'Can only perform a mutation operation from a POST request.',
  'A Secret must be a string.',
]);

/** Messages that print a value. Only the type of the value is kept. */
const valueMessages: readonly RegExp[] = [
  /^(Int|Float|String|Boolean|ID) cannot represent /,
  /^Enum "(\w+)" cannot represent /,
  /^Value [\s\S]* does not exist in "(\w+)" enum\.$/,
  /^Expected value of type "([\w![\]]+)", found /,
  /^Expected type "(\w+)"\./,
  /^Argument "(\w+)" (?:of type "[\w![\]]+" )?has invalid value /,
];

function sentence(error: GraphQLError, isKnown: IsKnown): string {
  const message = error.message.replace(suggestion, '');
  return (
    syntaxSentence(message) ??
    variableSentence(error, isKnown) ??
    nameOnlySentence(message, isKnown) ??
    valueSentence(message, isKnown) ??
    (message.startsWith('Fields "')
      ? 'Two different fields have the same response name; give them different aliases'
      : 'The request does not match the schema')
  );
}

/** Returns the sentence of a syntax error, with only what was expected: that comes from the grammar, what was found from the request. */
function syntaxSentence(message: string): string | undefined {
  if (!message.startsWith('Syntax Error: ')) return undefined;
  const expected = /^Syntax Error: Expected ("[^\w"]{1,3}"|"[a-z]{2,12}"|[A-Z]\w*|<EOF>), found /.exec(message)?.[1];
  if (expected !== undefined) return `Syntax error: expected ${expected}`;
  return message === 'Syntax Error: Unterminated string.' ? 'Syntax error: unterminated string' : 'Syntax error';
}

/** Rewords `Variable "$input" got invalid value … at "input.password"; <inner>` without the value in the middle. */
function variableSentence(error: GraphQLError, isKnown: IsKnown): string | undefined {
  const start = /^Variable "\$(\w+)" got invalid value /.exec(error.message);
  if (start === null) return undefined;
  const [opening, name = ''] = start;
  const inner = error.originalError;
  const beforeInner = inner === undefined ? '' : error.message.slice(opening.length, -inner.message.length);
  const path = / at "\w+\.?([\w.[\]]+)"; $/.exec(beforeInner)?.[1] ?? '';
  const at = path !== '' && isKnown(path) ? ` at "${path}"` : '';
  const why = inner instanceof GraphQLError ? `: ${sentence(inner, isKnown)}` : '';
  return `Variable "${isKnown(name) ? `$${name}` : '…'}" got an invalid value${at}${why}`;
}

function nameOnlySentence(message: string, isKnown: IsKnown): string | undefined {
  if (!nameOnlyMessages.has(message.replace(quotedName, '""'))) return undefined;
  return message.replace(quotedName, (quoted, name: string) => (isKnown(name) ? quoted : '"…"'));
}

function valueSentence(message: string, isKnown: IsKnown): string | undefined {
  for (const pattern of valueMessages) {
    const name = pattern.exec(message)?.[1];
    if (name === undefined) continue;
    if (!isKnown(name)) return undefined;
    return message.startsWith('Argument')
      ? `Argument "${name}" has an invalid value`
      : `Expected a value of type "${name}"`;
  }
  return undefined;
}

function place({ locations }: GraphQLError): string {
  const [location] = locations ?? [];
  return location === undefined ? '' : ` (line ${location.line}, column ${location.column})`;
}

/** Returns every name in the schema. These are public, so a message may repeat them. */
function schemaNames(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set<string>();
  for (const type of Object.values(schema.getTypeMap())) {
    names.add(type.name);
    if (isEnumType(type)) for (const { name } of type.getValues()) names.add(name);
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type))
      addFields(names, Object.values(type.getFields()));
  }
  for (const directive of schema.getDirectives()) addFields(names, [directive]);
  return names;
}

interface Named {
  readonly name: string;
  readonly args?: readonly Named[];
}

function addFields(names: Set<string>, fields: readonly Named[]): void {
  for (const { name, args = [] } of fields) {
    names.add(name);
    for (const argument of args) names.add(argument.name);
  }
}
