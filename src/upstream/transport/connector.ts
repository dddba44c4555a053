// Makes every TCP and TLS connection to registries, token servers, and storage, and none to an address that the egress policy forbids.

import { isIP, connect as connectTcp } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import { callbackify } from 'node:util';
import { errors } from 'undici';
import type { buildConnector } from 'undici';
import type { EgressPolicy } from './egress.ts';
import { forbiddenAddressCode } from '../errors/network-errors.ts';
import type { BufferPool } from './memory/buffer-pool.ts';
import { createBufferedDuplex } from './buffered-duplex.ts';
import type { BufferedSocket } from './buffered-duplex.ts';

interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Resolves a name to all its addresses. */
export type Lookup = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** Progress of one connection. */
export type ConnectionPhase = 'RESOLVING' | 'CONNECTING' | 'SECURING' | 'READY';

interface ConnectorSettings {
  readonly egress: EgressPolicy;
  readonly lookup: Lookup;
  readonly connectTimeoutMs: number;
  readonly secureContext: SecureContext;
  /** The memory that content is read into. */
  readonly bufferPool: BufferPool;
  readonly verifyCertificate: boolean;
  /** Aborts connections that are still being made. */
  readonly signal: AbortSignal;
  /** @param origin `https://host[:port]` that is being connected to. */
  readonly onPhase: (phase: ConnectionPhase, origin: string) => void;
}

/** Milliseconds per address of a name. Node's 250 are too few for a registry on another continent. */
const addressAttemptTimeoutMs = 1_000;

/**
 * Creates undici's connector with three checks, because each alone can be bypassed: an IP literal is checked first (undici resolves no
 * literals), all addresses of a name are checked and one of exactly those is dialed, and the connected address is checked again.
 */
export function createConnector(settings: ConnectorSettings): buildConnector.connector {
  return (options, callback) => {
    const origin = `${options.protocol}//${options.host ?? options.hostname}`;
    const report = (phase: ConnectionPhase) => settings.onPhase(phase, origin);
    report('RESOLVING');
    if (isIP(options.hostname) !== 0 && !settings.egress.permits(options.hostname)) {
      callback(forbiddenAddress(), null);
      return;
    }
    if (isIP(options.hostname) !== 0) report('CONNECTING');
    const bufferedSocket = createBufferedDuplex(settings.bufferPool);
    const socket = openSocket(options, settings, bufferedSocket, () => report('CONNECTING'));
    settle(socket, options.protocol === 'https:', settings, report, (error) => {
      if (error !== null) callback(error, null);
      // undici uses only what every duplex stream has, and ref and unref.
      else callback(null, bufferedSocket.over(socket) as Socket);
    });
  };
}

function openSocket(
  options: buildConnector.Options,
  settings: ConnectorSettings,
  { onread }: BufferedSocket,
  onResolved: () => void,
): Socket | TLSSocket {
  const isSecure = options.protocol === 'https:';
  const common = {
    host: options.hostname,
    port: Number(options.port || (isSecure ? 443 : 80)),
    lookup: guardedLookup(settings, onResolved),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: addressAttemptTimeoutMs,
    onread,
  };
  if (!isSecure) return connectTcp(common);
  return connectTls({
    ...common,
    // RFC 6066 §3: no address literals in SNI.
    ...(isIP(options.hostname) === 0 ? { servername: options.hostname } : {}),
    ALPNProtocols: ['http/1.1'],
    secureContext: settings.secureContext,
    rejectUnauthorized: settings.verifyCertificate,
  });
}

/** Calls back once: with null when the socket can carry a request, or with the error that prevents it. */
function settle(
  socket: Socket,
  isSecure: boolean,
  settings: ConnectorSettings,
  report: (phase: ConnectionPhase) => void,
  callback: (error: Error | null) => void,
): void {
  const timer = setTimeout(() => socket.destroy(new errors.ConnectTimeoutError()), settings.connectTimeoutMs);
  const { signal } = settings;
  // Passed to the socket itself, the signal would keep every socket that ever existed in memory.
  const abort = () => socket.destroy(new DOMException('The connections are closed.', 'AbortError'));
  const finish = (error: Error | null) => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    socket.off('error', finish);
    callback(error);
  };
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  socket.setNoDelay(true);
  socket.once('error', finish);
  socket.once('connect', () => {
    if (!settings.egress.permits(socket.remoteAddress ?? '')) socket.destroy(forbiddenAddress());
    else if (isSecure) report('SECURING');
  });
  socket.once(isSecure ? 'secureConnect' : 'connect', () => {
    if (socket.destroyed) return;
    report('READY');
    finish(null);
  });
}

/** Creates the lookup of a socket, which returns exactly the addresses that were checked. */
function guardedLookup(settings: ConnectorSettings, onResolved: () => void): LookupFunction {
  return (hostname, options, callback) => {
    callbackify(() => resolvePermitted(hostname, settings))((error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return callback(error, []);
      onResolved();
      if (options.all === true) return callback(null, [...addresses]);
      return callback(null, first.address, first.family);
    });
  };
}

/** Returns all addresses of a name if each of them is permitted: a mixed response is a sign of DNS rebinding. */
async function resolvePermitted(
  hostname: string,
  { lookup, egress }: ConnectorSettings,
): Promise<readonly [ResolvedAddress, ...ResolvedAddress[]]> {
  const [first, ...others] = (await lookup(hostname)).map(({ address, family }) => ({ address, family }));
  if (first === undefined) throw Object.assign(new Error('The name has no address.'), { code: 'ENOTFOUND' });
  if (![first, ...others].every(({ address }) => egress.permits(address))) throw forbiddenAddress();
  return [first, ...others];
}

function forbiddenAddress(): Error {
  return Object.assign(new Error('The egress policy forbids this address.'), { code: forbiddenAddressCode });
}
