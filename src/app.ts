// The server: opens everything in order, serves, and closes everything it opened, also when a start fails halfway.

import type { Config } from './config.ts';
import type { Secret } from './core/secret.ts';
import { issueFirstToken } from './auth/token.ts';
import { healthRoutes } from './ops/health.ts';
import { createListener } from './ops/listener.ts';
import { createLog, type Log } from './ops/log.ts';
import { createMetrics } from './ops/metrics.ts';
import { logOrphans } from './ops/orphans.ts';
import { openDataStore } from './wiring/data.ts';
import { createDomain } from './wiring/domain.ts';
import { createFaces } from './wiring/faces.ts';
import { readIssuers } from './wiring/issuers.ts';
import { checkKeys } from './wiring/keys.ts';
import { createLogins, type LoginParts } from './wiring/logins.ts';

export interface RunningServer {
  /** The address that people open, without a slash at the end. */
  readonly url: string;
  /** The first admin token; only on the first start. */
  readonly firstToken: Secret | undefined;
  close(): Promise<void>;
}

/**
 * Opens the store and keys, and serves.
 * @throws ConfigRefused, StoreRefused, KeyringRefused when the data directory is not fit to be used; nothing was changed then.
 */
export async function serve(config: Config): Promise<RunningServer> {
  const log = createLog(config.logLevel);
  warnAboutSettings(config, log);
  const issuers = await readIssuers(config);
  const forgetOrphans = logOrphans(log);
  const store = await openDataStore(config, { owned: true, log, checkKeys: (keys) => checkKeys(config, keys) });
  const opened: Closable[] = [{ close: async () => forgetOrphans() }];
  try {
    return await serveStore({ config, issuers, store, log }, opened);
  } catch (fault) {
    await closeAll(opened);
    await store.abandon();
    throw fault;
  }
}

interface Closable {
  close(): Promise<void>;
}

async function serveStore({ config, issuers, store, log }: Omit<LoginParts, 'signInKey'>, opened: Closable[]): Promise<RunningServer> {
  const metrics = createMetrics();
  let url = config.publicUrl ?? '';
  const domain = await createDomain({ config, store, metrics, log, endpoint: () => new URL(url), recall: (login) => logins.recall(login) });
  opened.push(domain);
  const logins = await createLogins({ config, issuers, store, log, signInKey: domain.signInKey });
  opened.push(logins);
  const faces = createFaces(config, logins, domain, log);
  opened.push(faces);
  const health = { stopping: false };
  const ready = async (): Promise<boolean> => !health.stopping && (await store.ready());
  const listener = createListener({ routes: [...healthRoutes(ready, metrics), ...faces.routes], tls: config.tls, log, metrics });
  const port = await listener.listen(config.listenHost, config.listenPort);
  opened.push(listener);
  url = publicUrl(config, port);
  const firstToken = await issueFirstToken({ access: store.access, now: () => new Date(), actor: 'regway', requestId: 'first-start' });
  const close = async (): Promise<void> => {
    health.stopping = true;
    domain.endStreams();
    await closeAll(opened);
    await store.close();
  };
  return { url, firstToken, close };
}

/** What was opened last is closed first: the listener takes no more requests before anything that they need goes. */
async function closeAll(opened: Closable[]): Promise<void> {
  for (const part of opened.splice(0).toReversed()) await part.close();
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
