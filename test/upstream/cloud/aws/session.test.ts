// The sessions behind the server's own AWS identity: each ends, the next one is made, and no caller who leaves ends it for the others.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEcr } from '../../../../src/upstream/cloud/aws/ecr.ts';
import type { CloudProvider } from '../../../../src/upstream/cloud/provider.ts';
import { makeTemporaryDirectory } from '../../../support/temporary/directory.ts';
import { type Asked, json, login, type LoopbackCloud, type Reply, startCloud, startHttp } from '../servers.ts';

const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const role = 'arn:aws:iam::123456789012:role/pull';
const hourMs = 3600_000;

const profile = `[profile pull]\nrole_arn = ${role}\nsource_profile = base\n`;
const base = '[profile base]\naws_access_key_id = AKIAENVIRONMENT12345\naws_secret_access_key = environment-secret\n';
const middle = '[profile middle]\nrole_arn = arn:aws:iam::123456789012:role/middle\nsource_profile = base\n';

interface Setup {
  readonly config?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly username?: string;
  /** The sessions that STS makes for one login. */
  readonly sessions: number;
}

const setups: Readonly<Record<string, Setup>> = {
  'a profile with a role and a source profile': { config: profile + base, sessions: 1 },
  'a profile with a chain of roles': {
    config: profile.replace('source_profile = base', 'source_profile = middle') + middle + base,
    sessions: 2,
  },
  'a profile with a role and a credential source': {
    config: `[profile pull]\nrole_arn = ${role}\ncredential_source = Environment\n`,
    environment: { AWS_ACCESS_KEY_ID: 'AKIAENVIRONMENT12345', AWS_SECRET_ACCESS_KEY: 'environment-secret' },
    sessions: 1,
  },
  'a profile with a web identity': {
    config: `[profile pull]\nrole_arn = ${role}\nweb_identity_token_file = TOKEN\n`,
    sessions: 1,
  },
  'a web identity of the environment': {
    environment: { AWS_WEB_IDENTITY_TOKEN_FILE: 'TOKEN', AWS_ROLE_ARN: role },
    sessions: 1,
  },
};

interface Test {
  readonly provider: CloudProvider;
  readonly aws: LoopbackCloud;
  /** Answers of STS wait for it. */
  gate: Promise<void> | undefined;
  /** Sessions that ECR calls ended, whatever their expiry. */
  readonly revoked: Set<string>;
  sessions(): number;
  mint(signal?: AbortSignal): Promise<string>;
}

async function start({ config = '', environment = {}, username = 'awsauto' }: Setup): Promise<Test> {
  const directory = makeTemporaryDirectory('aws');
  const token = join(directory, 'token');
  writeFileSync(token, 'the-token-of-the-cluster');
  writeFileSync(join(directory, 'config'), config.replace('TOKEN', token));
  vi.stubEnv('AWS_CONFIG_FILE', join(directory, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(directory, 'none'));
  if (config !== '') vi.stubEnv('AWS_PROFILE', 'pull');
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value === 'TOKEN' ? token : value);
  let made = 0;
  const test = { gate: undefined as Promise<void> | undefined, revoked: new Set<string>() };
  const aws = await startCloud(async (asked) => {
    if (!isSts(asked)) return ecrReply(asked, test.revoked);
    await test.gate;
    made += 1;
    return stsReply(asked, made);
  });
  for (const service of ['ECR', 'STS']) vi.stubEnv(`AWS_ENDPOINT_URL_${service}`, aws.origin);
  const provider = createEcr({ http: startHttp(), ambient: true, now: () => new Date() });
  const identity = username === 'awsauto' ? login('awsauto', 'awsauto') : login(username, role);
  return Object.assign(test, {
    provider,
    aws,
    sessions: () => made,
    mint: async (signal = AbortSignal.timeout(20_000)) =>
      (await provider.issueLogin(host, identity, signal)).secret.reveal(),
  });
}

function isSts({ body }: Asked): boolean {
  return body.includes('Action=AssumeRole');
}

/** A session of one hour, numbered. */
function stsReply({ body }: Asked, number: number): Reply {
  const how = body.includes('WithWebIdentity') ? 'WithWebIdentity' : '';
  const expiration = new Date(Date.now() + hourMs).toISOString();
  const keys = `<AccessKeyId>ASIASESSION${number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session-${number}</SessionToken><Expiration>${expiration}</Expiration>`;
  const text = `<AssumeRole${how}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRole${how}Result><Credentials>${keys}</Credentials></AssumeRole${how}Result></AssumeRole${how}Response>`;
  return { headers: { 'content-type': 'text/xml' }, body: text };
}

function ecrReply({ headers }: Asked, revoked: ReadonlySet<string>): Reply {
  const session = String(headers['x-amz-security-token']);
  if (revoked.has(session)) return json({ __type: 'ExpiredTokenException', message: 'no' }, 400);
  return json({
    authorizationData: [
      {
        authorizationToken: Buffer.from(`AWS:for-${session}`).toString('base64'),
        expiresAt: (Date.now() + hourMs) / 1000,
        proxyEndpoint: `https://${host}`,
      },
    ],
  });
}

const inherited = [
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
];

beforeEach(() => {
  for (const name of inherited) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-03-01T12:00:00Z') });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

describe.each(Object.entries(setups))('%s', (_, setup) => {
  it('gets its next session when the first has ended, though the first caller left long ago', async () => {
    const test = await start(setup);
    const leaving = new AbortController();
    expect(await test.mint(leaving.signal)).toBe(`for-session-${setup.sessions}`);
    leaving.abort(new Error('the client left'));
    vi.setSystemTime(Date.now() + hourMs + 1_000);
    expect(await test.mint()).toBe(`for-session-${2 * setup.sessions}`);
    expect(test.sessions()).toBe(2 * setup.sessions);
  });

  it('makes one session for two callers, and the first who leaves does not end it for the second', async () => {
    const test = await start(setup);
    const { promise, resolve } = Promise.withResolvers<void>();
    test.gate = promise;
    const leaving = new AbortController();
    const left = test.mint(leaving.signal);
    const stays = test.mint();
    await vi.waitFor(() => expect(test.aws.asked.length).toBeGreaterThan(0));
    leaving.abort(new Error('the client left'));
    await expect(left).rejects.toThrow('the client left');
    resolve();
    expect(await stays).toBe(`for-session-${setup.sessions}`);
    expect(test.sessions()).toBe(setup.sessions);
  });

  it('gets its next session when AWS says that the first has ended, before the expiry that came with it', async () => {
    const test = await start(setup);
    await test.mint();
    test.revoked.add(`session-${setup.sessions}`);
    expect(await test.mint()).toBe(`for-session-${2 * setup.sessions}`);
  });
});

it('a role that is assumed with the role of a profile keeps working after the session of that profile', async () => {
  const test = await start({ ...setups['a profile with a role and a source profile']!, username: '_iam_role' });
  const leaving = new AbortController();
  expect(await test.mint(leaving.signal)).toBe('for-session-2');
  leaving.abort(new Error('the client left'));
  vi.setSystemTime(Date.now() + hourMs + 1_000);
  expect(await test.mint()).toBe('for-session-4');
});
