// The pull endpoint on loopback over the real domain, real tokens and a real upstream module, for the running test.

import { createServer, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Role } from '../../../src/core/authz/principal.ts';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { createAuthenticator, createTokenResolver } from '../../../src/server/auth/authenticator.ts';
import { issueToken } from '../../../src/server/auth/token-issuer.ts';
import { createOriginOf } from '../../../src/server/http/proxies/origin.ts';
import { createPullServer, type PullServerOptions } from '../../../src/server/oci/server.ts';
import { createPuller, type UpstreamSettings } from '../../../src/upstream/pull/puller.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';
import { marker, withCa } from '../../upstream/fixtures.ts';

export interface PullAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Code of the first error of the body, if it is the specification's JSON. */
  readonly code: string | undefined;
}

export interface PullEndpoint {
  readonly domain: TestDomain;
  readonly port: number;
  readonly url: string;
  /** A PULL token without limits, as the header that carries it. */
  readonly login: string;
  /** The logged warnings and errors. */
  readonly log: string[];
  /** The other logged lines. */
  readonly infos: string[];
  /** A token of the role, as its text. */
  token(role: Role, images?: readonly string[] | null, account?: string): Promise<string>;
  /** Stores a registry with alice and the marker. */
  add(
    registry: string,
    more?: { readonly password?: string; readonly secureConnection?: boolean; readonly trustedRealm?: string },
  ): Promise<Registry>;
  /** One request, its path sent as it is. Without headers it is logged in. */
  get(path: string, headers?: Record<string, string>, method?: string, body?: string): Promise<PullAnswer>;
}

export interface EndpointOptions {
  readonly anonymousAllowed?: boolean;
  readonly settings?: Partial<PullServerOptions['settings']>;
  readonly upstream?: Partial<UpstreamSettings>;
  readonly wrapUpstream?: (upstream: PullServerOptions['upstream']) => PullServerOptions['upstream'];
}

/** Returns `127.0.0.1:5000` as a component of a path. */
export function inPath(host: string): string {
  return host.replace(':', '_');
}

export async function openPullEndpoint(options: EndpointOptions = {}): Promise<PullEndpoint> {
  const domain = await openDomain({ anonymousAllowed: options.anonymousAllowed ?? true });
  const now = () => domain.time;
  const { access } = domain.store;
  const network = {
    loopbackAllowed: true,
    egressAllow: [],
    egressDeny: [],
    plainHttpHosts: [],
    now,
    monotonicMs: () => now().getTime(),
    redirects: 'follow',
    ...withCa,
    ...options.upstream,
  } as const;
  const upstream = createPuller(network);
  const log: string[] = [];
  const infos: string[] = [];
  const write = (fields: object, message: string) => void log.push(JSON.stringify({ message, ...fields }));
  const pull = createPullServer({
    pulls: domain.pulls,
    upstream: options.wrapUpstream?.(upstream) ?? upstream,
    grantKey: new Uint8Array(32).fill(7),
    authenticate: createAuthenticator({ access, now, schemes: ['bearer', 'basic'] }),
    resolveLogin: createTokenResolver({ access, now }),
    now,
    settings: {
      originOf: createOriginOf({ publicUrl: undefined, trustedProxies: [], loopbackOnly: true }),
      defaultUpstream: undefined,
      viaName: undefined,
      isOwnHost: () => false,
      ...options.settings,
    },
    log: {
      error: write,
      warn: write,
      info: (fields, message) => void infos.push(JSON.stringify({ message, ...fields })),
    },
    onGivenUp: () => write({}, 'given up'),
  });
  const server = createServer((request, response) => void pull.handle(request, response, { requestId: 'request-1' }));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
    await upstream.close();
    await domain.close();
  });
  const token: PullEndpoint['token'] = async (role, images = null, account = 'admin') =>
    (
      await issueToken({
        access,
        now,
        account,
        role,
        name: role,
        images,
        expiresAt: null,
        actor: 'test',
        requestId: 'test',
      })
    ).text.reveal();
  const login = `Bearer ${await token('PULL')}`;
  return {
    domain,
    port,
    url: `http://127.0.0.1:${port}`,
    login,
    log,
    infos,
    token,
    async add(registry, { password = marker, secureConnection = true, ...more } = {}) {
      const input = { registry, username: 'alice', password: new Secret(password), ...more };
      return (await domain.registries.create(callerOf('READ_WRITE'), input, { secureConnection, validate: false }))
        .registry;
    },
    get: (path, headers = { authorization: login }, method = 'GET', body) => ask(port, path, headers, method, body),
  };
}

/** Sends a request with its path unchanged, which `fetch` would normalize. */
function ask(
  port: number,
  path: string,
  headers: Record<string, string>,
  method: string,
  body: string | undefined,
): Promise<PullAnswer> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ port, host: '127.0.0.1', path, headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes, code: codeOf(bytes) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function codeOf(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { errors?: { code?: string }[] }).errors?.[0]?.code;
  } catch {
    return undefined;
  }
}
