// Every outcome of the contract, each produced by a real server. An outcome without a scenario does not compile.

import { expect, it } from 'vitest';
import type { ValidationOutcome, ValidationReport } from '../../../src/core/registry/report.ts';
import { hintOf, isSuccess } from '../../../src/core/registry/report.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { graphqlWords } from '../../../src/server/graphql/advice.ts';
import {
  check,
  closedPort,
  createCertificate,
  authority,
  certificate,
  marker,
  secure,
  startServer,
  startTcpServer,
  withCa,
} from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, openRegistry, sendJson } from '../personalities.ts';

type Scenario = () => Promise<ValidationReport>;

/** `SKIPPED` is made without a validator. */
const scenarios: Readonly<Record<Exclude<ValidationOutcome, 'SKIPPED'>, Scenario>> = {
  VALID: async () => check(await secure(basicRegistry), withCa),
  VALID_UNPROVEN: async () => check(await secure(bearerServer({ anonymous: 'FULL_TOKEN' }).both), withCa),
  NO_AUTH_REQUIRED: async () => check(await secure(openRegistry), withCa),
  INVALID_CREDENTIALS: async () =>
    check(await secure(basicRegistry), withCa, {}, { username: 'alice', password: new Secret('wrong') }),
  INSUFFICIENT_SCOPE: async () =>
    check({ ...(await secure(bearerServer({ repositoryStatus: 403 }).both)), repository: 'a/b' }, withCa),
  UPSTREAM_FORBIDDEN: () => atPing(403),
  RATE_LIMITED: () => atPing(429),
  LOCKED_OUT: () => atPing(429, ociError('TOOMANYREQUESTS', 'too many failed login attempts')),
  DNS_FAILURE: () =>
    check(
      { host: 'registry.test' },
      { lookup: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) },
    ),
  UNREACHABLE: async () => check({ host: `127.0.0.1:${await closedPort()}` }),
  TIMEOUT: async () => check(await secure(() => undefined), { ...withCa, limits: { headersTimeoutMs: 100 } }),
  TLS_UNTRUSTED: async () => check(await secure(basicRegistry)),
  TLS_HOSTNAME: async () =>
    check(
      await startServer(basicRegistry, { tls: await createCertificate({ ca: authority, addresses: ['127.0.0.9'] }) }),
      withCa,
    ),
  TLS_EXPIRED: async () =>
    check(
      await startServer(basicRegistry, {
        tls: await createCertificate({ ca: authority, notBefore: new Date(0), notAfter: new Date(1e12) }),
      }),
      withCa,
    ),
  TLS_PROTOCOL: async () =>
    check(
      await startServer(basicRegistry, {
        tls: { ...certificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      }),
      withCa,
    ),
  PLAIN_HTTP: async () => check(await startServer(basicRegistry)),
  CONNECTION_CLOSED: async () => check(await startTcpServer((socket) => socket.once('data', () => socket.destroy()))),
  NOT_A_V2_REGISTRY: () => atPing(404),
  REDIRECTED: () => atPing(302),
  UNSUPPORTED_CHALLENGE: () => atPing(401),
  FORBIDDEN_REALM: async () =>
    check(await secure(bearerServer({ realm: () => 'https://tokens.test/token' }).both), withCa),
  FORBIDDEN_ADDRESS: async () => check(await secure(basicRegistry), { ...withCa, loopbackAllowed: false }),
  TOKEN_ENDPOINT_ERROR: () => atToken({}),
  UPSTREAM_ERROR: () => atPing(500),
  RESPONSE_TOO_LARGE: () => atToken({ token: 'x'.repeat(200_000) }),
  NATIVE_CREDENTIAL_ERROR: () => check({ host: 'registry.test', type: 'GCR' }),
};

async function atPing(status: number, body: unknown = {}): Promise<ValidationReport> {
  return check(await secure((_request, response) => sendJson(response, status, body)), withCa);
}

async function atToken(body: unknown): Promise<ValidationReport> {
  const { registry } = bearerServer();
  return check(
    await secure((request, response) =>
      request.url?.startsWith('/token') === true ? sendJson(response, 200, body) : registry(request, response),
    ),
    withCa,
  );
}

it.each(Object.entries(scenarios))(
  '%s is reported with a sentence, a hint and no secret',
  async (outcome, scenario) => {
    const report = await scenario();
    expect(report.outcome).toBe(outcome);
    expect(report.message).toMatch(/^[^\n]{20,400}\.$|: "[^\n]*"\.$/);
    const hint = hintOf(graphqlWords, report);
    expect(`${report.message} ${hint}`).not.toMatch(/undefined|\[object|\(\)/);
    expect(JSON.stringify(report)).not.toContain(marker);
    if (!isSuccess(report.outcome)) expect(hint).toMatch(/^[A-Z].{20,}\.$/);
    expect(report.steps.some(({ status }) => status === 'FAILED')).toBe(
      !isSuccess(report.outcome) && report.steps.length > 0,
    );
  },
);
