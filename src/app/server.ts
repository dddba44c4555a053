// Starts the server: opens every part in order, serves, and closes the opened parts in reverse order, also if the start fails halfway.

import { setTimeout as pause } from 'node:timers/promises';
import { faultFields } from '../core/shared/fault.ts';
import type { Secret } from '../core/shared/secret.ts';
import { isPostgres } from '../database/database.ts';
import { startingFailure } from '../database/sqlite/opening-failure.ts';
import type { Store, StoreOptions } from '../database/store.ts';
import { issueFirstToken } from '../server/auth/token-issuer.ts';
import type { TrustedDocuments } from '../server/graphql/execution/trusted-documents.ts';
import { healthRoutes } from '../server/http/health.ts';
import { createLog, type Log } from '../server/ops/log.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { createMetrics, type Metrics } from '../server/ops/metrics.ts';
import { logUnhandledRejections } from '../server/ops/unhandled-rejections.ts';
import { createNames } from '../upstream/transport/names/names.ts';
import type { Config } from './config.ts';
import { createEntrance, type Entrance } from './start/entrance.ts';
import { createLogins, type LoginParts, readIssuers } from './wiring/logins.ts';
import { createOwnAddress } from './wiring/own-address.ts';
import { warnAboutOpenFiles } from './start/open-files.ts';
import { createServers, trustedDocuments } from './wiring/routes.ts';
import { openDataStore } from './wiring/store.ts';
import { watchStore } from './wiring/watched-store.ts';
import { createDomain } from './wiring/use-cases.ts';
import { openWhenThere, type WaitOptions } from './start/waiting.ts';

const hourMs = 60 * 60_000;
/** Milliseconds for which a stop answers on connections that are kept open. A balancer with some requests a second has used or dropped its own by then. */
const idleGraceMs = 300;

/** A server that accepts requests until it is closed. */
export interface RunningServer {
  /** The address that users open, without a trailing slash. */
  readonly url: string;
  /** The first admin token; undefined after the first start. */
  readonly firstToken: Secret | undefined;
  /**
   * Reports "not ready" and goes on serving for the configured delay, then finishes the requests in flight, ends the streams, and closes.
   * @param hurry Cuts the delay short when it resolves.
   */
  close(hurry?: Promise<unknown>): Promise<void>;
}

interface ServerParts extends Omit<LoginParts, 'signInKey' | 'names'> {
  readonly documents: TrustedDocuments;
  readonly metrics: Metrics;
  readonly entrance: Entrance;
}

/** A part of the server that must be closed. */
export interface Closable {
  close(): Promise<void>;
}

/**
 * Opens the store and the keys, and serves. While it waits for the database, it listens already and answers that it is not ready.
 * @param stopping Resolves when the process shall stop.
 * @returns undefined if that was before the database was there.
 * @throws ConfigError, StoreError, KeyringError if the data directory cannot be used. Nothing was changed then.
 */
export function serve(config: Config): Promise<RunningServer>;
export function serve(config: Config, stopping: Promise<unknown>): Promise<RunningServer | undefined>;
export async function serve(
  config: Config,
  stopping: Promise<unknown> = new Promise(() => undefined),
): Promise<RunningServer | undefined> {
  const log = createLog(config.logLevel);
  warnAboutSettings(config, log);
  const issuers = await readIssuers(config);
  const documents = trustedDocuments(config);
  const checkEveryMs = config.revalidateEveryHours * hourMs;
  const metrics = createMetrics({ version: packageJson.version, showsHosts: config.metricsHosts });
  const entrance = createEntrance(config, log, metrics);
  const open = () => openDataStore(config, { owned: true, log, checkEveryMs, ...storeThreadLog(log) });
  const store = await openStoreBehind(entrance, open, { waitMs: config.databaseWaitMs, stopping, log });
  if (store === undefined) return undefined;
  warnAboutOpenFiles(config, log);
  const stopLogging = logUnhandledRejections(log);
  const opened: Closable[] = [{ close: async () => stopLogging() }];
  try {
    return await serveStore({ config, issuers, documents, store, log, metrics, entrance }, opened);
  } catch (fault) {
    await entrance.close();
    // The caller gets the reason why the start failed; a failure to close is only logged.
    await closeAll([{ close: () => store.abandon() }, ...opened]).catch((other: unknown) =>
      log.error(faultFields(other), 'a part of the failed start could not be closed'),
    );
    throw isPostgres(config.databaseUrl) ? fault : await startingFailure(fault, config.databaseUrl);
  }
}

/** Opens the store, and lets the entrance say that the server waits for it. The entrance is closed if no store is returned. */
async function openStoreBehind(
  entrance: Entrance,
  open: () => Promise<Store>,
  options: Omit<WaitOptions, 'onWait'>,
): Promise<Store | undefined> {
  let store: Store | undefined;
  try {
    store = await openWhenThere(open, { ...options, onWait: (check) => entrance.wait(check) });
    return store;
  } finally {
    if (store === undefined) await entrance.close();
  }
}

async function serveStore(
  { config, issuers, documents, store, log, metrics, entrance }: ServerParts,
  opened: Closable[],
): Promise<RunningServer> {
  const { observed, failures, readiness } = await watchStore(config, store, { metrics, log });
  opened.push(failures);
  // One for the process, because its threads are.
  const names = createNames({
    threads: config.poolThreads,
    onFailure: (reason) => metrics.lookups.observeFailure(reason),
  });
  metrics.lookups.watch(() => names.counts());
  const own = createOwnAddress(config);
  let url = config.publicUrl ?? '';
  const domain = await createDomain({
    config,
    store: observed,
    metrics,
    log,
    names,
    own,
    endpoint: () => new URL(url),
    resolveLogin: (login) => logins.resolveLogin(login),
  });
  opened.push(domain);
  const logins = await createLogins({ config, issuers, store: observed, log, names, signInKey: domain.signInKey });
  opened.push(logins);
  const servers = createServers({ config, documents, logins, domain, own, metrics, log });
  opened.push(servers);
  const { listener } = entrance;
  const port = await entrance.open([...healthRoutes(() => readiness.failedChecks(), metrics), ...servers.routes]);
  own.listensOn(port);
  const stop = { drainTimeoutMs: config.shutdownTimeoutMs, idleGraceMs: 0 };
  opened.push({ close: () => listener.close(stop) });
  url = publicUrl(config, port);
  const firstToken = await issueFirstToken({
    access: store.access,
    now: () => new Date(),
    actor: 'regway',
    requestId: 'first-start',
  });
  const close = async (hurry?: Promise<unknown>): Promise<void> => {
    readiness.announceStop();
    listener.announceStop();
    const isHurried = await delayUnlessHurried(config.shutdownDelayMs, hurry);
    if (!isHurried) stop.idleGraceMs = idleGraceMs;
    domain.endStreams();
    try {
      await closeAll(opened);
    } finally {
      await store.close();
    }
  };
  // Writes the log lines of the start before its command prints the address.
  log.flush();
  return { url, firstToken, close };
}

/** Returns whether the delay was cut short. */
async function delayUnlessHurried(
  delayMs: number,
  hurry: Promise<unknown> = new Promise(() => undefined),
): Promise<boolean> {
  const timer = new AbortController();
  const delay = pause(delayMs, false, { signal: timer.signal }).catch(() => false);
  const isHurried = await Promise.race([hurry.then(() => true), delay]);
  timer.abort();
  return isHurried;
}

/** Logs deaths of the store's threads, and ends the process when another start cannot help: its supervisor starts it again. */
function storeThreadLog(log: Log): Required<Pick<StoreOptions, 'onDeath' | 'onGivenUp'>> {
  return {
    onDeath: (error) => log.error(faultFields(error), 'a thread of the store died and is started again'),
    onGivenUp: () => {
      log.fatal('a thread of the store died 4 times within a minute, so the process exits');
      process.exit(1);
    },
  };
}

function publicUrl(config: Config, port: number): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  const host = config.listenHost.includes(':') ? `[${config.listenHost}]` : config.listenHost;
  return `${config.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}

function warnAboutSettings(config: Config, log: Log): void {
  for (const name of config.unknownSettings) log.warn({ setting: name }, 'unknown setting, ignored');
  for (const name of config.unreadVariables)
    log.warn(
      { setting: name },
      'Regway does not read this variable of libpq: put what it says into the address of the database',
    );
  if (!config.loopbackOnly && config.tls === undefined) {
    log.warn(
      `the server is reachable from other machines without TLS, so tokens are sent in the clear: put a TLS proxy in front, or set REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE${config.publicUrl === undefined ? '. Pulls by a host name are refused until REGWAY_PUBLIC_URL or REGWAY_TRUSTED_PROXIES names the proxy' : ''}`,
    );
  }
}

/**
 * Closes every part in reverse order and removes it from the list, so that the listener stops accepting requests before
 * the parts that they need are closed. A part that fails to close does not keep the others open.
 * @throws the error of a part; if several failed, the last.
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
