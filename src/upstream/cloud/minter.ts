// Implements the port `CloudCredentials`: issues a login at the cloud of each registry type, and caches it.

import type { Pulls } from '../../core/pulls/pull.ts';
import type { Credential, Validator } from '../../core/validation/validator.ts';
import { orAborted } from '../../core/pulls/abort.ts';
import { createHttpsClient, type HttpsClient, type HttpsClientSettings } from '../transport/https-client.ts';
import { createEcr } from './aws/ecr.ts';
import { type AcrSettings, createAcr } from './azure/acr.ts';
import { createCloudCache } from './cache.ts';
import { CloudFailure, unanswered, withSpaceAdvice } from './failure.ts';
import { createGcr, type GcrSettings } from './google/artifact-registry.ts';
import type { CloudCredentials, CloudProvider, CloudType, IssueLogin, MintedCredential } from './provider.ts';
import { createCloudPulls } from './pulls.ts';
import { toProblem } from './report.ts';
import { createCloudValidator } from './validator.ts';

interface CloudSettings extends Pick<HttpsClientSettings, 'extraCa' | 'userAgent' | 'lookup'> {
  /** Whether registries may use the server's own identity, by cloud. */
  readonly ambient: { readonly aws: boolean; readonly gcp: boolean; readonly azure: boolean };
  readonly now: () => Date;
  /** Returns milliseconds of a clock that only runs forward. Defaults to the system's. */
  readonly monotonicMs?: (() => number) | undefined;
  /** The addresses of Google. Default to its own. */
  readonly google?: Pick<GcrSettings, 'tokenUrl' | 'metadataOrigin'> | undefined;
  /** The addresses of Azure. Default to its own. */
  readonly azure?: Pick<AcrSettings, 'authority' | 'metadataOrigin' | 'registryOrigin'> | undefined;
}

/** The cloud credentials, and the wrappers that use them. */
export interface Cloud extends CloudCredentials {
  /** Wraps a validator so that it first issues a login for registries of a cloud type. */
  wrapValidator(validator: Validator): Validator;
  /** Wraps pulls so that they use an issued login for registries of a cloud type. */
  wrapPulls(pulls: Pulls): Pulls;
  /** Aborts every request for a login and closes every connection. */
  close(): Promise<void>;
}

/** Milliseconds to issue a login. Validations and pulls wait for it, and AWS may require three calls. */
const mintTimeoutMs = 15_000;

/** Creates the cloud providers. Opens no connection and loads no cloud library yet. */
export function createCloud(settings: CloudSettings): Cloud {
  const closing = new AbortController();
  const http = createCloudClient(settings);
  const issueLogin = createIssueLogin(settings, http, closing.signal);
  const cache = createCloudCache({ now: settings.now, monotonicMs: settings.monotonicMs ?? (() => performance.now()) });
  const resolveCredential: Cloud['resolveCredential'] = async ({ id, version, host, type }, open, signal) => {
    if (type === 'DOCKER_V2') return open();
    // Not aborted by the caller's signal, because other callers may wait for the same login.
    const issuing = cache.get({ id, version }, async () => issueLogin({ host, type }, await open(), undefined));
    const { username, secret } = await toProblem(settings.now, () => orAborted(issuing, signal));
    return { username, password: secret };
  };
  return {
    resolveCredential,
    wrapPulls: (pulls) => createCloudPulls({ pulls, cache, issueLogin, now: settings.now }),
    wrapValidator: (validator) => createCloudValidator({ validator, cache, issueLogin, now: settings.now }),
    issueLogin: ({ host, type }, credential, signal) =>
      type === 'DOCKER_V2'
        ? passOn(credential, settings.now())
        : toProblem(settings.now, () => issueLogin({ host, type }, credential, signal)),
    async close() {
      closing.abort(new Error('The server is stopping.'));
      await http.close();
    },
  };
}

/** Milliseconds to connect: a few round trips to another continent. */
const connectTimeoutMs = 5_000;

/** Milliseconds without data before a request fails. The clouds respond within 1 to 2 seconds. */
const idleTimeoutMs = 10_000;

/** Tokens are 1 to 4 KiB, and errors less; 128 KiB bounds a hostile response. */
const maxBodyBytes = 128 * 1024;

/** Creates the client for cloud APIs. Opens no connection yet. */
export function createCloudClient({
  extraCa,
  userAgent,
  lookup,
}: Pick<HttpsClientSettings, 'extraCa' | 'userAgent' | 'lookup'>): HttpsClient {
  return createHttpsClient({
    extraCa,
    userAgent,
    lookup,
    connectTimeoutMs,
    idleTimeoutMs,
    maxBodyBytes,
    // Every address is a cloud's own or the operator's, and metadata servers have no TLS.
    allowsPlainHttp: () => true,
  });
}

function createIssueLogin(settings: CloudSettings, http: HttpsClient, closing: AbortSignal): IssueLogin {
  const { ambient, now, google = {}, azure = {} } = settings;
  const providers: Readonly<Record<CloudType, CloudProvider>> = {
    AWSECR: createEcr({ http, now, ambient: ambient.aws }),
    GCR: createGcr({ ...google, http, now, ambient: ambient.gcp }),
    ACR: createAcr({ ...azure, http, now, ambient: ambient.azure }),
  };
  return async ({ host, type }, credential, signal) => {
    const ending = AbortSignal.any([closing, ...(signal === undefined ? [] : [signal])]);
    ending.throwIfAborted();
    const late = AbortSignal.timeout(mintTimeoutMs);
    const end = AbortSignal.any([ending, late]);
    try {
      return await orAborted(providers[type].issueLogin(host, credential, end), end);
    } catch (error) {
      if (late.aborted) throw unanswered();
      throw error instanceof CloudFailure ? withSpaceAdvice(error, credential) : error;
    }
  };
}

/** Returns a static credential unchanged. It does not expire, so it gets a lifetime of one hour, after which it is read again. */
async function passOn({ username, password }: Credential, now: Date): Promise<MintedCredential> {
  return { username, secret: password, expiresAt: new Date(now.getTime() + 60 * 60 * 1000) };
}
