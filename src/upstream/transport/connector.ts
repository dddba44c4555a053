// Makes every TCP and TLS connection to registries, token servers, and storage, and none to an address that the egress policy forbids.

import { isIP, connect as connectTcp } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import { callbackify } from 'node:util';
import { errors } from 'undici';
import type { buildConnector } from 'undici';
import type { AddressGuard } from './addresses/guard.ts';
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
  readonly guard: AddressGuard;
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
    const port = portOf(options);
    const isLiteral = isIP(options.hostname) !== 0;
    const dialed = { isPrivate: isLiteral && settings.guard.isPrivate(options.hostname) };
    const fail = (error: Error) => callback(dialed.isPrivate ? Object.assign(error, privateMark) : error, null);
    const refused = isLiteral
      ? settings.guard.refuseAddress(options.hostname, port)
      : settings.guard.refuseName(options.hostname, port);
    if (refused !== undefined) {
      fail(refused);
      return;
    }
    if (isLiteral) report('CONNECTING');
    const bufferedSocket = createBufferedDuplex(settings.bufferPool);
    const socket = openSocket(options, settings, bufferedSocket, (addresses) => {
      dialed.isPrivate = addresses.some(({ address }) => settings.guard.isPrivate(address));
      report('CONNECTING');
    });
    settle(socket, options, settings, report, (error) => {
      if (error !== null) fail(error);
      // undici uses only what every duplex stream has, and ref and unref.
      else callback(null, bufferedSocket.over(socket) as Socket);
    });
  };
}

/** Marks the error of a connection to an address that only its own network reaches. */
const privateMark = { isPrivateAddress: true };

/** Called with the addresses of a name before they are judged. */
type OnResolved = (addresses: readonly ResolvedAddress[]) => void;

function openSocket(
  options: buildConnector.Options,
  settings: ConnectorSettings,
  { onread }: BufferedSocket,
  onResolved: OnResolved,
): Socket | TLSSocket {
  const isSecure = options.protocol === 'https:';
  const common = {
    host: options.hostname,
    port: portOf(options),
    lookup: guardedLookup(settings, portOf(options), onResolved),
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

function portOf({ port, protocol }: buildConnector.Options): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** Calls back once: with null when the socket can carry a request, or with the error that prevents it. */
function settle(
  socket: Socket,
  options: buildConnector.Options,
  settings: ConnectorSettings,
  report: (phase: ConnectionPhase) => void,
  callback: (error: Error | null) => void,
): void {
  const isSecure = options.protocol === 'https:';
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
    const { remoteAddress } = socket;
    // The other end may have closed it by now.
    const refused =
      remoteAddress === undefined ? closedConnection() : settings.guard.refuseAddress(remoteAddress, portOf(options));
    if (refused !== undefined) socket.destroy(refused);
    else if (isSecure) report('SECURING');
  });
  socket.once(isSecure ? 'secureConnect' : 'connect', () => {
    if (socket.destroyed) return;
    report('READY');
    finish(null);
  });
}

/** Creates the lookup of a socket, which returns exactly the addresses that were checked. */
function guardedLookup(settings: ConnectorSettings, port: number, onResolved: OnResolved): LookupFunction {
  return (hostname, options, callback) => {
    callbackify(() => resolvePermitted(hostname, port, settings, onResolved))((error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return callback(error, []);
      if (options.all === true) return callback(null, [...addresses]);
      return callback(null, first.address, first.family);
    });
  };
}

/** Returns all addresses of a name if each of them is permitted: a mixed response is a sign of DNS rebinding. */
async function resolvePermitted(
  hostname: string,
  port: number,
  { lookup, guard }: ConnectorSettings,
  onResolved: OnResolved,
): Promise<readonly [ResolvedAddress, ...ResolvedAddress[]]> {
  const [first, ...others] = (await lookup(hostname)).map(({ address, family }) => ({ address, family }));
  if (first === undefined) throw Object.assign(new Error('The name has no address.'), { code: 'ENOTFOUND' });
  onResolved([first, ...others]);
  for (const { address } of [first, ...others]) {
    const refused = guard.refuseAddress(address, port);
    if (refused !== undefined) throw refused;
  }
  return [first, ...others];
}

function closedConnection(): Error {
  return Object.assign(new Error('The connection was closed.'), { code: 'ECONNRESET' });
}
