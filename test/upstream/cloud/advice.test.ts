// Every advice about the identity of a cloud, executed: a loopback cloud provokes it, the test does what it says, and the cloud issues a login. A kind without an execution does not compile.

import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AdviceOf, CloudAdviceKind } from '../../../src/core/registry/advice.ts';
import type { RegistryType } from '../../../src/core/registry/registry.ts';
import type { ValidationReport } from '../../../src/core/registry/report.ts';
import type { Credential, Validator } from '../../../src/core/validation/validator.ts';
import { createCloud } from '../../../src/upstream/cloud/minter.ts';
import { reportOf } from '../../support/domain.ts';
import { type Asked, googleKeyFile, json, jwt, login, type Reply, startCloud } from './servers.ts';

const now = new Date('2026-03-01T12:00:00Z');
const secret = 'Secret-7fQ2/Zk9+pX4vLw8RtB1aaaaaaaaaaaaa';
const role = 'arn:aws:iam::123456789012:role/pull';
const tenant = '11111111-2222-3333-4444-555555555555';
const app = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';

const accessKey = login('AKIAEXAMPLEEXAMPLE12', secret);
const principal = login(`${tenant}/${app}`, secret);
const keyFile = login('_json_key', JSON.stringify(googleKeyFile));

/** What a person can change: the stored identity, the registry, the settings of the server, and the cloud. */
interface World {
  host: string;
  readonly type: RegistryType;
  credential: Credential;
  ambient: boolean;
  reply: (asked: Asked) => Reply;
}

interface Execution<Kind extends CloudAdviceKind> {
  readonly world: World;
  readonly follow: (advice: AdviceOf<Kind>, world: World) => void;
}

const ecrHost = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const otherEcrHost = '999999999999.dkr.ecr.eu-west-1.amazonaws.com';

function ecrLogin(host = ecrHost): Reply {
  const data = {
    authorizationToken: Buffer.from('AWS:minted').toString('base64'),
    expiresAt: now.getTime() / 1000 + 3600,
    proxyEndpoint: `https://${host}`,
  };
  return { ...json({ authorizationData: [data] }), headers: { 'content-type': 'application/x-amz-json-1.1' } };
}

function awsRefusal(code: string): Reply {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': code };
  return { ...json({ __type: code, message: 'no' }, 400), headers };
}

const stsSession = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIASESSIONSESSION12</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;

/** AWS grants every login: the roles by STS, the rest by ECR. */
const aws = ({ body }: Asked): Reply =>
  body.includes('Action=AssumeRole') ? { headers: { 'content-type': 'text/xml' }, body: stsSession } : ecrLogin();

const azure = ({ url }: Asked): Reply =>
  url === '/oauth2/exchange'
    ? json({ refresh_token: jwt({ exp: now.getTime() / 1000 + 3600 }) })
    : json({ access_token: jwt({ tid: tenant }) });

const google = (): Reply => json({ access_token: 'minted', expires_in: 3600 });

const worlds = {
  aws: (more: Partial<World> = {}): World => ({
    host: ecrHost,
    type: 'AWSECR',
    credential: accessKey,
    ambient: false,
    reply: aws,
    ...more,
  }),
  azure: (more: Partial<World> = {}): World => ({
    host: 'example.azurecr.io',
    type: 'ACR',
    credential: principal,
    ambient: false,
    reply: azure,
    ...more,
  }),
  google: (more: Partial<World> = {}): World => ({
    host: 'europe-docker.pkg.dev',
    type: 'GCR',
    credential: keyFile,
    ambient: false,
    reply: google,
    ...more,
  }),
};

type Execute = () => Execution<CloudAdviceKind>;

/** The cloud answers otherwise until somebody follows the advice there, or corrects what it is about. */
function untilMended(cloud: keyof typeof worlds, reply: World['reply'], more: Partial<World> = {}): Execute {
  return () => ({
    world: worlds[cloud]({ ...more, reply }),
    follow: (_advice, world) => {
      world.reply = { aws, azure, google }[cloud];
    },
  });
}

/** The stored identity is not one of the cloud until the right one is stored. */
function untilStored(cloud: keyof typeof worlds, wrong: Credential, right: Credential, ambient = false): Execute {
  return () => ({
    world: worlds[cloud]({ credential: wrong, ambient }),
    follow: (_advice, world) => {
      world.credential = right;
    },
  });
}

/** The cloud rejects one stored secret, and accepts another. */
function untilReplaced(cloud: keyof typeof worlds, refusal: Reply): Execute {
  const wrong = { aws: accessKey, azure: principal, google: keyFile }[cloud];
  const right = login(
    wrong.username,
    cloud === 'google' ? JSON.stringify({ ...googleKeyFile, private_key_id: 'new' }) : 'Right-secret',
  );
  return () => {
    let accepted = false;
    return {
      world: worlds[cloud]({ reply: (asked) => (accepted ? { aws, azure, google }[cloud](asked) : refusal) }),
      follow: (_advice, world) => {
        world.credential = right;
        accepted = true;
      },
    };
  };
}

const nothing: Asked = { method: '', url: '', headers: {}, body: '' };
const entra =
  (number: number): World['reply'] =>
  () =>
    json({ error: 'invalid_client', error_codes: [number] }, 401);
const refusedBy =
  (error: string): World['reply'] =>
  () =>
    json({ error }, 400);
const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const managed = login('azureauto', app);

const executions: Readonly<Record<CloudAdviceKind, Execute>> = {
  USE_CLOUD_HOST: () => ({
    world: worlds.google({ host: 'registry.example' }),
    follow: (advice, world) => {
      world.host = (advice as AdviceOf<'USE_CLOUD_HOST'>).names.split(' or ')[0] ?? '';
    },
  }),
  ALLOW_AMBIENT: () => ({
    world: worlds.azure({ credential: login('azureauto', 'azureauto') }),
    follow: (advice, world) => {
      expect((advice as AdviceOf<'ALLOW_AMBIENT'>).setting).toBe('REGWAY_AZURE_AMBIENT');
      world.ambient = true;
    },
  }),
  CHECK_CLOUD_PROXY: untilMended('google', () => json({})),
  CHECK_CLOUD_NETWORK: untilMended('google', () => ({ status: 0 })),
  CHECK_CLOUD_ACCOUNT: untilMended('aws', () => awsRefusal('Blocked')),
  WAIT_FOR_CLOUD: untilMended('azure', () => entra(90033)(nothing)),
  CHECK_CLOUD_REGISTRY: () => ({
    world: worlds.aws({ host: otherEcrHost }),
    follow: (_advice, world) => {
      world.host = ecrHost;
    },
  }),
  CHECK_SESSION: untilReplaced('aws', awsRefusal('ExpiredTokenException')),
  CHECK_ACCESS_KEY: untilReplaced('aws', awsRefusal('UnrecognizedClientException')),
  CHECK_SECRET_KEY: untilReplaced('aws', awsRefusal('InvalidSignatureException')),
  ALLOW_ACTION: untilMended('aws', () => awsRefusal('AccessDeniedException')),
  CHECK_REGION: untilMended('aws', () => awsRefusal('OptInRequired')),
  CHECK_WEB_IDENTITY: untilMended('aws', () => awsRefusal('InvalidIdentityToken')),
  PROVIDE_AWS_IDENTITY: untilStored('aws', login('awsauto', 'awsauto'), accessKey, true),
  USE_ROLE: untilStored('aws', login('_iam_role', 'pull'), login('_iam_role', role), true),
  USE_EXTERNAL_ID: untilStored('aws', login('_iam_role', `${role};a b`), login('_iam_role', `${role};ab`), true),
  USE_ACCESS_KEY: untilStored('aws', login('AWS', 'a docker login'), accessKey),
  USE_LONG_TERM_KEY: untilStored('aws', login('ASIATEMPORARYKEY1234', secret), accessKey),
  USE_SECRET_VALUE: untilReplaced('azure', entra(7000215)(nothing)),
  RENEW_CLIENT_SECRET: untilReplaced('azure', entra(7000222)(nothing)),
  CHECK_CLIENT_SECRET: untilReplaced('azure', json({ error: 'invalid_client' }, 401)),
  CHECK_APP: untilMended('azure', entra(700016)),
  CHECK_TENANT: untilMended('azure', entra(90002)),
  ENABLE_APP: untilMended('azure', entra(7000112)),
  ALLOW_CONDITIONAL_ACCESS: untilMended('azure', entra(53003)),
  ASSIGN_MANAGED_IDENTITY: untilMended('azure', refusedBy('identity_not_found'), {
    credential: managed,
    ambient: true,
  }),
  ASSIGN_PULL_ROLE: untilMended('azure', (asked) =>
    asked.url === '/oauth2/exchange' ? json({ errors: [{ code: 'DENIED' }] }, 403) : azure(asked),
  ),
  USE_SERVICE_PRINCIPAL: untilStored('azure', login('admin', 'x'), principal),
  USE_MANAGED_IDENTITY: untilStored('azure', login('azureauto', 'x'), managed, true),
  CREATE_SERVICE_ACCOUNT_KEY: untilReplaced('google', json({ error: 'invalid_grant' }, 400)),
  USE_KEY_FILE: untilStored('google', login('robot', 'x'), keyFile),
  USE_WHOLE_KEY_FILE: untilStored(
    'google',
    login('_json_key', JSON.stringify({ ...googleKeyFile, private_key: small })),
    keyFile,
  ),
  USE_SERVICE_ACCOUNT_KEY: untilStored('google', login('_json_key', '{"type":"authorized_user"}'), keyFile),
  USE_GOOGLE_CLOUD_KEY: untilStored(
    'google',
    login('_json_key', JSON.stringify({ ...googleKeyFile, universe_domain: 'other.example' })),
    keyFile,
  ),
  CHECK_ORGANIZATION_POLICY: untilMended('google', refusedBy('access_denied')),
  CHECK_SERVICE_ACCOUNT: untilMended('google', refusedBy('something_new')),
  LOOK_UP_CODE: untilMended('aws', () => awsRefusal('SomethingNewException')),
};

const validator: Validator = { check: async () => reportOf('VALID', []) };

/** Validates the identity of a world at a cloud of its own. */
async function run(world: World): Promise<ValidationReport> {
  const server = await startCloud((asked) => world.reply(asked));
  for (const service of ['ECR', 'STS']) vi.stubEnv(`AWS_ENDPOINT_URL_${service}`, server.origin);
  const origin = new URL(server.origin);
  const unreachable = world.reply(nothing).status === 0;
  const cloud = createCloud({
    extraCa: undefined,
    now: () => now,
    ambient: { aws: world.ambient, gcp: world.ambient, azure: world.ambient },
    google: { tokenUrl: unreachable ? new URL('http://127.0.0.1:1/token') : new URL('/token', origin) },
    azure: { authority: origin, metadataOrigin: origin, registryOrigin: () => origin },
  });
  onTestFinished(() => cloud.close());
  const target = { repository: null, secureConnection: true, trustedRealm: null, probeRepository: null };
  return cloud.wrapValidator(validator).check({ ...target, host: world.host, type: world.type }, world.credential);
}

beforeEach(() => {
  for (const name of Object.keys(process.env).filter((one) => one.startsWith('AWS_'))) vi.stubEnv(name, undefined);
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/does/not/exist');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each(Object.entries(executions))('%s solves its situation once it is followed', async (kind, execution) => {
  const { world, follow } = execution();
  if (kind.startsWith('USE_ROLE') || kind.startsWith('USE_EXTERNAL')) {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
  }
  const before = await run(world);
  const advice = before.advice?.find((one) => one.kind === kind);
  expect(advice, `${before.message} ${JSON.stringify(before.advice)}`).toBeDefined();
  follow(advice as AdviceOf<CloudAdviceKind>, world);
  expect(await run(world)).toMatchObject({ outcome: 'VALID' });
});

describe('white space at an end', () => {
  it.each<[string, World, readonly string[]]>([
    [
      'of a secret access key',
      worlds.aws({ credential: login(accessKey.username, `${secret}\n`) }),
      ['REMOVE_PASSWORD_SPACE', 'CHECK_SECRET_KEY'],
    ],
    [
      'of an access key ID',
      worlds.aws({ credential: login(`${accessKey.username} `, secret) }),
      ['REMOVE_USERNAME_SPACE', 'USE_ACCESS_KEY', 'USE_TYPE'],
    ],
    [
      'of awsauto as the password',
      worlds.aws({ credential: login('x', 'awsauto\n'), ambient: true }),
      ['REMOVE_PASSWORD_SPACE', 'USE_ACCESS_KEY', 'USE_TYPE'],
    ],
    [
      'of a client secret',
      worlds.azure({ credential: login(principal.username, `${secret}\n`) }),
      ['REMOVE_PASSWORD_SPACE', 'USE_SECRET_VALUE'],
    ],
    [
      'of an app ID',
      worlds.azure({ credential: login(` ${principal.username}`, secret) }),
      ['REMOVE_USERNAME_SPACE', 'USE_SERVICE_PRINCIPAL', 'USE_TYPE'],
    ],
    [
      'of the client ID of a managed identity',
      worlds.azure({ credential: login('azureauto', `${app}\n`), ambient: true }),
      ['REMOVE_PASSWORD_SPACE', 'USE_MANAGED_IDENTITY'],
    ],
    [
      'of _json_key',
      worlds.google({ credential: login('_json_key ', JSON.stringify(googleKeyFile)) }),
      ['REMOVE_USERNAME_SPACE', 'USE_KEY_FILE', 'USE_TYPE'],
    ],
  ])('%s is named first, and without it the cloud issues a login', async (_case, world, kinds) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT12345');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'environment-secret');
    const { reply, credential } = world;
    const isRight = () => credential.password.reveal() === credential.password.reveal().trim();
    world.reply = (asked) =>
      isRight() || world.credential !== credential
        ? reply(asked)
        : world.type === 'ACR'
          ? entra(7000215)(asked)
          : awsRefusal('InvalidSignatureException');
    const report = await run(world);
    expect(report.advice?.map(({ kind }) => kind)).toEqual(kinds);
    expect(JSON.stringify(report)).not.toContain(secret);
    world.credential = login(credential.username.trim(), credential.password.reveal().trim());
    expect(await run(world)).toMatchObject({ outcome: 'VALID' });
  });

  it('around a key file is not blamed, because the file is read without it', async () => {
    const world = worlds.google({
      credential: login('_json_key', `${JSON.stringify(googleKeyFile)}\n`),
      reply: refusedBy('invalid_grant'),
    });
    expect((await run(world)).advice?.map(({ kind }) => kind)).toEqual(['CREATE_SERVICE_ACCOUNT_KEY', 'CORRECT_CLOCK']);
  });
});
