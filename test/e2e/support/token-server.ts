// A small registry token server on its own origin: per-repository rights, RS256 tokens, and a record of what arrived.
// https://distribution.github.io/distribution/spec/auth/token/

import { createSign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readKeyPair } from './certificates.ts';
import type { KeyPair } from './certificates.ts';

export interface TokenUser {
  readonly password: string;
  /** Prefix of repository names to the actions that the user has there: `{ 'team-a/': ['pull', 'push'] }`. */
  readonly rights: Readonly<Record<string, readonly string[]>>;
}

export interface TokenRequest {
  readonly method: string;
  /** From the Authorization header; null when the request was anonymous. */
  readonly username: string | null;
  readonly scopes: readonly string[];
  /** Whether the user name and password were right, or there were none. */
  readonly accepted: boolean;
}

export interface TokenServerOptions {
  /** Loopback address to listen on. */
  readonly address: string;
  readonly tls: KeyPair;
  readonly signing: KeyPair;
  readonly users: Readonly<Record<string, TokenUser>>;
}

export interface TokenServer {
  /** `host:port`. */
  readonly host: string;
  readonly realm: string;
  /** TCP connections so far, whether or not a request came through them. */
  connections(): number;
  requests(): readonly TokenRequest[];
  /** Replaces all users. Issued tokens stay valid. */
  setUsers(users: Readonly<Record<string, TokenUser>>): void;
  stop(): Promise<void>;
}

export const tokenIssuer = 'regway-test-issuer';
export const tokenService = 'regway-test-registry';

/** Five minutes: longer than any test needs, shorter than a working day. */
const tokenLifetimeSeconds = 300;

/** Anonymous clients may pull from here, as at Docker Hub, so a token verifies no password. */
const publicPrefix = 'public/';

/** Starts the server on a free port of the address. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  let { users } = options;
  let connections = 0;
  const server = createServer(readKeyPair(options.tls), (request, response) => {
    const current = { ...options, users };
    requests.push(describe(current, request));
    answer(current, request, response);
  });
  server.on('connection', () => connections++);
  server.listen(0, options.address);
  await once(server, 'listening');
  const host = `${options.address}:${(server.address() as AddressInfo).port}`;
  return {
    host,
    realm: `https://${host}/token`,
    connections: () => connections,
    requests: () => requests,
    setUsers: (replacement) => (users = replacement),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function answer(options: TokenServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'https://token.invalid');
  const credential = basicCredential(request);
  const user = credential && options.users[credential.username];
  if (request.method !== 'GET' || url.pathname !== '/token') {
    send(response, 404, { errors: [{ code: 'NOT_FOUND', message: 'not found' }] });
  } else if (!isAccepted(options, credential)) {
    send(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'wrong name or password' }] });
  } else {
    const token = signToken(options, credential?.username, grant(user ?? null, url.searchParams.getAll('scope')));
    send(response, 200, { token, expires_in: tokenLifetimeSeconds, issued_at: new Date().toISOString() });
  }
}

/** The part of the wished actions that the user has: the intersection, never a refusal. */
function grant(user: TokenUser | null, scopes: readonly string[]): { type: string; name: string; actions: string[] }[] {
  const rights: TokenUser['rights'] = {
    ...user?.rights,
    [publicPrefix]: ['pull', ...(user?.rights[publicPrefix] ?? [])],
  };
  return scopes
    .flatMap((scope) => scope.split(' '))
    .flatMap((scope) => {
      const [, type, name, wished] = /^([^:]+):(.+):([^:]+)$/.exec(scope) ?? [];
      if (type === undefined || name === undefined || wished === undefined) {
        return [];
      }
      const owned = Object.entries(rights)
        .filter(([prefix]) => name.startsWith(prefix))
        .flatMap(([, actions]) => actions);
      return [{ type, name, actions: wished.split(',').filter((action) => owned.includes(action)) }];
    });
}

/** The form that docker-registry 2.8 and 3 both accept: x5c in standard base64, one audience, whole seconds. */
function signToken({ signing }: TokenServerOptions, subject: string | undefined, access: unknown): string {
  const certificate = new X509Certificate(readFileSync(signing.certificateFile));
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: 'JWT', alg: 'RS256', x5c: [certificate.raw.toString('base64')] };
  const claims = {
    iss: tokenIssuer,
    aud: tokenService,
    sub: subject ?? '',
    iat: now,
    nbf: now - 5,
    exp: now + tokenLifetimeSeconds,
    access,
  };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${createSign('sha256').update(signed).sign(readFileSync(signing.keyFile), 'base64url')}`;
}

function describe(options: TokenServerOptions, request: IncomingMessage): TokenRequest {
  const url = new URL(request.url ?? '/', 'https://token.invalid');
  const credential = basicCredential(request);
  return {
    method: request.method ?? '',
    username: credential?.username ?? null,
    scopes: url.searchParams.getAll('scope'),
    accepted: isAccepted(options, credential),
  };
}

function isAccepted({ users }: TokenServerOptions, credential: BasicCredential | null): boolean {
  return credential === null || users[credential.username]?.password === credential.password;
}

interface BasicCredential {
  readonly username: string;
  readonly password: string;
}

function basicCredential(request: IncomingMessage): BasicCredential | null {
  const encoded = /^basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (encoded === undefined) {
    return null;
  }
  const [username = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':') };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
