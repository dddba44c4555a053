// Runs requests through Yoga with Regway's rules: documents within limits, introspection only where allowed, every error through one translation.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAsyncIterable } from '@graphql-tools/utils';
import {
  type ArgumentNode,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  visit,
} from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { turns } from '../../http/turns.ts';
import { GraphqlRequestError } from '../errors.ts';
import { answerMediaType } from '../response.ts';
import { createCompiledExecution } from './compiled/compiled.ts';
import { type CostLimits, type CostVerdict, createCostLimits } from './cost.ts';
import { createDocuments, type Documents } from './document-cache.ts';
import { createFastPath, type RequestContext } from './fast-path.ts';
import { brokenEntityLimits, weighDocument } from './limits.ts';
import { divideIntoTurns } from './in-turns.ts';
import { createInterpreter } from './run-operation.ts';

export interface ExecutorOptions {
  readonly schema: GraphQLSchema;
  /** Whether queries that come again and again are compiled; if false, graphql-js runs everything. */
  readonly compiled: boolean;
  /** Translates any error into the one that the caller sees. */
  readonly translate: (error: unknown, requestId: string) => GraphQLError;
  /** Called with every response, and with every event of a subscription. */
  readonly observe: (operation: string, errors: readonly GraphQLError[]) => void;
}

export interface Executor {
  /** Runs one request and writes its response. */
  run(request: IncomingMessage, response: ServerResponse, context: RequestContext): Promise<void>;
  dispose(): Promise<void>;
}

type RulePlugin = Plugin<RequestContext, RequestContext>;

/** Creates the executor, which parses, validates, and executes. `request.ts` has done everything about HTTP before. */
export function createExecutor(options: ExecutorOptions): Executor {
  const { schema } = options;
  divideIntoTurns(schema);
  const documents = createDocuments(schema);
  const clean = cleanResult(options);
  const interpret = createInterpreter(schema);
  const run = options.compiled ? createCompiledExecution(schema, interpret) : interpret;
  const judgeCost = createCostLimits(schema);
  const tryFastPath = createFastPath({ documents, judgeCost, run, clean });
  const yoga = createYoga<RequestContext>({
    schema,
    plugins: [takeParameters, useDocuments(documents), guardOperations(judgeCost), translateErrors(clean), keepHeaders],
    // Documents are cached in `documents`, except those with string literals, which may be passwords. So may the source that a syntax error points at.
    parserAndValidationCache: false,
    // Done in `translateErrors`, where the request ID is known, whatever the value of NODE_ENV.
    maskedErrors: false,
    logging: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    // All of this is decided before Yoga is called, because its defaults are permissive.
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    maxRequestBodySize: false,
    healthCheckEndpoint: pathOfNoUrl,
  });
  return {
    run: async (request, response, context) => {
      if (await tryFastPath(request, response, context)) return;
      await yoga.handle(request, response, context);
    },
    dispose: async () => yoga.dispose(),
  };
}

/** A health endpoint that no request can match, because no URL has a space. Yoga answers 200 to every URL that ends like it. */
const pathOfNoUrl = ' ';

function ignore(): void {
  // Yoga's log lines contain requests.
}

const takeParameters: RulePlugin = {
  onRequestParse({ serverContext, setRequestParser }) {
    const { query, operationName, variables, extensions } = serverContext.parameters;
    setRequestParser(() => ({
      query,
      ...(operationName === undefined ? {} : { operationName }),
      ...(variables === undefined ? {} : { variables }),
      ...(extensions === undefined ? {} : { extensions }),
    }));
  },
};

/** Parses and validates through the document cache. The limits depend only on the document, so their result is cached with it. */
function useDocuments(documents: Documents): RulePlugin {
  return {
    onParse: ({ setParseFn }) =>
      setParseFn((source) => documents.prepare(typeof source === 'string' ? source : source.body).document),
    onValidate: ({ params, setResult }) => setResult(documents.errorsOf(params.documentAST)),
  };
}

/** Checks per request whatever depends on the caller or the request. A validation rule could not, because its result is shared across callers. */
function guardOperations(judgeCost: CostLimits): RulePlugin {
  const verdictOf = ({ document, operationName, variableValues }: ExecutionArgs): CostVerdict => {
    const operation = getOperationAST(document, operationName);
    return operation ? judgeCost(document, operation, variableValues ?? undefined) : { errors: [], isLarge: false };
  };
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const context = args.contextValue;
      context.operationType = getOperationAST(args.document, args.operationName)?.operation ?? 'none';
      const weight = weighDocument(args.document);
      const broken = brokenEntityLimits(weight, args.variableValues ?? undefined);
      if (broken.length > 0) return setResultAndStopExecution({ errors: broken });
      const { asksForSchema, asksForType } = weight;
      if (asksForSchema && !context.mayIntrospect)
        return setResultAndStopExecution({ errors: [introspectionDisabled()] });
      if (asksForType && !context.mayIntrospect) args.document = hideTypes(args.document);
      // After types are hidden: the cost of a type would reveal its size.
      const { errors, isLarge } = verdictOf(args);
      if (isLarge) context.turns = turns;
      if (errors.length > 0) setResultAndStopExecution({ errors: [...errors] });
      // Every other large response is sent by the fast path, which serializes it in turns too.
      else if (isLarge && answerMediaType(context.request.headers.get('accept') ?? undefined) === undefined)
        setResultAndStopExecution({ errors: [notAcceptable()] });
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const { contextValue: context } = args;
      context.operationType = 'subscription';
      const error = subscriptionError(context.request);
      const { errors, isLarge } = error === undefined ? verdictOf(args) : { errors: [error], isLarge: false };
      if (isLarge) context.turns = turns;
      if (errors.length > 0) setResultAndStopExecution({ errors: [...errors] });
    },
  };
}

/** Makes every `__type` null for callers who may not introspect, so that it reveals no name. */
function hideTypes(document: DocumentNode): DocumentNode {
  const noName: ArgumentNode = {
    kind: Kind.ARGUMENT,
    name: { kind: Kind.NAME, value: 'name' },
    value: { kind: Kind.STRING, value: '' },
  };
  return visit(document, {
    Field: (field) => (field.name.value === '__type' ? { ...field, arguments: [noName] } : undefined),
  });
}

function introspectionDisabled(): GraphqlRequestError {
  return new GraphqlRequestError(
    'INTROSPECTION_DISABLED',
    'Introspection requires authentication. Send an API token, or read the schema in the package: schema/regway.graphql.',
    {
      status: 400,
    },
  );
}

function notAcceptable(): GraphqlRequestError {
  return new GraphqlRequestError(
    'NOT_ACCEPTABLE',
    'A response of this size is sent as JSON only. Send "Accept: application/json", or request smaller pages.',
    { status: 406 },
  );
}

function subscriptionError({ method, headers }: Request): GraphqlRequestError | undefined {
  if (method !== 'POST')
    return new GraphqlRequestError('METHOD_NOT_ALLOWED', 'Subscriptions require POST.', {
      status: 405,
      headers: { Allow: 'POST' },
    });
  const accept = headers.get('accept') ?? '*/*';
  if (/text\/event-stream|text\/\*|\*\/\*/.test(accept)) return undefined;
  return new GraphqlRequestError(
    'NOT_ACCEPTABLE',
    'Subscriptions are sent as Server-Sent Events. Send "Accept: text/event-stream".',
    { status: 406 },
  );
}

type Clean = (result: ExecutionResult, context: RequestContext) => ExecutionResult;

/** Translates every error of a result. Whatever failed, a caller sees only what `translate` returns. */
function cleanResult({ translate, observe }: ExecutorOptions): Clean {
  return (result, { caller, operationType }) => {
    const errors = result.errors?.map((error) => translate(error, caller.requestId)) ?? [];
    observe(operationType, errors);
    return errors.length === 0 ? result : { ...result, errors };
  };
}

function translateErrors(clean: Clean): RulePlugin {
  return {
    onResultProcess(event) {
      const { result, serverContext } = event;
      if (isAsyncIterable(result))
        event.setResult(
          cleanStream(result as AsyncIterable<ExecutionResult>, (message) => clean(message, serverContext)),
        );
      else if (!Array.isArray(result)) event.setResult(clean(result as ExecutionResult, serverContext));
    },
  };
}

async function* cleanStream(
  messages: AsyncIterable<ExecutionResult>,
  clean: (message: ExecutionResult) => ExecutionResult,
): AsyncGenerator<ExecutionResult> {
  for await (const message of messages) yield clean(message);
}

const keepHeaders: RulePlugin = {
  onResponse({ response }) {
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return;
    response.headers.set('cache-control', 'no-store');
    // Otherwise proxies buffer the events until the end of the stream.
    response.headers.set('x-accel-buffering', 'no');
  },
};
