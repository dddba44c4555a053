// Yoga with our rules: documents within limits, introspection for those who may, every error through one translation.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAsyncIterable } from '@graphql-tools/utils';
import {
  type ArgumentNode,
  type DocumentNode,
  type ExecutionResult,
  getOperationAST,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  visit,
} from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import { GraphqlRequestError } from '../errors.ts';
import { createCompiledExecution } from './compiled/compiled.ts';
import { createDocuments, type Documents } from './document-cache.ts';
import { createFastPath, type RequestContext } from './fast-path.ts';
import { brokenEntityLimits, weighDocument } from './limits.ts';
import { createInterpreter } from './run-operation.ts';

export interface ExecutorOptions {
  readonly schema: GraphQLSchema;
  /** Whether queries that come again and again are compiled; if false, graphql-js runs everything. */
  readonly compiled: boolean;
  /** Turns any error into the one that the caller sees. */
  readonly translate: (error: unknown, requestId: string) => GraphQLError;
  /** Told of every answer, and every message of a subscription. */
  readonly observe: (operation: string, errors: readonly GraphQLError[]) => void;
}

export interface Executor {
  /** Runs one request and writes its answer. */
  run(request: IncomingMessage, response: ServerResponse, context: RequestContext): Promise<void>;
  dispose(): Promise<void>;
}

type RulePlugin = Plugin<RequestContext, RequestContext>;

/** Builds the part that parses, validates and executes. Everything about HTTP that comes before is `http.ts`. */
export function createExecutor(options: ExecutorOptions): Executor {
  const { schema } = options;
  const documents = createDocuments(schema);
  const clean = cleanResult(options);
  const interpret = createInterpreter(schema);
  const run = options.compiled ? createCompiledExecution(schema, interpret) : interpret;
  const tryFastPath = createFastPath({ documents, run, clean });
  const yoga = createYoga<RequestContext>({
    schema,
    plugins: [takeParameters, useDocuments(documents), guardOperations, translateErrors(clean), keepHeaders],
    // Documents are kept in `documents`, but for those that hold texts: they may be passwords, and so may what a syntax error points at.
    parserAndValidationCache: false,
    // Done in `translateErrors`, where the request id is known, whatever NODE_ENV says.
    maskedErrors: false,
    logging: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    // All of this is decided before Yoga is called, and its defaults are permissive.
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

/** Yoga answers 200 to every URL that ends like its health endpoint; no URL has a space. */
const pathOfNoUrl = ' ';

function ignore(): void {
  // What Yoga would log holds requests.
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

/** Limits hold for the document alone, so their verdict is kept with it. */
function useDocuments(documents: Documents): RulePlugin {
  return {
    onParse: ({ setParseFn }) =>
      setParseFn((source) => documents.prepare(typeof source === 'string' ? source : source.body).document),
    onValidate: ({ params, setResult }) => setResult(documents.errorsOf(params.documentAST)),
  };
}

/** What depends on the caller or the request is asked per request, never in a validation rule: Yoga shares those verdicts. */
const guardOperations: RulePlugin = {
  onExecute({ args, setResultAndStopExecution }) {
    const context = args.contextValue;
    context.operationType = getOperationAST(args.document, args.operationName)?.operation ?? 'none';
    const weight = weighDocument(args.document);
    const broken = brokenEntityLimits(weight, args.variableValues ?? undefined);
    if (broken.length > 0) setResultAndStopExecution({ errors: broken });
    if (broken.length > 0 || context.mayIntrospect) return;
    const { asksForSchema, asksForType } = weight;
    if (asksForSchema) setResultAndStopExecution({ errors: [introspectionDisabled()] });
    else if (asksForType) args.document = hideTypes(args.document);
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const { contextValue: context } = args;
    context.operationType = 'subscription';
    const refusal = refusedSubscription(context.request);
    if (refusal !== undefined) setResultAndStopExecution({ errors: [refusal] });
  },
};

/** To strangers every type is one that is not there: `__type` is null, which says nothing about any name. */
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
    'The schema is shown to those who are logged in: send an API token. It is also in the package, as schema/regway.graphql.',
    {
      status: 400,
    },
  );
}

function refusedSubscription({ method, headers }: Request): GraphqlRequestError | undefined {
  if (method !== 'POST')
    return new GraphqlRequestError('METHOD_NOT_ALLOWED', 'Subscriptions are served to POST.', {
      status: 405,
      headers: { Allow: 'POST' },
    });
  const accept = headers.get('accept') ?? '*/*';
  if (/text\/event-stream|text\/\*|\*\/\*/.test(accept)) return undefined;
  return new GraphqlRequestError(
    'NOT_ACCEPTABLE',
    'Subscriptions are answered as Server-Sent Events: send "Accept: text/event-stream".',
    { status: 406 },
  );
}

type Clean = (result: ExecutionResult, context: RequestContext) => ExecutionResult;

/** The last gate: whatever went wrong anywhere, a caller sees only what `translate` says. */
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
    // Proxies would hold the steps back until the end.
    response.headers.set('x-accel-buffering', 'no');
  },
};
