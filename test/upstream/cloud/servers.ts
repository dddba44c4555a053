// Loopback clouds for the tests: they check what they are sent as the real ones do, and some are hostile.

import { createHash, createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Advice } from '../../../src/core/registry/advice.ts';
import { wordAdvices } from '../../../src/core/registry/advice-words.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import type { Credential } from '../../../src/core/validation/validator.ts';
import { graphqlWords } from '../../../src/server/graphql/advice.ts';
import { createCloudClient } from '../../../src/upstream/cloud/minter.ts';
import type { HttpsClient } from '../../../src/upstream/transport/https-client.ts';
import { withCa } from '../fixtures.ts';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface LoopbackCloud {
  readonly origin: string;
  readonly asked: Asked[];
}

/** Starts a server for the running test. */
export async function startCloud(reply: (asked: Asked) => Reply | Promise<Reply>): Promise<LoopbackCloud> {
  const cloud = await serveCloud(reply);
  onTestFinished(() => cloud.close());
  return cloud;
}

/** Starts a server that the caller closes. */
export async function serveCloud(
  reply: (asked: Asked) => Reply | Promise<Reply>,
): Promise<LoopbackCloud & { close(): Promise<void> }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      asked.push(one);
      void Promise.resolve(reply(one)).then(({ status = 200, headers = {}, body = '' }) =>
        response.writeHead(status, headers).end(body),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close };
}

export function startHttp(): HttpsClient {
  // As the registries of these tests, so that both share one trust: parsing the system's certificates takes 10 ms.
  const http = createCloudClient(withCa);
  onTestFinished(() => http.close());
  return http;
}

export function json(content: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(content) };
}

export function login(username: string, password: string): Credential {
  return { username, password: new Secret(password) };
}

/** Access keys that the loopback AWS knows, with their secret, and the session token that must come with them. */
export type KnownKeys = Readonly<Record<string, { readonly secret: string; readonly sessionToken?: string }>>;

export interface Signer {
  readonly keyId: string;
  readonly region: string;
  readonly service: string;
}

/** Recomputes the signature (AWS Signature Version 4) and says who signed for what. @throws Error saying what is wrong. */
export function verifySignature({ method, url, headers, body }: Asked, keys: KnownKeys): Signer {
  const authorization = headers.authorization ?? '';
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null) throw new Error(`unsigned: ${authorization}`);
  const [, keyId = '', date = '', region = '', service = '', names = '', signature = ''] = match;
  const known = keys[keyId];
  if (known === undefined) throw new Error('UnrecognizedClientException');
  const signed = names.split(';');
  for (const name of ['host', 'x-amz-date', ...(known.sessionToken === undefined ? [] : ['x-amz-security-token'])])
    if (!signed.includes(name)) throw new Error(`${name} is not signed`);
  if (headers['x-amz-security-token'] !== known.sessionToken)
    throw new Error('the session token is not the one of the key');
  const { pathname, searchParams } = new URL(url, 'http://unused');
  if ([...searchParams].length > 0) throw new Error('a query was not expected');
  const canonicalHeaders = signed
    .map((name) => `${name}:${String(headers[name]).trim().replaceAll(/ +/g, ' ')}\n`)
    .join('');
  const canonical = [method, pathname, '', canonicalHeaders, names, sha256(body)].join('\n');
  const toSign = [
    'AWS4-HMAC-SHA256',
    headers['x-amz-date'],
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonical),
  ].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    (parent, part) => hmac(parent, part),
    `AWS4${known.secret}`,
  );
  if (hmac(key, toSign).toString('hex') !== signature) throw new Error('InvalidSignatureException');
  return { keyId, region, service };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The key file of a service account, with addresses in it that must not be contacted. */
export const googleKeyFile = {
  type: 'service_account',
  project_id: 'example',
  private_key_id: 'a1b2c3',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  client_email: 'puller@example.iam.gserviceaccount.com',
  auth_uri: 'http://169.254.169.254/auth',
  token_uri: 'http://169.254.169.254/token',
};

/** Reads an assertion as Google does. @throws Error saying what is wrong. */
export function verifyAssertion(assertion: string, nowMs: number): Record<string, unknown> {
  const [header = '', claims = '', signature = ''] = assertion.split('.');
  if (
    !verify(
      'RSA-SHA256',
      Buffer.from(`${header}.${claims}`),
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature, 'base64url'),
    )
  ) {
    throw new Error('the signature is wrong');
  }
  const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iat: number; exp: number; aud: string };
  const head = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
  if (head['alg'] !== 'RS256' || head['kid'] !== 'a1b2c3') throw new Error('the header is wrong');
  if (read.aud !== 'https://oauth2.googleapis.com/token') throw new Error('the audience is wrong');
  if (Math.abs(read.iat - nowMs / 1000) > 5 || read.exp - read.iat > 3600 || read.exp <= read.iat)
    throw new Error('the lifetime is wrong');
  return { ...read };
}

/** A JWT with these claims and no valid signature. */
export function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.c2ln`;
}

/** The failure of a promise that must fail, with everything that a log could show of it. */
export async function failureOf(promise: Promise<unknown>): Promise<{
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly everything: string;
}> {
  const { inspect } = await import('node:util');
  try {
    await promise;
  } catch (error) {
    const {
      message,
      advice = [],
      retryable = false,
    } = error as Error & {
      advice?: readonly Advice[];
      retryable?: boolean;
    };
    const hint = wordAdvices(graphqlWords, advice) ?? '';
    return {
      message,
      hint,
      retryable,
      everything: `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${message} ${hint}`,
    };
  }
  throw new Error('it did not fail');
}
