// The four kinds of cloud logins over loopback: a cloud that issues logins, and a registry that accepts the ones it is told to.

import type { RequestListener } from 'node:http';
import { onTestFinished, vi } from 'vitest';
import type { RegistryType } from '../../../src/core/registry/registry.ts';
import type { Credential } from '../../../src/core/validation/validator.ts';
import { createEcr } from '../../../src/upstream/cloud/aws/ecr.ts';
import { createAcr } from '../../../src/upstream/cloud/azure/acr.ts';
import { createGcr } from '../../../src/upstream/cloud/google/artifact-registry.ts';
import type { CloudProvider, CloudType } from '../../../src/upstream/cloud/provider.ts';
import { ociError, sendJson } from '../personalities.ts';
import { googleKeyFile, json, jwt, login, type LoopbackCloud, type Reply, startCloud, startHttp } from './servers.ts';

const tenant = '11111111-2222-3333-4444-555555555555';
const app = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';

/** One kind of cloud login. */
export interface CloudKind {
  readonly name: string;
  readonly type: CloudType & RegistryType;
  readonly host: string;
  readonly identity: Credential;
  readonly scheme: 'basic' | 'bearer';
  /** The answer with a login, whose secret is `secret`. */
  grant(secret: string, nowMs: number): Reply;
  secretOf(number: number, nowMs: number): string;
  /** What the cloud says while it is busy; `retryAfter` is a header of its own. */
  busy(retryAfter: Readonly<Record<string, string>>): Reply;
  /** What the cloud says of an identity that it rejects for good: one answer for each cause. */
  readonly final: Readonly<Record<string, Reply>>;
  provider(origin: string, now: () => Date): CloudProvider;
}

const hourMs = 3600_000;
const awsKey = login('AKIAEXAMPLEEXAMPLE12', 'Secret-7fQ2/Zk9+pX4vLw8RtB1aaaaaaaaaaaaa');

function awsError(code: string, headers: Readonly<Record<string, string>> = {}, status = 400): Reply {
  return {
    ...json({ __type: code, message: 'no' }, status),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': code, ...headers },
  };
}

function awsGrant(secret: string, nowMs: number, host: string | undefined): Reply {
  const data = {
    authorizationToken: Buffer.from(`AWS:${secret}`).toString('base64'),
    expiresAt: (nowMs + 12 * hourMs) / 1000,
  };
  return json({ authorizationData: host === undefined ? data : [{ ...data, proxyEndpoint: `https://${host}` }] });
}

const awsFinal = {
  'a wrong secret': awsError('InvalidSignatureException'),
  'an unknown key': awsError('UnrecognizedClientException'),
  'an inactive key': awsError('InvalidClientTokenId', {}, 403),
  'a missing permission': awsError('AccessDeniedException'),
  'a blocked account': awsError('Blocked'),
};

function awsProvider(origin: string, now: () => Date): CloudProvider {
  for (const service of ['ECR', 'ECR_PUBLIC', 'STS']) vi.stubEnv(`AWS_ENDPOINT_URL_${service}`, origin);
  onTestFinished(() => void vi.unstubAllEnvs());
  return createEcr({ http: startHttp(), ambient: false, now });
}

const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

export const cloudKinds: readonly CloudKind[] = [
  {
    name: 'Amazon ECR',
    type: 'AWSECR',
    host: ecr,
    identity: awsKey,
    scheme: 'basic',
    secretOf: (number) => `login-${number}`,
    grant: (secret, nowMs) => awsGrant(secret, nowMs, ecr),
    busy: (retryAfter) => awsError('ThrottlingException', retryAfter),
    final: awsFinal,
    provider: awsProvider,
  },
  {
    name: 'Amazon ECR Public',
    type: 'AWSECR',
    host: 'public.ecr.aws',
    identity: awsKey,
    scheme: 'bearer',
    secretOf: (number) => `login-${number}`,
    grant: (secret, nowMs) => awsGrant(secret, nowMs, undefined),
    busy: (retryAfter) => awsError('TooManyRequestsException', retryAfter, 429),
    final: awsFinal,
    provider: awsProvider,
  },
  {
    name: 'Google Artifact Registry',
    type: 'GCR',
    host: 'europe-docker.pkg.dev',
    identity: login('_json_key', JSON.stringify(googleKeyFile)),
    scheme: 'bearer',
    secretOf: (number) => `login-${number}`,
    grant: (secret) => json({ access_token: secret, expires_in: 3600 }),
    busy: (retryAfter) => ({ ...json({ error: 'rate_limit_exceeded' }, 403), headers: retryAfter }),
    final: {
      'a deleted key': json({ error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }, 400),
      'an unknown account': json({ error: 'invalid_client' }, 401),
      'a policy': json({ error: 'access_denied' }, 403),
      'a disabled client': json({ error: 'disabled_client' }, 401),
    },
    provider: (origin, now) =>
      createGcr({ http: startHttp(), ambient: false, now, tokenUrl: new URL('/token', origin) }),
  },
  {
    name: 'Azure Container Registry',
    type: 'ACR',
    host: 'example.azurecr.io',
    identity: login(`${tenant}/${app}`, 'Client~Secret-7fQ2Zk9'),
    scheme: 'bearer',
    secretOf: (number, nowMs) => jwt({ jti: `login-${number}`, exp: (nowMs + 3 * hourMs) / 1000 }),
    grant: (secret) => json({ refresh_token: secret, access_token: jwt({ tid: tenant }) }),
    busy: (retryAfter) => ({
      ...json({ error: 'temporarily_unavailable', error_codes: [90024] }, 429),
      headers: retryAfter,
    }),
    final: {
      'a wrong secret': json({ error: 'invalid_client', error_codes: [7000215] }, 401),
      'an unknown app': json({ error: 'unauthorized_client', error_codes: [700016] }, 400),
      'a disabled app': json({ error: 'unauthorized_client', error_codes: [7000112] }, 400),
      'a missing role': json({ errors: [{ code: 'UNAUTHORIZED' }] }, 401),
    },
    provider: (origin, now) =>
      createAcr({
        http: startHttp(),
        ambient: false,
        now,
        authority: new URL(origin),
        registryOrigin: () => new URL(origin),
      }),
  },
];

/** A running cloud, and what its registry is told. */
export interface RunningCloud {
  readonly cloud: LoopbackCloud;
  /** Secrets of issued logins, in order. */
  readonly issued: string[];
  /** What the cloud answers in the place of a login. */
  failure: Reply | undefined;
  /** Which logins the registry accepts. */
  accepts: (secret: string) => boolean;
  /** What the registry answers to any other. */
  refusal: number;
}

/** Starts the cloud of a kind, which issues logins until it is told to fail. */
export async function startKind(kind: CloudKind, now: () => Date): Promise<RunningCloud> {
  const running: Omit<RunningCloud, 'cloud'> = {
    issued: [],
    failure: undefined,
    accepts: () => true,
    refusal: 401,
  };
  const cloud = await startCloud(({ url }) => {
    if (running.failure !== undefined) return running.failure;
    const nowMs = now().getTime();
    // The first of the two steps of Azure issues nothing.
    const isFirstStep = url.endsWith('/oauth2/v2.0/token');
    const secret = kind.secretOf(running.issued.length + 1, nowMs);
    if (!isFirstStep) running.issued.push(secret);
    return kind.grant(secret, nowMs);
  });
  return Object.assign(running, { cloud });
}

/** The registry of a kind: `/v2/` and every repository require a login that it accepts, by Basic or for a token. */
export function registryOf({ scheme }: CloudKind, running: RunningCloud): RequestListener {
  return (request, response) => {
    const { authorization = '', host } = request.headers;
    const refuse = (headers: Record<string, string>) =>
      sendJson(response, authorization === '' ? 401 : running.refusal, ociError('UNAUTHORIZED'), headers);
    if (request.url?.startsWith('/token') === true) {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const secret =
          new URLSearchParams(Buffer.concat(chunks).toString()).get('refresh_token') ?? basicSecret(authorization);
        if (!running.accepts(secret)) sendJson(response, running.refusal, ociError('UNAUTHORIZED'));
        else sendJson(response, 200, { token: `t.${Buffer.from(secret).toString('base64url')}.x`, expires_in: 3600 });
      });
      return;
    }
    const secret = scheme === 'basic' ? basicSecret(authorization) : bearerSecret(authorization);
    if (secret !== '' && running.accepts(secret)) sendJson(response, 200, 'content');
    else
      refuse({
        'www-authenticate': scheme === 'basic' ? 'Basic realm="x"' : `Bearer realm="https://${host}/token",service="s"`,
      });
  };
}

function basicSecret(authorization: string): string {
  const [, encoded = ''] = /^Basic (.+)$/.exec(authorization) ?? [];
  return Buffer.from(encoded, 'base64').toString().split(':').slice(1).join(':');
}

function bearerSecret(authorization: string): string {
  const [, encoded = ''] = /^Bearer t\.(.+)\.x$/.exec(authorization) ?? [];
  return Buffer.from(encoded, 'base64url').toString();
}
