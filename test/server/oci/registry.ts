// Registries on loopback with content to pull: with a token server or Basic, and with a storage that they redirect to.

import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { basicHeader, marker, secure } from '../../upstream/fixtures.ts';
import type { TestServer } from '../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../upstream/personalities.ts';

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const layer = Buffer.from('a layer of an image, in a few bytes');
export const layerDigest = digestOf(layer);
export const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    layers: [{ digest: layerDigest, urls: ['https://127.0.0.9/foreign'] }],
  }),
);
export const manifestDigest = digestOf(manifest);

/** A second password that a registry may be changed to. */
export const newPassword = 'New-Marker-0aVd7/Zk9+pX4';

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface PullRegistry extends TestServer {
  /** Token requests so far. */
  tokenRequests(): { readonly authorization: string | undefined; readonly query: URLSearchParams }[];
  /** Requests about content so far, as `METHOD url`. */
  contentRequests(): string[];
  /** Authorization headers of requests about content. */
  contentAuthorizations(): (string | undefined)[];
}

export interface RegistryOptions {
  readonly scheme?: 'bearer' | 'basic' | 'open';
  /** Answers requests about content that were let in; default `serveContent`. */
  readonly content?: RequestListener;
  /** The Authorization that is accepted; read at each request. */
  readonly accepts?: () => string;
  /** Lifetime of tokens. */
  readonly expiresIn?: number;
  /** Runs before a token is issued. */
  readonly beforeToken?: () => Promise<unknown>;
  /** Tokens that are refused by the registry though they were issued. */
  readonly isRevoked?: (token: string) => boolean;
  /** The permissions of anonymous clients at the token server and with its tokens. */
  readonly anonymous?: boolean;
}

export function basicOf(password: string): string {
  return `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
}

/** Starts a registry of TLS. It accepts alice with the marker as her password. */
export async function startRegistry(options: RegistryOptions = {}): Promise<PullRegistry> {
  let issued = 0;
  const tokens = new Map<string, string>();
  const accepts = options.accepts ?? (() => basicHeader);
  const content = options.content ?? serveContent;
  const token: RequestListener = (request, response) => {
    void (async () => {
      await options.beforeToken?.();
      const { authorization } = request.headers;
      const query = new URL(request.url ?? '', 'https://r.test').searchParams;
      const isAnonymous = authorization === undefined && options.anonymous === true;
      if (!isAnonymous && authorization !== accepts())
        return sendJson(response, 401, ociError('UNAUTHORIZED', `you sent ${authorization} ${marker}`));
      const value = `upstream-token-${(issued += 1)}`;
      tokens.set(value, query.get('scope') ?? '');
      return sendJson(response, 200, { token: value, expires_in: options.expiresIn ?? 300 });
    })();
  };
  const server = await secure((request, response) => {
    const url = request.url ?? '';
    if (url.startsWith('/token')) token(request, response);
    else if (isLetIn(request, options.scheme ?? 'bearer', accepts(), tokens, options.isRevoked)) {
      if (url === '/v2/') sendJson(response, 200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
      else content(request, response);
    } else refuse(request, response, options.scheme ?? 'bearer');
  });
  const isContent = ({ url }: { url: string }) => url.startsWith('/v2/') && url !== '/v2/';
  return {
    ...server,
    authorizations: () => server.authorizations(),
    tokenRequests: () =>
      server.received
        .filter(({ url }) => url.startsWith('/token'))
        .map(({ url, authorization }) => ({ authorization, query: new URL(url, 'https://r.test').searchParams })),
    contentRequests: () => server.received.filter(isContent).map(({ method, url }) => `${method} ${url}`),
    contentAuthorizations: () => server.received.filter(isContent).map(({ authorization }) => authorization),
  };
}

function isLetIn(
  { url = '', headers }: IncomingMessage,
  scheme: string,
  basic: string,
  tokens: ReadonlyMap<string, string>,
  isRevoked?: (token: string) => boolean,
): boolean {
  if (scheme === 'open') return true;
  if (scheme === 'basic') return headers.authorization === basic;
  const [, token = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  const scope = tokens.get(token);
  if (scope === undefined || isRevoked?.(token) === true) return false;
  if (scope === 'registry:catalog:*') return url.startsWith('/v2/_catalog');
  const [, repository = ''] = /^repository:(.+):pull$/.exec(scope) ?? [];
  return url === '/v2/' || url.startsWith(`/v2/${repository}/`);
}

function refuse(request: IncomingMessage, response: ServerResponse, scheme: string): void {
  const realm =
    scheme === 'basic'
      ? 'Basic realm="registry"'
      : `Bearer realm="https://${request.headers.host}/token",service="test"`;
  sendJson(response, 401, ociError('UNAUTHORIZED', 'log in'), {
    'www-authenticate': realm,
    'set-cookie': 'upstream=1',
  });
}

/** Manifest under the tag `latest` and its digest, one layer, two pages of tags; 404 for the rest. */
export const serveContent: RequestListener = (request, response) => {
  const [, kind, reference = ''] = /^[^?]*\/(manifests|blobs|tags|referrers)\/([^?/]+)/.exec(request.url ?? '') ?? [];
  if (kind === 'manifests' && ['latest', manifestDigest].includes(reference))
    send(request, response, manifest, {
      'content-type': manifestType,
      'docker-content-digest': manifestDigest,
      etag: `"${manifestDigest}"`,
    });
  else if (kind === 'blobs' && reference === layerDigest) sendLayer(request, response);
  else if (kind === 'tags')
    send(request, response, Buffer.from('{"name":"x","tags":["latest"]}'), {
      'content-type': 'application/json',
      link: `<${request.url?.split('?')[0]}?n=1&last=latest>; rel="next"`,
    });
  else sendJson(response, 404, ociError(kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN', 'not here'));
};

/** The layer, or the part of it that is asked for. */
export function sendLayer(request: IncomingMessage, response: ServerResponse): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  if (from === undefined || to === undefined)
    send(request, response, layer, { 'content-type': 'application/octet-stream' });
  else {
    const part = layer.subarray(Number(from), Number(to) + 1);
    response
      .writeHead(206, { 'content-length': part.length, 'content-range': `bytes ${from}-${to}/${layer.length}` })
      .end(part);
  }
}

export function send(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  headers: Record<string, string>,
): void {
  response.writeHead(200, {
    'content-length': body.length,
    'set-cookie': 'upstream=1',
    'x-upstream': 'secret',
    'www-authenticate': 'Bearer realm="https://127.0.0.1/elsewhere"',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
