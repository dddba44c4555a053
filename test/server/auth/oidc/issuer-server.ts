// Runs a scripted issuer on loopback: its keys, its metadata, its failures, and tokens of every kind.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
} from 'jose';
import { onTestFinished } from 'vitest';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  /** The public key as PEM, which an attacker can fetch. */
  readonly publicPem: string;
}

export interface IssuerServer {
  readonly url: string;
  /** The keys that `/jwks` serves. */
  keys: SigningKey[];
  /** Replaces the answer at a path. */
  readonly answers: Map<string, (response: ServerResponse) => void>;
  /** Every path that was asked for. */
  readonly asked: string[];
  /** Drops connections unanswered. */
  isDown: boolean;
}

export async function makeKey(kid: string, alg = 'RS256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  // Without `alg`, as large providers publish theirs: only the settings decide which algorithms are allowed.
  return {
    kid,
    alg,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' },
    publicPem: await exportSPKI(publicKey),
  };
}

/** Starts one for the running test. */
export async function startIssuer(keys: SigningKey[]): Promise<IssuerServer> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    issuer.asked.push(path);
    if (issuer.isDown) return void request.socket.destroy();
    const answer = issuer.answers.get(path);
    if (answer !== undefined) return answer(response);
    if (path === '/.well-known/openid-configuration')
      return sendJson(response, { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` });
    if (path === '/jwks') return sendJson(response, { keys: issuer.keys.map(({ publicJwk }) => publicJwk) });
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const issuer: IssuerServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    answers: new Map(),
    asked: [],
    isDown: false,
  };
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return issuer;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Signs claims as they are. */
export function sign(key: SigningKey, claims: JWTPayload, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
    .sign(key.privateKey);
}
