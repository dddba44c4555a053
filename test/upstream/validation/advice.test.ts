// Every advice about a registry, executed: a real server provokes it, the test does what it says, and the credential works. A kind without an execution does not compile.

import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type {
  AdviceOf,
  InterfaceAdviceKind,
  RegistryAdviceKind as WithoutTerms,
} from '../../../src/core/registry/advice.ts';
import { AdvisedProblem, type ValidationReport } from '../../../src/core/registry/report.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../../src/core/validation/validator.ts';
import type { NetworkSettings } from '../../../src/upstream/transport/settings.ts';
import {
  authority,
  certificate,
  check,
  closedPort,
  createAuthority,
  createCertificate,
  credential,
  marker,
  secure,
  startServer,
  startTcpServer,
  withCa,
} from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, sendJson } from '../personalities.ts';
import type { PullRequest } from '../../../src/upstream/pull/request.ts';
import { openPuller, sourceOf } from '../pulling.ts';

/** One kind with terms of an interface is here too, because only a validator of its own has other names and settings. */
type RegistryAdviceKind = WithoutTerms | Extract<InterfaceAdviceKind, 'PERMIT_AND_ALLOW_PLAIN_HTTP'>;

/** What a person can change: the registry, its record, the settings of the server, and time. */
interface Situation {
  target: Partial<CheckTarget> & { host: string };
  settings: Partial<NetworkSettings>;
  credential: Credential;
}

interface Execution<Kind extends RegistryAdviceKind> {
  readonly situation: Situation;
  /** Does what the advice says, with its details. */
  readonly follow: (advice: AdviceOf<Kind>, situation: Situation) => void | Promise<void>;
  /** What is run before and after. Defaults to a validation. */
  readonly run?: (situation: Situation) => Promise<Pick<ValidationReport, 'outcome' | 'advice'>>;
}

/** A registry behind TLS that answers in another way until somebody follows the advice about it. */
async function broken(
  listener: RequestListener,
  more: Partial<Situation> = {},
): Promise<Execution<RegistryAdviceKind>> {
  let current = listener;
  const { host } = await secure((request, response) => current(request, response));
  return {
    situation: { target: { host }, settings: withCa, credential, ...more },
    follow: () => {
      current = basicRegistry;
    },
  };
}

/** The same with bytes that are no HTTP/1.1, over plain HTTP. */
async function brokenBytes(answer: string): Promise<Execution<RegistryAdviceKind>> {
  const tlsHandshake = 0x16;
  const server = await startTcpServer((socket) => {
    socket.once('data', (data) =>
      data[0] === tlsHandshake ? socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') : socket.end(answer, 'latin1'),
    );
  });
  return mended(server.host, { secureConnection: false }, async () => (await startServer(basicRegistry)).host);
}

/** A situation that another server at the same name ends, as after a change of its configuration. */
function mended(
  host: string,
  target: Partial<CheckTarget>,
  start: () => Promise<string>,
  settings: Partial<NetworkSettings> = withCa,
): Execution<RegistryAdviceKind> {
  return {
    situation: { target: { host, ...target }, settings, credential },
    async follow(_advice, situation) {
      situation.target = { ...situation.target, host: await start() };
    },
  };
}

const answer =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    sendJson(response, status, body, headers);

/** Refuses every login until a time. */
function limitedUntil(untilMs: number, now: () => number, body: unknown): RequestListener {
  return (request, response) =>
    now() < untilMs
      ? sendJson(response, 429, body, { 'retry-after': new Date(untilMs).toUTCString() })
      : basicRegistry(request, response);
}

async function waiting<Kind extends 'WAIT' | 'CORRECT_CREDENTIAL_AND_WAIT'>(
  body: unknown,
  used: Credential = credential,
): Promise<Execution<Kind>> {
  let nowMs = Date.parse('2026-03-01T12:00:00Z');
  const { host } = await secure(limitedUntil(nowMs + 90_000, () => nowMs, body));
  return {
    situation: { target: { host }, settings: { ...withCa, now: () => new Date(nowMs) }, credential: used },
    follow(advice, situation) {
      nowMs = (advice as { readonly until: number | null }).until ?? nowMs;
      situation.credential = credential;
    },
  };
}

const missing = (code: string) => () => Promise.reject(Object.assign(new Error('x'), { code }));
const loopback = async () => [{ address: '127.0.0.1', family: 4 }];

function newName(code: string): () => Promise<Execution<RegistryAdviceKind>> {
  return async () => {
    const { port } = await secure(basicRegistry);
    return {
      situation: { target: { host: `localhost:${port}` }, settings: { ...withCa, lookup: missing(code) }, credential },
      follow: (_advice, situation) => {
        situation.settings = { ...withCa, lookup: loopback };
      },
    };
  };
}

const sameCertificate = () => startServer(basicRegistry, { tls: certificate }).then(({ host }) => host);

const executions: { readonly [Kind in RegistryAdviceKind]: () => Promise<Execution<Kind>> } = {
  RETRY_LATER: () => broken(answer(500)),
  WAIT: () => waiting(ociError('TOOMANYREQUESTS')),
  CORRECT_CREDENTIAL_AND_WAIT: () =>
    waiting(ociError('TOOMANYREQUESTS', 'too many failed login attempts'), {
      username: 'alice',
      password: new Secret('wrong'),
    }),
  GRANT_CATALOG: async () => {
    let isGranted = false;
    const { host } = await secure((request, response) =>
      request.url?.startsWith('/v2/_catalog') === true && !isGranted && request.headers.authorization !== undefined
        ? sendJson(response, 403, ociError('DENIED'))
        : basicRegistry(request, response),
    );
    return {
      situation: { target: { host }, settings: withCa, credential },
      follow: () => {
        isGranted = true;
      },
      run: readCatalog,
    };
  },
  ALLOW_SERVER: () => broken(answer(403)),
  CHECK_DNS: newName('EAI_AGAIN'),
  CHECK_HOST_NAME: newName('ENOTFOUND'),
  CHECK_PORT: async () => mended(`127.0.0.1:${await closedPort()}`, {}, sameCertificate),
  CHECK_FIREWALL: async () => {
    const execution = await broken(() => undefined);
    execution.situation.settings = { ...withCa, limits: { headersTimeoutMs: 200 } };
    return execution;
  },
  CHECK_V2_ADDRESS: () => broken(answer(404)),
  CHECK_CONNECTION: async () => {
    const { host } = await startServer(basicRegistry, {
      tls: { ...certificate, requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    });
    return mended(host, {}, sameCertificate);
  },
  // The CA that issued the certificate, not the root above it: an operator sees only the first in the certificate.
  ADD_CA: async () => {
    const issuing = await createAuthority('Issuing CA', await createAuthority('Root CA'));
    const { host } = await startServer(basicRegistry, { tls: await createCertificate({ ca: issuing }) });
    return {
      situation: { target: { host }, settings: {}, credential },
      follow: (_advice, situation) => {
        situation.settings = { extraCa: issuing.cert };
      },
    };
  },
  USE_CERTIFICATE_NAME: async () => {
    const { port } = await startServer(basicRegistry, {
      tls: await createCertificate({ ca: authority, names: ['registry.test'], addresses: [] }),
    });
    return {
      situation: { target: { host: `other.test:${port}` }, settings: { ...withCa, lookup: loopback }, credential },
      follow: ({ names }, situation) => {
        situation.target = { host: `${names}:${port}` };
      },
    };
  },
  REPLACE_CERTIFICATE: async () => {
    const expired = await createCertificate({ ca: authority, notBefore: new Date(0), notAfter: new Date(1e12) });
    const { host } = await startServer(basicRegistry, { tls: expired });
    return mended(host, {}, sameCertificate);
  },
  CORRECT_CLOCK: async () => {
    // The clock of this machine is wrong by two seconds, as the certificate sees it.
    const validMs = Math.ceil(Date.now() / 1000 + 1) * 1000;
    const { host } = await startServer(basicRegistry, {
      tls: await createCertificate({ ca: authority, notBefore: new Date(validMs) }),
    });
    return {
      situation: { target: { host }, settings: withCa, credential },
      follow: () => sleep(validMs + 100 - Date.now()),
    };
  },
  ENABLE_TLS_1_2: async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { host } = await startServer(basicRegistry, { tls: { ...certificate, ...old } });
    return mended(host, {}, sameCertificate);
  },
  USE_TLS: async () => mended((await startServer(basicRegistry)).host, {}, sameCertificate),
  PERMIT_PLAIN_HTTP: async () => {
    const { port } = await startServer(basicRegistry);
    const lookup = loopback;
    return {
      situation: {
        target: { host: `registry.test:${port}`, secureConnection: false },
        settings: { lookup },
        credential,
      },
      follow: ({ host }, situation) => {
        situation.settings = { lookup, plainHttpHosts: [host] };
      },
    };
  },
  PERMIT_AND_ALLOW_PLAIN_HTTP: async () => {
    const { port } = await startServer(basicRegistry);
    const lookup = loopback;
    return {
      situation: { target: { host: `registry.test:${port}` }, settings: { lookup }, credential },
      follow: ({ host }, situation) => {
        situation.settings = { lookup, plainHttpHosts: [host] };
        situation.target = { ...situation.target, secureConnection: false };
      },
    };
  },
  PERMIT_ADDRESS: async () => {
    const { host } = await secure(basicRegistry);
    return {
      situation: { target: { host }, settings: { ...withCa, loopbackAllowed: false }, credential },
      follow: (_advice, situation) => {
        situation.settings = { ...withCa, loopbackAllowed: true };
      },
    };
  },
  PERMIT_REDIRECT: async () => {
    // A private host by the name of its registry, which is no loopback one.
    const tls = await createCertificate({ names: ['registry.test'] });
    const storage = await startServer((_request, response) => response.end('content'), { tls });
    const { port } = await startServer(
      (request, response) => {
        if (request.url === '/v2/') sendJson(response, 200, {});
        else response.writeHead(307, { location: `${storage.origin}/data` }).end();
      },
      { tls },
    );
    const settings = { extraCa: tls.cert, lookup: loopback };
    return {
      situation: { target: { host: `registry.test:${port}` }, settings, credential },
      run: pullBlob,
      follow: ({ host }, situation) => {
        situation.settings = { ...settings, redirectHosts: [host] };
      },
    };
  },
  NAME_OTHER_HOST: async () => {
    const own = await secure(basicRegistry);
    const { host } = await secure(basicRegistry);
    return {
      situation: {
        target: { host: own.host },
        settings: { ...withCa, isOwn: (_host, port) => port === own.port },
        credential,
      },
      follow: (_advice, situation) => {
        situation.target = { host };
      },
    };
  },
  USE_REGISTRY: async () => {
    const { origin } = await secure(basicRegistry);
    const { host } = await secure((_request, response) => response.writeHead(308, { location: `${origin}/v2/` }).end());
    return {
      situation: { target: { host }, settings: withCa, credential },
      follow: (advice, situation) => {
        situation.target = { host: advice.host };
      },
    };
  },
  CORRECT_REDIRECT: () =>
    broken((request, response) => response.writeHead(301, { location: `http://${request.headers.host}/v2/` }).end()),
  ENABLE_BASIC_OR_BEARER: () => broken(answer(401, {}, { 'www-authenticate': 'Digest realm="x", nonce="y"' })),
  CORRECT_REALM: () =>
    broken(answer(401, {}, { 'www-authenticate': 'Bearer realm="https://user:pass@auth.test/token"' })),
  USE_TLS_FOR_REALM: () => broken(answer(401, {}, { 'www-authenticate': 'Bearer realm="http://auth.test/token"' })),
  INSPECT_CHALLENGE: () =>
    broken(
      answer(401, {}, { 'www-authenticate': `Bearer realm="https://${Buffer.from(marker).toString('hex')}.test/"` }),
    ),
  CHECK_TOKEN_SERVER: () => {
    const { registry } = bearerServer();
    return broken((request, response) =>
      request.url?.startsWith('/token') === true ? sendJson(response, 200, {}) : registry(request, response),
    );
  },
  ENABLE_HTTP_1_1: () => brokenBytes('\0\0\u0006\u0004\0\0\0\0\0\0\u0003\0\0\0\u0064'),
  CORRECT_LENGTH: () => brokenBytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
  CORRECT_HEADERS: () => brokenBytes('HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}'),
};

type Pulled = Pick<ValidationReport, 'outcome' | 'advice'>;

/** Reads the catalog in a pull; a problem is reported as its reason and advice. */
function readCatalog(situation: Situation): Promise<Pulled> {
  return pull(situation, null, { path: '_catalog', kind: 'catalog' });
}

/** Pulls a blob in the same way. */
function pullBlob(situation: Situation): Promise<Pulled> {
  return pull(situation, 'team/app', { path: 'blobs/sha256:0', kind: 'blobs' });
}

async function pull(
  { target: { host }, settings }: Situation,
  repository: string | null,
  content: Pick<PullRequest, 'path' | 'kind'>,
): Promise<Pulled> {
  const puller = openPuller(settings);
  const request = {
    ...content,
    method: 'GET',
    digest: undefined,
    headers: {},
    owner: 'login',
    signal: AbortSignal.timeout(10_000),
  } as const;
  try {
    const { status } = await puller.open(sourceOf(host, repository), request);
    return { outcome: status === 200 ? 'VALID' : 'UPSTREAM_ERROR', advice: [] };
  } catch (error) {
    if (!(error instanceof AdvisedProblem)) throw error;
    return { outcome: error.reason as ValidationReport['outcome'], advice: error.advice };
  }
}

function run({ target, settings, credential: used }: Situation): Promise<ValidationReport> {
  return check(target, settings, {}, used);
}

it.each(Object.entries(executions))('%s solves its situation once it is followed', async (kind, start) => {
  const { situation, follow, run: attempt = run } = (await start()) as Execution<RegistryAdviceKind>;
  const before = await attempt(situation);
  const advice = before.advice?.find((one) => one.kind === kind);
  expect(advice, `${before.outcome}: ${JSON.stringify(before.advice)}`).toBeDefined();
  await follow(advice as AdviceOf<RegistryAdviceKind>, situation);
  expect(await attempt(situation)).toMatchObject({ outcome: 'VALID', advice: [] });
});
