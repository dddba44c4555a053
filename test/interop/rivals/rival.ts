// One of the GraphQL servers that the product is compared with, as it comes, over the same schema and the same work: no login, limits, logs or metrics,
// but for one, which checks logins, logs and counts with the product's own parts.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { buildSchema, type GraphQLFieldResolver, type GraphQLScalarType, type GraphQLSchema } from 'graphql';
import { GraphQLDateTime } from 'graphql-scalars';
import { createAuthenticator } from '../../../src/server/auth/authenticator.ts';
import { setCommonHeaders } from '../../../src/server/graphql/response.ts';
import { createLog } from '../../../src/server/ops/log.ts';
import { createMetrics } from '../../../src/server/ops/metrics.ts';
import { openDataDir } from '../../bench/seed.ts';
import { type CreateInput, openWork, type Work } from '../../bench/work.ts';

const dataDir = process.env['REGWAY_DATA_DIR'] ?? '';
const work = await openWork(dataDir);
const schema = executableSchema(work);

/** Each listens on a free port of loopback and returns its address. */
const rivals: Readonly<Record<string, () => Promise<string>>> = {
  mercurius: () => startMercurius({ jit: false }),
  'mercurius-jit': () => startMercurius({ jit: true }),
  'mercurius-jit-equal': () => startMercurius({ jit: true, withDuties: true }),
  apollo: startApollo,
  yoga: startYoga,
};

const start = rivals[process.argv[2] ?? ''];
if (start === undefined) throw new Error(`The servers are ${Object.keys(rivals).join(', ')}.`);
process.stdout.write(`listening on ${await start()}\n`);
// They have each their own way to stop; the data is safe without any.
process.once('SIGTERM', () => {
  work.close();
  process.exit(0);
});

async function startMercurius({
  jit,
  withDuties = false,
}: {
  readonly jit: boolean;
  readonly withDuties?: boolean;
}): Promise<string> {
  const [{ fastify }, { mercurius }] = await Promise.all([import('fastify'), import('mercurius')]);
  const app = fastify();
  if (withDuties) await addDuties(app);
  await app.register(mercurius, { schema, ...(jit ? { jit: 1 } : {}) });
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** Authenticates, assigns a request ID, logs, and counts, with the product's own parts. */
async function addDuties(app: FastifyInstance): Promise<void> {
  const { store } = await openDataDir(dataDir);
  const authenticate = createAuthenticator({ access: store.access, now: () => new Date() });
  const [log, metrics] = [createLog('info'), createMetrics()];
  app.addHook('onRequest', async ({ headers }, reply) => {
    await authenticate(headers.authorization);
    reply.raw.setHeader('X-Request-Id', randomUUID());
    reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
    setCommonHeaders(reply.raw);
  });
  app.addHook('onResponse', async ({ method }, reply) => {
    const durationMs = Math.round(reply.elapsedTime);
    log.request({
      requestId: String(reply.raw.getHeader('X-Request-Id')),
      method,
      route: 'graphql',
      status: reply.statusCode,
      durationMs,
    });
    metrics.observeRequest('graphql', method, reply.statusCode, durationMs);
  });
}

async function startApollo(): Promise<string> {
  const [{ ApolloServer }, { startStandaloneServer }] = await Promise.all([
    import('@apollo/server'),
    import('@apollo/server/standalone'),
  ]);
  const { url } = await startStandaloneServer(new ApolloServer({ schema }), { listen: { host: '127.0.0.1', port: 0 } });
  return url.replace(/\/$/, '');
}

async function startYoga(): Promise<string> {
  const { createYoga } = await import('graphql-yoga');
  const yoga = createYoga({ schema });
  const server = createServer((request, response) => void yoga.handle(request, response));
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The product's own schema, so that documents weigh the same to parse and validate. */
function executableSchema(over: Work): GraphQLSchema {
  const built = buildSchema(readFileSync(new URL('../../../schema/regway.graphql', import.meta.url), 'utf8'));
  const scalar = (name: string) => built.getType(name) as GraphQLScalarType;
  scalar('DateTime').serialize = (value) => GraphQLDateTime.serialize(value);
  resolve(built, 'Query', 'registry', (_root, { registry }) => over.get(String(registry)));
  resolve(built, 'Query', 'registries', (_root, { after }) => over.page(String(after)));
  resolve(built, 'Query', 'image', (_root, { reference }) => over.image(String(reference)));
  resolve(built, 'Mutation', 'createRegistry', (_root, { input }) => over.create(input as CreateInput));
  return built;
}

function resolve(
  built: GraphQLSchema,
  type: 'Query' | 'Mutation',
  name: string,
  resolver: GraphQLFieldResolver<unknown, unknown, Record<string, unknown>>,
): void {
  const field = (type === 'Query' ? built.getQueryType() : built.getMutationType())?.getFields()[name];
  if (field === undefined) throw new Error(`There is no field ${type}.${name}.`);
  field.resolve = resolver;
}
