// Real servers on loopback for the tests of the V2 module: they count what they receive, and some of them are hostile.

import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { generate } from 'selfsigned';
import { onTestFinished } from 'vitest';
import type { ValidationReport } from '../../src/core/registry/report.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import type { CheckOptions, CheckTarget, Credential } from '../../src/core/validation/validator.ts';
import type { NetworkSettings } from '../../src/upstream/transport/settings.ts';
import { createValidator } from '../../src/upstream/validation/validator.ts';

/** Planted as the password; no report may hold it. */
export const marker = 'Marker-7fQ2/Zk9+pX4vLw8RtB1';
export const credential: Credential = { username: 'alice', password: new Secret(marker) };
export const basicHeader = `Basic ${Buffer.from(`alice:${marker}`).toString('base64')}`;

export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

interface CertificateOptions {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly ca?: KeyAndCertificate;
}

/** A CA and the certificates that a test run needs; made once for each test file. @param issuer Its own CA; it signs itself without one. */
export async function createAuthority(name = 'Test CA', issuer?: KeyAndCertificate): Promise<KeyAndCertificate> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(issuer === undefined ? {} : { ca: { key: issuer.key, cert: issuer.cert } }),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

export async function createCertificate({
  names = ['localhost'],
  addresses = ['127.0.0.1', '::1'],
  notBefore,
  notAfter,
  ca,
}: CertificateOptions): Promise<KeyAndCertificate> {
  const made = await generate([{ name: 'commonName', value: 'leaf' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(notBefore === undefined ? {} : { notBeforeDate: notBefore }),
    ...(notAfter === undefined ? {} : { notAfterDate: notAfter }),
    ...(ca === undefined ? {} : { ca: { key: ca.key, cert: ca.cert } }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
}

export interface TestServer {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  readonly origin: string;
  readonly received: Received[];
  /** TCP connections so far. */
  connections(): number;
  /** Authorization headers so far. */
  authorizations(): string[];
}

export interface ServerOptions {
  /** Undefined: plain HTTP. */
  readonly tls?: (KeyAndCertificate & TlsOptions) | undefined;
  readonly address?: string;
}

/** Starts a server for the running test; it is closed when the test ends. */
export async function startServer(
  handler: RequestListener,
  { tls, address = '127.0.0.1' }: ServerOptions = {},
): Promise<TestServer> {
  const received: Received[] = [];
  const listener: RequestListener = (request, response) => {
    const { method = '', url = '', headers } = request;
    received.push({ method, url, authorization: headers.authorization, headers });
    handler(request, response);
  };
  const server: Server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  const { port, connections } = await listen(server, address);
  const host = `${address}:${port}`;
  const authorizations = () =>
    received.flatMap(({ authorization }) => (authorization === undefined ? [] : [authorization]));
  return {
    host,
    port,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}`,
    received,
    connections,
    authorizations,
  };
}

/** A TCP server that does with its sockets what the test says. */
export async function startTcpServer(
  onSocket: (socket: Socket) => void,
  address = '127.0.0.1',
): Promise<Pick<TestServer, 'host' | 'port' | 'connections'>> {
  const server = createTcpServer(onSocket);
  const { port, connections } = await listen(server, address);
  return { host: `${address}:${port}`, port, connections };
}

async function listen(
  server: TcpServer | Server,
  address: string,
): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, connections: () => count };
}

/** A port of this machine where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs one check with loopback open, unless the settings say otherwise. */
export async function check(
  target: Partial<CheckTarget> & { readonly host: string },
  settings: Partial<NetworkSettings> = {},
  options: CheckOptions = {},
  used: Credential = credential,
): Promise<ValidationReport> {
  const validator = createValidator({
    loopbackAllowed: true,
    egressAllow: [],
    egressDeny: [],
    plainHttpHosts: [],
    extraCa: undefined,
    now: () => new Date(),
    ...settings,
  });
  try {
    return await validator.check(
      {
        repository: null,
        type: 'DOCKER_V2',
        secureConnection: true,
        trustedRealm: null,
        probeRepository: null,
        ...target,
      },
      used,
      options,
    );
  } finally {
    await validator.close();
  }
}

/** `KIND STATUS` of each step. */
export function trailOf(report: ValidationReport): string[] {
  return report.steps.map(({ kind, status }) => `${kind} ${status}`);
}

/** A JWT with these claims and no valid signature. */
export function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.c2ln`;
}

/** A CA that checks trust by `withCa`, and a certificate of it for loopback. */
export const authority = await createAuthority();
export const certificate = await createCertificate({ ca: authority });
export const withCa = { extraCa: authority.cert } as const;

/** Starts an HTTPS server with the trusted certificate. */
export function secure(handler: RequestListener): Promise<TestServer> {
  return startServer(handler, { tls: certificate });
}
