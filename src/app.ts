// The wiring: puts adapters into the domain's ports, for the server and for commands that work on the data directory.

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Role } from './core/access.ts';
import { createLedger } from './core/ledger.ts';
import { createPullConfigs } from './core/pull-config.ts';
import type { PullEndpoint } from './core/pull-endpoint.ts';
import { createPullTokens } from './core/pull-token.ts';
import { createPulls, type Pulls } from './core/pull.ts';
import { createRegistries, type Registries } from './core/registries.ts';
import { createUses } from './core/uses.ts';
import type { StoredToken } from './core/ports.ts';
import type { Secret } from './core/secret.ts';
import { createAuthenticator, issueFirstToken, issueToken, revokeToken } from './auth/token.ts';
import { createCloud } from './cloud/mint.ts';
import type { Config } from './config.ts';
import { createConsole, type ConsoleServer } from './console-routes.ts';
import type { UseCases } from './graphql/builder.ts';
import { createGraphqlServer, type GraphqlServer } from './graphql/server.ts';
import { healthRoutes } from './ops/health.ts';
import { createListener, type Route } from './ops/listener.ts';
import { faultFields } from './core/fault.ts';
import { createLog, type Log } from './ops/log.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { createRestServer, type RestServer } from './rest/server.ts';
import { pullRoutes } from './pulling.ts';
import { loadKeyring } from './seal/keyring.ts';
import { createSealer, holdsNothingSealed } from './seal/seal.ts';
import { openStore, type Store } from './store/store.ts';
import { createUpstream, type Upstream } from './v2/upstream.ts';
import { createValidator } from './v2/validate.ts';

const migrationsDir = fileURLToPath(new URL('../drizzle/', import.meta.url));
const graphiqlDir = fileURLToPath(new URL('../dist/graphiql/', import.meta.url));
const consoleDir = fileURLToPath(new URL('../dist/console/', import.meta.url));
const docsDir = fileURLToPath(new URL('../dist/api-docs/', import.meta.url));

export interface RunningServer {
  /** The address that people open, without a slash at the end. */
  readonly url: string;
  /** The first admin token; only on the first start. */
  readonly firstToken: Secret | undefined;
  close(): Promise<void>;
}

/**
 * Opens the store and keys, and serves.
 * @throws StoreRefused, KeyringRefused when the data directory is not fit to be used; nothing was changed then.
 */
export async function serve(config: Config): Promise<RunningServer> {
  const log = createLog(config.logLevel);
  warnAboutSettings(config, log);
  const metrics = createMetrics();
  const store = await openDataStore(config);
  try {
    let url = config.publicUrl ?? '';
    const domain = await createDomain({ config, store, metrics, log, endpoint: () => new URL(url) });
    const site = createConsole(config, store, consoleDir);
    const graphql = createGraphql(config, site.authenticate, domain.useCases, log);
    const rest = createRest(store, domain.useCases.registries, log);
    const health = { stopping: false };
    const ready = async (): Promise<boolean> => !health.stopping && (await store.ready());
    const listener = createListener({ routes: [...healthRoutes(ready, metrics), ...graphqlRoutes(graphql), ...site.routes, ...restRoutes(rest), ...pullRoutes({ ...domain, config, store, log })], tls: config.tls, log, metrics });
    const port = await listener.listen(config.listenHost, config.listenPort);
    url = publicUrl(config, port);
    const firstToken = await issueFirstToken({ access: store.access, now, actor: 'regway', requestId: 'first-start' });
    return {
      url,
      firstToken,
      close: async () => {
        health.stopping = true;
        await listener.close();
        await graphql.dispose();
        await domain.close();
        await store.close();
      },
    };
  } catch (fault) {
    await store.abandon();
    throw fault;
  }
}

export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** Makes an API token on the data directory, whether or not a server runs on it. @throws Problem as `issueToken`. */
export async function createToken(config: Config, request: TokenRequest): Promise<Secret> {
  const store = await openDataStore(config);
  try {
    return await issueToken({ access: store.access, now, ...request, actor: 'cli', requestId: randomUUID() });
  } finally {
    await store.close();
  }
}

/** The tokens of one account, or of all, as they stand on the data directory. */
export async function listTokens(config: Config, account: string | undefined): Promise<StoredToken[]> {
  const store = await openDataStore(config);
  try {
    return await store.access.listTokens(account);
  } finally {
    await store.close();
  }
}

/** Ends a token on the data directory; a server that runs on it refuses the next request. @throws Problem as `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  const store = await openDataStore(config);
  try {
    return await revokeToken({ access: store.access, now, id, actor: 'cli', requestId: randomUUID() });
  } finally {
    await store.close();
  }
}

const now = (): Date => new Date();

async function openDataStore(config: Config): Promise<Store> {
  // Private from the start: the database and, unless placed elsewhere, the keyring live here.
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  return openStore({ url: config.databaseUrl, migrationsDir });
}

interface DomainParts {
  readonly config: Config;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Known once it listens. */
  readonly endpoint: PullEndpoint;
}

interface Domain {
  readonly useCases: UseCases;
  readonly pulls: Pulls;
  readonly upstream: Upstream;
  /** Signs the grants of the pull endpoint. */
  readonly grantKey: Uint8Array;
  close(): Promise<void>;
}

async function createDomain({ config, store, metrics, log, endpoint }: DomainParts): Promise<Domain> {
  await mkdir(dirname(config.keyringFile), { recursive: true, mode: 0o700 });
  // A new key is made only where nothing is sealed yet: beside an existing database it could open nothing.
  const keyring = await loadKeyring(config.keyringFile, { createIfMissing: await holdsNothingSealed(store.keys) });
  const sealer = await createSealer({ keyring, keys: store.keys });
  const network = {
    loopbackAllowed: config.loopbackOnly,
    egressAllow: config.egressAllow,
    egressDeny: config.egressDeny,
    plainHttpHosts: config.plainHttpHosts,
    extraCa: config.extraCa,
    now,
  };
  const validator = createValidator(network);
  const cloud = createCloud({ extraCa: config.extraCa, ambient: config.ambient, now });
  const upstream = createUpstream({ ...network, redirects: config.pullRedirects });
  const registries = createRegistries({
    registries: store.registries,
    access: store.access,
    sealer,
    validator: cloud.wrapValidator(validator),
    now,
    newId: () => `reg_${randomUUID().replaceAll('-', '')}`,
    observeValidation: (report) => metrics.observeValidation(report.outcome, report.durationMs),
  });
  const ledger = createLedger({
    store: store.uses,
    schedule: scheduleOnce,
    onFailure: (fault) => log.error(faultFields(fault), 'uses of credentials could not be written yet'),
    onLoss: (uses) => log.error({ uses }, 'uses of credentials are not counted: the store is away for too long'),
  });
  const pulls = cloud.wrapPulls(createPulls({ registries: store.registries, access: store.access, sealer, now, ledger }, { anonymousAllowed: config.pullAnonymous }));
  const pullTokens = createPullTokens({ pulls, minter: upstream, endpoint });
  const useCases = { registries, uses: createUses({ uses: store.uses }), pullTokens, pullConfigs: createPullConfigs({ endpoint }) };
  const close = async (): Promise<void> => {
    await Promise.all([validator.close(), upstream.close(), cloud.close()]);
    await ledger.close();
  };
  return { useCases, pulls, upstream, grantKey: sealer.deriveKey('pull-grant'), close };
}

function scheduleOnce(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

function createGraphql(config: Config, authenticate: ConsoleServer['authenticate'], useCases: UseCases, log: Log): GraphqlServer {
  return createGraphqlServer({
    useCases,
    authenticate,
    settings: { introspection: config.introspection, corsOrigins: config.corsOrigins, graphiql: { assetsDir: graphiqlDir } },
    log: { error: (fields, message) => log.error(fields, message) },
  });
}

function graphqlRoutes(graphql: GraphqlServer): Route[] {
  return [
    { name: 'graphql', matches: (path) => path === '/graphql' || path.startsWith('/graphql/'), handle: (request, response, context) => graphql.handle(request, response, context) },
  ];
}

function createRest(store: Store, registries: Registries, log: Log): RestServer {
  return createRestServer({
    registries,
    authenticate: createAuthenticator({ access: store.access, now, schemes: ['bearer', 'basic'] }),
    settings: { docs: { assetsDir: docsDir } },
    log: { error: (fields, message) => log.error(fields, message) },
  });
}

function restRoutes(rest: RestServer): Route[] {
  const handle: Route['handle'] = (request, response, context) => rest.handle(request, response, context);
  return [
    { name: 'api-docs', matches: (path) => path === '/api/docs' || path.startsWith('/api/docs/'), handle },
    { name: 'rest', matches: (path) => path === '/api' || path.startsWith('/api/'), handle },
  ];
}

function publicUrl(config: Config, port: number): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  const host = config.listenHost.includes(':') ? `[${config.listenHost}]` : config.listenHost;
  return `${config.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}

function warnAboutSettings(config: Config, log: Log): void {
  for (const name of config.unknownSettings) log.warn({ setting: name }, 'this setting means nothing and is ignored');
  if (!config.loopbackOnly && config.tls === undefined) {
    log.warn('listening beyond this machine without TLS: put a TLS proxy in front or set REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE, or tokens cross the network in the clear');
  }
}

/** For the last line before an exit: a fault as text. */
export function describeFault(fault: unknown): string {
  return JSON.stringify(faultFields(fault));
}
