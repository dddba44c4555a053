// Issues logins for Amazon ECR, from the stored access key or role, or from the server's own cloud identity.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

import type { ECRClientConfig } from '@aws-sdk/client-ecr';
import type { defaultProvider } from '@aws-sdk/credential-provider-node';
import { orAborted } from '../../../core/pulls/abort.ts';
import type { HttpsClient } from '../../transport/https-client.ts';
import { advise, CloudFailure, unfitHost, unusable } from '../failure.ts';
import { checkedMinting, type CloudProvider, issued, type MintedCredential } from '../provider.ts';
import { type AwsCall, awsFailure, isEndedSession } from './errors.ts';
import { type EcrHost, parseEcrHost, type PrivateEcrHost } from './host.ts';
import { type EcrIdentity, parseEcrIdentity } from './identity.ts';
import { retryOnce } from './retry.ts';
import { type AwsTransport, createAwsTransport } from './transport.ts';

interface EcrSettings {
  readonly http: HttpsClient;
  /** Whether registries may use the server's own identity, directly or to assume a role. */
  readonly ambient: boolean;
  readonly now: () => Date;
}

type AwsCredentials = NonNullable<ECRClientConfig['credentials']>;

/** What all logins share. */
interface Aws {
  readonly transport: AwsTransport;
  readonly now: () => Date;
  /** Returns the credentials of the server's own identity. @param region Where the roles of its profile are assumed, if the profile names no region. @param forceRefresh Whether the cached ones do not count. */
  readonly ambient: (region: string, forceRefresh: boolean) => Promise<AwsCredentials>;
}

/** The state of issuing one login. */
interface Session extends Aws {
  readonly signal: AbortSignal;
  /** The secrets that no failure may show; grows with each response. */
  readonly secrets: string[];
  /** Whether AWS said that the session of an identity has ended. */
  hasEnded: boolean;
}

/** The login in a response of the service. */
interface LoginData {
  readonly authorizationToken?: string | undefined;
  readonly expiresAt?: Date | undefined;
  readonly proxyEndpoint?: string | undefined;
}

const ecr: AwsCall = { service: 'Amazon ECR', action: 'ecr:GetAuthorizationToken' };
const ecrPublic: AwsCall = {
  service: 'Amazon ECR Public',
  action: 'ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken',
};
const sts: AwsCall = {
  service: 'AWS STS',
  action: 'sts:AssumeRole (in the trust policy of the role too, with the same external ID)',
};

const ownIdentity: AwsCall = {
  service: 'AWS',
  action: 'sts:AssumeRole or sts:AssumeRoleWithWebIdentity, as the AWS profile of this server requires,',
};

/** The only region in which the public registry has its API. */
const publicRegion = 'us-east-1';

/** Maximum lifetime in milliseconds: a login of ECR is valid for 12 hours, or as long as the session that requested it. */
const maxLifeMs = 12 * 60 * 60 * 1000;

/** Creates the provider. Loads the SDK only for the first login. */
export function createEcr(settings: EcrSettings): CloudProvider {
  const transport = createAwsTransport(settings.http, 'AWS');
  const aws: Aws = { transport, now: settings.now, ambient: createAmbient(transport) };
  return {
    async issueLogin(host, credential, signal) {
      const place = parseEcrHost(host);
      if (place === undefined)
        throw unfitHost('Amazon ECR', '123456789012.dkr.ecr.us-east-1.amazonaws.com, or public.ecr.aws');
      const identity = parseEcrIdentity(credential, settings.ambient);
      const session: Session = { ...aws, signal, secrets: [credential.password.reveal()], hasEnded: false };
      const region = place.kind === 'public' ? publicRegion : place.region;
      const request = async (forceRefresh: boolean) =>
        requestLogin(session, place, region, await credentialsFor(session, identity, region, forceRefresh));
      const data = await request(false).catch((error: unknown) => {
        // AWS knows better than the expiry that came with the session, which can also have been revoked.
        if (identity.kind === 'key' || !session.hasEnded) throw error;
        return request(true);
      });
      const minted = readLogin(data, place, settings.now().getTime());
      return { ...minted, message: issued('Amazon ECR', minted) };
    },
  };
}

/**
 * Creates the SDK's credential chain, once, because it caches its credentials until they expire. It sends its requests by the signal of no
 * call: several callers wait for the same session, and the client that assumes a role is the one of its first session.
 */
function createAmbient(transport: AwsTransport): Aws['ambient'] {
  let chain: ReturnType<typeof defaultProvider> | undefined;
  return async (region, forceRefresh) => {
    // Some of its requests go to the machine's own metadata service, by the SDK itself.
    const { defaultProvider: createChain } = await import('@aws-sdk/credential-provider-node');
    chain ??= createChain();
    return chain({ forceRefresh, callerClientConfig: { region: async () => region, requestHandler: transport } });
  };
}

async function credentialsFor(
  session: Session,
  identity: EcrIdentity,
  region: string,
  forceRefresh: boolean,
): Promise<AwsCredentials> {
  if (identity.kind === 'key') return { accessKeyId: identity.accessKeyId, secretAccessKey: identity.secretAccessKey };
  const own = await call(session, ownIdentity, () => orAborted(session.ambient(region, forceRefresh), session.signal));
  return identity.kind === 'ambient' ? own : assumeRole(session, identity, region, own);
}

async function assumeRole(
  session: Session,
  identity: Extract<EcrIdentity, { kind: 'role' }>,
  region: string,
  credentials: AwsCredentials,
): Promise<AwsCredentials> {
  const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts');
  const client = new STSClient(clientSettings(session, region, credentials));
  const command = new AssumeRoleCommand({
    RoleArn: identity.roleArn,
    RoleSessionName: 'regway',
    ...(identity.externalId === undefined ? {} : { ExternalId: identity.externalId }),
  });
  const { Credentials: issuedKeys } = await call(session, sts, () =>
    client.send(command, { abortSignal: session.signal }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken } = issuedKeys ?? {};
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
    throw unusable('AWS STS', 'its response contains no session');
  session.secrets.push(SecretAccessKey, SessionToken);
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

async function requestLogin(
  session: Session,
  place: EcrHost,
  region: string,
  credentials: AwsCredentials,
): Promise<LoginData> {
  const settings = clientSettings(session, region, credentials);
  if (place.kind === 'public') {
    const { ECRPUBLICClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr-public');
    const client = new ECRPUBLICClient(settings);
    const { authorizationData } = await call(session, ecrPublic, () =>
      client.send(new GetAuthorizationTokenCommand({}), { abortSignal: session.signal }),
    );
    return authorizationData ?? {};
  }
  const { ECRClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
  const client = new ECRClient({ ...settings, useFipsEndpoint: place.isFips, useDualstackEndpoint: place.isDualStack });
  // Without the account, the login would be for the caller's own registry, which is another one if accounts share images.
  const command = new GetAuthorizationTokenCommand({ registryIds: [place.account] });
  const { authorizationData } = await call(session, ecr, () => client.send(command, { abortSignal: session.signal }));
  return authorizationData?.[0] ?? {};
}

function clientSettings({ transport }: Session, region: string, credentials: AwsCredentials) {
  return {
    region,
    credentials,
    requestHandler: transport,
    retryStrategy: retryOnce,
    customUserAgent: 'regway',
  } as const;
}

async function call<Result>(session: Session, what: AwsCall, run: () => Promise<Result>): Promise<Result> {
  const { signal, secrets, now } = session;
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    session.hasEnded ||= isEndedSession(error);
    throw awsFailure(error, what, secrets, now().getTime());
  }
}

function readLogin(
  { authorizationToken = '', expiresAt, proxyEndpoint }: LoginData,
  place: EcrHost,
  nowMs: number,
): MintedCredential {
  if (place.kind === 'private' && !belongsTo(proxyEndpoint, place)) {
    throw new CloudFailure(
      'Amazon ECR issued a login for another registry than the requested one, so it is not used.',
      advise('CHECK_CLOUD_REGISTRY'),
    );
  }
  const [, username, secret] = /^(AWS):(.*)$/s.exec(Buffer.from(authorizationToken, 'base64').toString('utf8')) ?? [];
  if (username === undefined || secret === undefined) throw unusable('Amazon ECR', 'it is not a username and password');
  return checkedMinting(
    'Amazon ECR',
    { username, secret, expiresMs: expiresAt?.getTime() ?? Number.NaN },
    nowMs,
    maxLifeMs,
  );
}

/** Returns whether the login is for this account and region. Compares only these, because AWS names the plain host even for a dual-stack or FIPS host. */
function belongsTo(proxyEndpoint: string | undefined, { account, region }: PrivateEcrHost): boolean {
  const url = URL.parse(proxyEndpoint ?? '');
  const named = url?.protocol === 'https:' && url.pathname === '/' ? parseEcrHost(url.host) : undefined;
  return named?.kind === 'private' && named.account === account && named.region === region;
}
