// The server: opens everything in order, serves, and closes everything it opened, also when a start fails halfway.

import { faultFields } from '../core/shared/fault.ts';
import type { Secret } from '../core/shared/secret.ts';
import { issueFirstToken } from '../server/auth/token-issuer.ts';
import type { TrustedDocuments } from '../server/graphql/execution/trusted-documents.ts';
import { healthRoutes } from '../server/http/health.ts';
import { createListener } from '../server/http/listener.ts';
import { createLog, type Log } from '../server/ops/log.ts';
import { createMetrics } from '../server/ops/metrics.ts';
import { logUnhandledRejections } from '../server/ops/unhandled-rejections.ts';
import type { Config } from './config.ts';
import { createLogins, type LoginParts, readIssuers } from './wiring/logins.ts';
import { createServers, trustedDocuments } from './wiring/routes.ts';
import { openDataStore } from './wiring/store.ts';
import { createDomain } from './wiring/use-cases.ts';

export interface RunningServer {
  /** The address that people open, without a slash at the end. */
  readonly url: string;
  /** The first admin token; only on the first start. */
  readonly firstToken: Secret | undefined;
  close(): Promise<void>;
}

interface ServerParts extends Omit<LoginParts, 'signInKey'> {
  readonly documents: TrustedDocuments;
}

export interface Closable {
  close(): Promise<void>;
}

/**
 * Opens the store and keys, and serves.
 * @throws ConfigError, StoreError, KeyringError when the data directory is not fit to be used; nothing was changed then.
 */
export async function serve(config: Config): Promise<RunningServer> {
  const log = createLog(config.logLevel);
  warnAboutSettings(config, log);
  const issuers = await readIssuers(config);
  const documents = trustedDocuments(config);
  const store = await openDataStore(config, { owned: true, log });
  const forgetOrphans = logUnhandledRejections(log);
  const opened: Closable[] = [{ close: async () => forgetOrphans() }];
  try {
    return await serveStore({ config, issuers, documents, store, log }, opened);
  } catch (fault) {
    // What is told is why it could not start.
    await closeAll([{ close: () => store.abandon() }, ...opened]).catch((other: unknown) =>
      log.error(faultFields(other), 'a part of a refused start could not be closed'),
    );
    throw fault;
  }
}

async function serveStore(
  { config, issuers, documents, store, log }: ServerParts,
  opened: Closable[],
): Promise<RunningServer> {
  const metrics = createMetrics();
  let url = config.publicUrl ?? '';
  const domain = await createDomain({
    config,
    store,
    metrics,
    log,
    endpoint: () => new URL(url),
    resolveLogin: (login) => logins.resolveLogin(login),
  });
  opened.push(domain);
  const logins = await createLogins({ config, issuers, store, log, signInKey: domain.signInKey });
  opened.push(logins);
  const faces = createServers({ config, documents, logins, domain, log });
  opened.push(faces);
  const health = { stopping: false };
  const ready = async (): Promise<boolean> => !health.stopping && (await store.ready());
  const listener = createListener({
    routes: [...healthRoutes(ready, metrics), ...faces.routes],
    tls: config.tls,
    log,
    metrics,
  });
  const port = await listener.listen(config.listenHost, config.listenPort);
  opened.push(listener);
  url = publicUrl(config, port);
  const firstToken = await issueFirstToken({
    access: store.access,
    now: () => new Date(),
    actor: 'regway',
    requestId: 'first-start',
  });
  const close = async (): Promise<void> => {
    health.stopping = true;
    domain.endStreams();
    try {
      await closeAll(opened);
    } finally {
      await store.close();
    }
  };
  // What the start logged stands before what its command prints.
  log.flush();
  return { url, firstToken, close };
}

function publicUrl(config: Config, port: number): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  const host = config.listenHost.includes(':') ? `[${config.listenHost}]` : config.listenHost;
  return `${config.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}

function warnAboutSettings(config: Config, log: Log): void {
  for (const name of config.unknownSettings) log.warn({ setting: name }, 'this setting means nothing and is ignored');
  if (!config.loopbackOnly && config.tls === undefined) {
    log.warn(
      'listening beyond this machine without TLS: put a TLS proxy in front or set REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE, or tokens cross the network in the clear',
    );
  }
}

/**
 * Closes every part and takes it from the list. What was opened last is closed first: a listener takes no more requests before anything that they
 * need goes. A part that fails keeps no other one open.
 * @throws what a part threw; of several the last.
 */
export async function closeAll(opened: Closable[]): Promise<void> {
  const part = opened.pop();
  if (part === undefined) return;
  try {
    await part.close();
  } finally {
    await closeAll(opened);
  }
}
