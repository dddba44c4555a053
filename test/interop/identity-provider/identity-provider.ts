// A real OpenID provider (the npm package oidc-provider) on loopback: people sign in with any password, machines with a client secret.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';
import type { CookieBrowser } from '../../support/cookie-browser.ts';

export interface IdentityProvider {
  /** Where it says that it is. Its host is another site than 127.0.0.1, as issuers are. */
  readonly url: string;
  /** Every path that was asked for. */
  readonly asked: string[];
  /** Registers the address of our server at which sign-ins end. */
  register(redirectUri: string): Promise<void>;
  /** An access token as a JWT for the audience, by client credentials. */
  accessToken(audience: string): Promise<string>;
  /** Signs with a new key from now on, and no longer shows the old one. */
  rotate(): Promise<void>;
  /** Stops responding, at all paths or only at this one, and then starts again. */
  setDown(isDown: boolean, path?: string): void;
  close(): Promise<void>;
}

export interface IdentityProviderOptions {
  /** The claims of every token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds that an ID token lives. */
  readonly idTokenSeconds?: number;
}

export const consoleClient = { id: 'regway-console', secret: 'console-secret-of-the-provider' };
const machineClient = { id: 'machine', secret: 'machine-secret-of-the-provider' };

export async function startIdentityProvider({
  claims,
  idTokenSeconds = 3600,
}: IdentityProviderOptions): Promise<IdentityProvider> {
  const asked: string[] = [];
  const redirectUris = ['http://127.0.0.1/never'];
  const state = {
    isDown: (_path: string): boolean => false,
    key: await newKey('first'),
    handle: (_: IncomingMessage, response: ServerResponse): void => void response.destroy(),
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    asked.push(path);
    if (state.isDown(path)) request.socket.destroy();
    else state.handle(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const configure = (): void => {
    state.handle = new Provider(
      url,
      configurationOf({ claims, idTokenSeconds, key: state.key, redirectUris }),
    ).callback();
  };
  configure();
  return {
    url,
    asked,
    async register(redirectUri) {
      redirectUris.push(redirectUri);
      configure();
    },
    accessToken: (audience) => accessToken(url, audience),
    async rotate() {
      state.key = await newKey(`key-${asked.length}`);
      configure();
    },
    setDown: (isDown, only) => void (state.isDown = (path) => isDown && (only === undefined || only === path)),
    close: () => close(server),
  };
}

async function newKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}

interface Parts extends Required<IdentityProviderOptions> {
  readonly key: JWK;
  readonly redirectUris: readonly string[];
}

function configurationOf({ claims, idTokenSeconds, key, redirectUris }: Parts): object {
  return {
    jwks: { keys: [key] },
    cookies: { keys: ['a key for the cookies of a test'] },
    clients: [
      {
        client_id: consoleClient.id,
        client_secret: consoleClient.secret,
        redirect_uris: [...redirectUris],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
      {
        client_id: machineClient.id,
        client_secret: machineClient.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
    ],
    pkce: { required: () => true },
    // Custom claims are added to the ID token itself.
    conformIdTokenClaims: false,
    claims: { openid: ['sub', ...Object.keys(claims)] },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, ...claims }) }),
    extraTokenClaims: () => claims,
    ttl: {
      IdToken: idTokenSeconds,
      AccessToken: 3600,
      ClientCredentials: 3600,
      Grant: 3600,
      Interaction: 3600,
      Session: 3600,
    },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, audience: string) => ({ scope: '', audience, accessTokenFormat: 'jwt' }),
      },
    },
  };
}

async function accessToken(url: string, audience: string): Promise<string> {
  const answer = await fetch(`${url}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${machineClient.id}:${machineClient.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience }),
  });
  const { access_token: token } = (await answer.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`the provider issued no token: HTTP ${answer.status}`);
  return token;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
}

/**
 * Signs in as alice and consents, as a person does in the provider's own pages.
 * @param start where our server begins a sign-in.
 * @param end The start of the address that the provider redirects the browser to. That address is returned, not visited.
 */
export async function signInAt(browser: CookieBrowser, start: string, end: string): Promise<string> {
  let next = await browser.follow(start, `${end}callback`);
  for (let count = 0; next.visit !== undefined && count < 3; count += 1) {
    const [, form = ''] = /<form[^>]* action="([^"]+)"/.exec(next.visit.text) ?? [];
    const [, prompt = ''] = /name="prompt" value="([^"]+)"/.exec(next.visit.text) ?? [];
    const sent = await browser.visit(form, {
      method: 'POST',
      body: new URLSearchParams({ prompt, login: 'alice', password: 'any' }),
    });
    if (sent.location === undefined) throw new Error(`the provider answered HTTP ${sent.status} to its own form`);
    next = await browser.follow(sent.location, end);
  }
  return next.url;
}
