// Issues logins for Amazon ECR, from the stored access key or role, or from the server's own cloud identity.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html

import type { ECRClientConfig } from '@aws-sdk/client-ecr';
import type { Credential } from '../../../core/validation/validator.ts';
import type { HttpsClient } from '../../transport/https-client.ts';
import { CloudFailure, unfitHost, unusable } from '../failure.ts';
import { checkedMinting, type CloudProvider, issued, type MintedCredential } from '../provider.ts';
import { type AwsCall, awsFailure } from './errors.ts';
import { type EcrHost, parseEcrHost, type PrivateEcrHost } from './host.ts';
import { type EcrIdentity, parseEcrIdentity } from './identity.ts';
import { type AwsTransport, createAwsTransport } from './transport.ts';

interface EcrSettings {
  readonly http: HttpsClient;
  /** Whether registries may use the server's own identity, directly or to assume a role. */
  readonly ambient: boolean;
  readonly now: () => Date;
}

type AwsCredentials = NonNullable<ECRClientConfig['credentials']>;

/** The state of issuing one login. */
interface Session {
  readonly transport: AwsTransport;
  readonly signal: AbortSignal;
  /** The secrets that no failure may show; grows with each response. */
  readonly secrets: string[];
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

/** The only region in which the public registry has its API. */
const publicRegion = 'us-east-1';

/** Maximum lifetime in milliseconds: a login of ECR is valid for 12 hours, or as long as the session that requested it. */
const maxLifeMs = 12 * 60 * 60 * 1000;

/** Attempts per call: one retry, which the SDK uses for throttling and to correct its clock by that of AWS. */
const maxAttempts = 2;

/** Creates the provider. Loads the SDK only for the first login. */
export function createEcr(settings: EcrSettings): CloudProvider {
  const ambient = createAmbient();
  return {
    async issueLogin(host, credential, signal) {
      const place = parseEcrHost(host);
      if (place === undefined)
        throw unfitHost('Amazon ECR', '123456789012.dkr.ecr.us-east-1.amazonaws.com, or public.ecr.aws');
      const identity = parseEcrIdentity(credential, settings.ambient);
      const session = startSession(settings.http, credential, signal);
      const region = place.kind === 'public' ? publicRegion : place.region;
      const credentials = await credentialsFor(session, identity, region, ambient);
      const minted = readLogin(
        await requestLogin(session, place, region, credentials),
        place,
        settings.now().getTime(),
      );
      return { ...minted, message: issued('Amazon ECR', minted) };
    },
  };
}

function startSession(http: HttpsClient, { password }: Credential, signal: AbortSignal): Session {
  return { transport: createAwsTransport(http, 'AWS', signal), signal, secrets: [password.reveal()] };
}

/** Returns the SDK's credential chain, created once because it caches its credentials until they expire. The SDK sends its requests itself, because some go to the machine's own metadata service. */
function createAmbient(): () => Promise<AwsCredentials> {
  let chain: AwsCredentials | undefined;
  return async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    chain ??= defaultProvider();
    return chain;
  };
}

async function credentialsFor(
  session: Session,
  identity: EcrIdentity,
  region: string,
  ambient: () => Promise<AwsCredentials>,
): Promise<AwsCredentials> {
  if (identity.kind === 'key') return { accessKeyId: identity.accessKeyId, secretAccessKey: identity.secretAccessKey };
  if (identity.kind === 'ambient') return ambient();
  return assumeRole(session, identity, region, await ambient());
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
  return { region, credentials, requestHandler: transport, maxAttempts, customUserAgent: 'regway' } as const;
}

async function call<Result>({ signal, secrets }: Session, what: AwsCall, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    throw awsFailure(error, what, secrets);
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
      {
        hint: 'Check the account and region in the name of the registry, and that no proxy intercepts the connection to AWS.',
      },
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
