// Amazon ECR: the real SDK against a loopback AWS that recomputes every signature.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEcr } from '../../../../src/upstream/cloud/aws/ecr.ts';
import type { HttpsClient, HttpsRequest } from '../../../../src/upstream/transport/https-client.ts';
import type { Minting } from '../../../../src/upstream/cloud/provider.ts';
import { failureOf, json, login, startCloud, startHttp, verifySignature } from '../servers.ts';
import type { Asked, KnownKeys, LoopbackCloud, Reply } from '../servers.ts';
import { makeTemporaryDirectory } from '../../../support/temporary/directory.ts';

const now = new Date('2026-03-01T12:00:00Z');
const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const secretKey = 'Secret-7fQ2/Zk9+pX4vLw8RtB1aaaaaaaaaaaaa';
const key = login('AKIAEXAMPLEEXAMPLE12', secretKey);
const role = 'arn:aws:iam::123456789012:role/deep/pull';
const session = { keyId: 'ASIASESSIONSESSION12', secret: 'session-secret', sessionToken: 'session-token/with+signs==' };

const keys: KnownKeys = {
  AKIAEXAMPLEEXAMPLE12: { secret: secretKey },
  AKIAENVIRONMENT12345: { secret: 'environment-secret' },
  ASIAINSTANCEROLE1234: { secret: 'instance-secret', sessionToken: 'instance-token' },
  [session.keyId]: { secret: session.secret, sessionToken: session.sessionToken },
};

/** A login as ECR issues it. */
function granted(
  more: {
    readonly password?: string;
    readonly expiresAt?: Date;
    readonly proxyEndpoint?: string;
    readonly username?: string;
  } = {},
): Reply {
  const {
    password = 'minted-password',
    expiresAt = new Date(now.getTime() + 12 * 3600_000),
    proxyEndpoint = `https://${host}`,
    username = 'AWS',
  } = more;
  const authorizationToken = Buffer.from(`${username}:${password}`).toString('base64');
  return {
    ...json({ authorizationData: [{ authorizationToken, expiresAt: expiresAt.getTime() / 1000, proxyEndpoint }] }),
    headers: { 'content-type': 'application/x-amz-json-1.1' },
  };
}

function refused(code: string, message = 'no', status = 400): Reply {
  return {
    ...json({ __type: code, message }, status),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': code },
  };
}

/** Starts an AWS and points the SDK to it, as an operator would. */
async function startAws(reply: (asked: Asked) => Reply): Promise<LoopbackCloud> {
  const aws = await startCloud(reply);
  for (const service of ['ECR', 'ECR_PUBLIC', 'STS']) vi.stubEnv(`AWS_ENDPOINT_URL_${service}`, aws.origin);
  return aws;
}

async function mint(
  registryHost = host,
  credential = key,
  ambient = false,
  http: HttpsClient = startHttp(),
): Promise<Minting> {
  return createEcr({ http, ambient, now: () => now }).issueLogin(registryHost, credential, AbortSignal.timeout(20_000));
}

beforeEach(() => {
  for (const name of [
    'AWS_PROFILE',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_REGION',
    'AWS_DEFAULT_REGION',
    'AWS_ENDPOINT_URL',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_ROLE_ARN',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  ])
    vi.stubEnv(name, undefined);
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/does/not/exist');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('an access key', () => {
  it('becomes a login of the account in the host, by a request signed for the region in the host', async () => {
    const aws = await startAws(() => granted());
    const minted = await mint();
    expect([minted.username, minted.secret.reveal(), minted.expiresAt.toISOString()]).toEqual([
      'AWS',
      'minted-password',
      '2026-03-02T00:00:00.000Z',
    ]);
    expect(aws.asked).toHaveLength(1);
    const [asked] = aws.asked;
    expect(verifySignature(asked!, keys)).toEqual({ keyId: key.username, region: 'eu-west-1', service: 'ecr' });
    expect(JSON.parse(asked!.body)).toEqual({ registryIds: ['123456789012'] });
    expect(asked!.headers['x-amz-target']).toBe('AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken');
    expect(asked!.headers['user-agent']).toContain('regway');
  });

  it('is the only identity that is used: neither the environment nor the instance is read', async () => {
    const metadata = await startCloud(() => ({ status: 500 }));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', undefined);
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', metadata.origin);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const aws = await startAws(() => granted());
    await mint();
    expect(verifySignature(aws.asked[0]!, keys).keyId).toBe(key.username);
    expect(metadata.asked).toEqual([]);
  });

  it('opens the public registry, which has one region', async () => {
    const aws = await startAws(() =>
      json({
        authorizationData: {
          authorizationToken: Buffer.from('AWS:public-password').toString('base64'),
          expiresAt: now.getTime() / 1000 + 3600,
        },
      }),
    );
    const minted = await mint('public.ecr.aws');
    expect(minted.secret.reveal()).toBe('public-password');
    expect(verifySignature(aws.asked[0]!, keys)).toEqual({
      keyId: key.username,
      region: 'us-east-1',
      service: 'ecr-public',
    });
  });

  it.each([
    [host, 'https://api.ecr.eu-west-1.amazonaws.com/'],
    ['123456789012.dkr.ecr-fips.us-east-1.amazonaws.com', 'https://api.ecr-fips.us-east-1.amazonaws.com/'],
    ['123456789012.dkr.ecr.us-gov-west-1.amazonaws.com', 'https://api.ecr.us-gov-west-1.amazonaws.com/'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'https://api.ecr.cn-north-1.amazonaws.com.cn/'],
    ['123456789012.dkr-ecr.us-west-2.on.aws', 'https://ecr.us-west-2.api.aws/'],
    ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'https://api.ecr.eusc-de-east-1.amazonaws.eu/'],
    ['public.ecr.aws', 'https://api.ecr-public.us-east-1.amazonaws.com/'],
  ])('of %s goes to %s and nowhere else', async (registryHost, url) => {
    const sent: HttpsRequest[] = [];
    const send = async (request: HttpsRequest) => {
      sent.push(request);
      return { status: 400, headers: {}, body: Buffer.from('{"__type":"AccessDeniedException"}') };
    };
    await failureOf(mint(registryHost, key, false, { send, close: async () => undefined }));
    expect(sent.map((request) => request.url.href)).toEqual([url]);
  });
});

describe('the identity of the server', () => {
  it.each([
    ['awsauto', 'awsauto'],
    ['awsauto', 'another text'],
    ['AKIAEXAMPLEEXAMPLE12', 'awsauto'],
    ['_iam_role', role],
  ])('is not used for %s / %s while the setting is off', async (username, password) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const aws = await startAws(() => granted());
    const { hint } = await failureOf(mint(host, login(username, password)));
    expect(hint).toContain('REGWAY_AWS_AMBIENT=true');
    expect(aws.asked).toEqual([]);
  });

  it('comes from the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const aws = await startAws(() => granted());
    await mint(host, login('awsauto', 'awsauto'), true);
    expect(verifySignature(aws.asked[0]!, keys).keyId).toBe('AKIAENVIRONMENT12345');
  });

  it('comes from the role of the instance, over IMDSv2', async () => {
    const metadata = await startCloud(({ method, url, headers }) => {
      if (method === 'PUT' && url === '/latest/api/token') return { body: 'imds-session' };
      if (headers['x-aws-ec2-metadata-token'] !== 'imds-session') return { status: 401 };
      if (url.endsWith('/security-credentials/')) return { body: 'instance-role' };
      return json({
        Code: 'Success',
        AccessKeyId: 'ASIAINSTANCEROLE1234',
        SecretAccessKey: 'instance-secret',
        Token: 'instance-token',
        Expiration: '2099-01-01T00:00:00Z',
      });
    });
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', undefined);
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', metadata.origin);
    const aws = await startAws(() => granted());
    await mint(host, login('awsauto', 'awsauto'), true);
    expect(verifySignature(aws.asked[0]!, keys).keyId).toBe('ASIAINSTANCEROLE1234');
    expect(metadata.asked.length).toBeGreaterThan(1);
  });

  it('comes from a container', async () => {
    const container = await startCloud(({ headers }) =>
      headers.authorization === 'container-token'
        ? json({
            AccessKeyId: 'ASIAINSTANCEROLE1234',
            SecretAccessKey: 'instance-secret',
            Token: 'instance-token',
            Expiration: '2099-01-01T00:00:00Z',
          })
        : { status: 401 },
    );
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${container.origin}/credentials`);
    vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN', 'container-token');
    const aws = await startAws(() => granted());
    await mint(host, login('awsauto', 'awsauto'), true);
    expect(verifySignature(aws.asked[0]!, keys).keyId).toBe('ASIAINSTANCEROLE1234');
  });

  it.each([
    [
      'a profile',
      { credentials: '[team]\naws_access_key_id = AKIAENVIRONMENT12345\naws_secret_access_key = environment-secret\n' },
      { AWS_PROFILE: 'team', AWS_SHARED_CREDENTIALS_FILE: 'credentials' },
      'AKIAENVIRONMENT12345',
    ],
    [
      'a web identity',
      { token: 'the-token-of-the-cluster' },
      { AWS_WEB_IDENTITY_TOKEN_FILE: 'token', AWS_ROLE_ARN: role },
      session.keyId,
    ],
  ])('comes from %s', async (_, files, environment, keyId) => {
    const directory = makeTemporaryDirectory('aws');
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    for (const [name, value] of Object.entries(environment))
      vi.stubEnv(name, Object.hasOwn(files, value) ? join(directory, value) : value);
    const aws = await startAws(({ body }) =>
      body.includes('Action=AssumeRoleWithWebIdentity') && body.includes('the-token-of-the-cluster')
        ? assumed('WithWebIdentity')
        : granted(),
    );
    await mint(host, login('awsauto', 'awsauto'), true);
    expect(verifySignature(aws.asked.at(-1)!, keys).keyId).toBe(keyId);
  });

  it('that does not exist is reported', async () => {
    const aws = await startAws(() => granted());
    const { message, hint } = await failureOf(mint(host, login('awsauto', 'awsauto'), true));
    expect(message).toContain('CredentialsProviderError');
    expect(hint).toContain('no AWS identity');
    expect(aws.asked).toEqual([]);
  });

  it.each([
    [role, null],
    [`${role};team-7/ext`, 'team-7/ext'],
  ])('assumes the role %s', async (password, externalId) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const aws = await startAws(({ body }) => (body.includes('Action=AssumeRole') ? assumed() : granted()));
    const minted = await mint(host, login('_iam_role', password), true);
    expect(minted.secret.reveal()).toBe('minted-password');
    const [first, second] = aws.asked;
    expect(verifySignature(first!, keys)).toEqual({
      keyId: 'AKIAENVIRONMENT12345',
      region: 'eu-west-1',
      service: 'sts',
    });
    const form = new URLSearchParams(first!.body);
    expect([form.get('Action'), form.get('RoleArn'), form.get('ExternalId'), form.get('RoleSessionName')]).toEqual([
      'AssumeRole',
      role,
      externalId,
      'regway',
    ]);
    expect(verifySignature(second!, keys)).toEqual({ keyId: session.keyId, region: 'eu-west-1', service: 'ecr' });
  });

  it('is reported if it is not allowed to assume the role', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const error =
      '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>';
    await startAws(() => ({ status: 403, headers: { 'content-type': 'text/xml' }, body: error }));
    const { message, hint } = await failureOf(mint(host, login('_iam_role', `${role};secret-external-id`), true));
    expect(message).toBe('AWS STS issued no login for the stored identity (AccessDenied).');
    expect(hint).toContain('sts:AssumeRole');
  });
});

function assumed(how = ''): Reply {
  const body = `<AssumeRole${how}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRole${how}Result><Credentials><AccessKeyId>${session.keyId}</AccessKeyId><SecretAccessKey>${session.secret}</SecretAccessKey><SessionToken>${session.sessionToken}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRole${how}Result></AssumeRole${how}Response>`;
  return { headers: { 'content-type': 'text/xml' }, body };
}

describe('an unusable identity', () => {
  it.each([
    ['alice', 'secret'],
    ['akiaexampleexample12', 'secret'],
    ['AWS', 'a docker login password'],
    ['ASIATEMPORARYKEY1234', 'secret'],
    ['_iam_role', 'pull'],
    ['_iam_role', `${role};a;b`],
    ['_iam_role', `${role};with space`],
    ['_iam_role', 'arn:aws:iam::123456789012:user/alice'],
    ['_iam_role', 'arn:aws:iam::123456789012:role/x;'],
  ])('%s / %s is refused before anything is sent, and not repeated', async (username, password) => {
    const aws = await startAws(() => granted());
    const { everything } = await failureOf(mint(host, login(username, password), true));
    expect(everything).toContain('Nothing was sent');
    expect(everything).not.toContain(`${password}"`);
    expect(aws.asked).toEqual([]);
  });
});

describe('a rejection by AWS', () => {
  it.each([
    ['UnrecognizedClientException', /deleted or inactive.*China and GovCloud/, false],
    ['InvalidSignatureException', /secret access key/, false],
    ['ExpiredTokenException', /has expired/, false],
    ['AccessDeniedException', /Allow ecr:GetAuthorizationToken/, false],
    ['RequestExpired', /clock/, true],
    ['OptInRequired', /region/, false],
    ['SomethingNewException', /documentation/, true],
  ])('with %s says that code and what to do', async (code, expected, retryable) => {
    await startAws(() => refused(code));
    const failure = await failureOf(mint());
    expect(failure.message).toBe(`Amazon ECR issued no login for the stored identity (${code}).`);
    expect(failure.hint).toMatch(expected);
    expect(failure.retryable).toBe(retryable);
  });

  it('because of the clock is distinguished from one because of the secret key', async () => {
    await startAws(() =>
      refused('InvalidSignatureException', 'Signature expired: 20260301T110000Z is now earlier than 20260301T115500Z'),
    );
    expect((await failureOf(mint())).hint).toContain('clock');
  });

  it('is the real one for a wrong secret key: the signature is not the one that AWS computes', async () => {
    await startAws((asked) => {
      try {
        verifySignature(asked, keys);
        return granted();
      } catch (error) {
        return refused((error as Error).message);
      }
    });
    expect((await failureOf(mint(host, login(key.username, 'wrong')))).message).toContain('InvalidSignatureException');
    expect((await failureOf(mint(host, login('AKIAUNKNOWNUNKNOWN12', 'wrong')))).message).toContain(
      'UnrecognizedClientException',
    );
    expect((await mint()).username).toBe('AWS');
  });

  it('that repeats the secret key as its code and in its message shows nothing of it', async () => {
    const letters = 'SecretOfLettersOnlySecretOfLettersOnly12';
    await startAws(() => refused(letters, `you sent ${letters}`));
    const failure = await failureOf(mint(host, login(key.username, letters)));
    expect(failure.everything).not.toContain(letters);
    expect(failure.message).toContain('an error without a code');
  });
});

describe('a hostile response', () => {
  it.each<[string, () => Reply]>([
    ['for another account', () => granted({ proxyEndpoint: 'https://999999999999.dkr.ecr.eu-west-1.amazonaws.com' })],
    ['for another region', () => granted({ proxyEndpoint: 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com' })],
    ['for a look-alike host', () => granted({ proxyEndpoint: `https://${host}.evil.net` })],
    ['for a plain HTTP endpoint', () => granted({ proxyEndpoint: `http://${host}` })],
    ['that ended in the past', () => granted({ expiresAt: new Date('2015-01-01') })],
    ['that ends in this moment', () => granted({ expiresAt: now })],
    ['for another user', () => granted({ username: 'root' })],
    ['with a line break in the password', () => granted({ password: 'minted-password\r\nX-Evil: 1' })],
    ['with no password', () => granted({ password: '' })],
    ['with no login', () => json({ authorizationData: [] })],
    ['that is no JSON', () => ({ body: '<html>minted-password' })],
    ['of 10 MB', () => granted({ password: 'minted-password'.repeat(700_000) })],
    ['that redirects', () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/minted-password' } })],
  ])('%s mints nothing and leaks nothing', async (_, reply) => {
    await startAws(reply);
    const { everything } = await failureOf(mint());
    expect(everything).not.toContain('minted-password');
    expect(everything).not.toContain(secretKey);
  });

  it('that expires in a hundred years is used for twelve hours', async () => {
    await startAws(() => granted({ expiresAt: new Date('2126-01-01') }));
    expect((await mint()).expiresAt.toISOString()).toBe('2026-03-02T00:00:00.000Z');
  });
});

describe('a host that only looks like ECR', () => {
  it.each([
    `${host}.evil.net`,
    `${host}:8443`,
    'x123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    '12345678901.dkr.ecr.eu-west-1.amazonaws.com',
    '123456789012.dkr.ecr.eu-west-1.evil.amazonaws.com',
    '123456789012.dkr.ecr.eu-west-1amazonaws.com',
    '123456789012.dkr.ecr.evil.net.amazonaws.com',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com\n',
    '123456789012.dkr.ecr.cn-north-1.amazonaws.com',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn',
    '123456789012.dkr.ecr..amazonaws.com',
    'dkr.ecr.eu-west-1.amazonaws.com',
    'evil-public.ecr.aws',
    'public.ecr.aws.evil.net',
    'localhost:5000',
  ])('such as %j is asked nothing and sent nothing', async (registryHost) => {
    const aws = await startAws(() => granted());
    expect((await failureOf(mint(registryHost))).message).toContain('not a registry of Amazon ECR');
    expect(aws.asked).toEqual([]);
  });
});
