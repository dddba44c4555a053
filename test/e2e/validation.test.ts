// Validations against real registries: docker-registry in four forms, and hosts that are not registries.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWebSite, unreachableHost } from './support/fake-servers.ts';
import { operationsOn } from './support/operations.ts';
import type { Operations, Progress, Report } from './support/operations.ts';
import { alice, bob, pushedRepository, startRegistries } from './support/registries.ts';
import type { RealRegistries } from './support/registries.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

let registries: RealRegistries;
/** Trusts only the public authorities. */
let server: RegwayServer;
/** Started with the private authority in REGWAY_CA_FILE. */
let trustingServer: RegwayServer;
let operations: Operations;
let trusting: Operations;

const insecure = { secureConnection: false };
const wrongPassword = 'not-the-password';

beforeAll(async () => {
  registries = await startRegistries();
  server = await startServer();
  trustingServer = await startServer({ settings: { REGWAY_CA_FILE: registries.authority.certificateFile } });
  operations = operationsOn(server);
  trusting = operationsOn(trustingServer);
});

afterAll(async () => {
  await server?.stop();
  await trustingServer?.stop();
  await registries?.stop();
});

describe('the open registry', () => {
  test('requires no login, so nothing is verified and the password is not sent', async () => {
    const report = await operations.check({ registry: registries.open.host, ...alice }, insecure);
    expect(report).toMatchObject({ outcome: 'NO_AUTH_REQUIRED', valid: true });
    expect(registries.open.log()).not.toContain(alice.username);
  });
});

describe('the htpasswd registry over plain HTTP', () => {
  test('the right password is VALID', async () => {
    const report = await operations.check({ registry: registries.basic.host, ...alice }, insecure);
    expect(report).toMatchObject({ outcome: 'VALID', valid: true });
  });

  test.each([pushedRepository, 'team-a/*', 'team-a/never-pushed'])(
    'the right password is VALID for %s',
    async (path) => {
      const report = await operations.check({ registry: `${registries.basic.host}/${path}`, ...alice }, insecure);
      expect(report).toMatchObject({ outcome: 'VALID', valid: true });
    },
  );

  test.each([
    ['a wrong password', { username: alice.username, password: wrongPassword }],
    ['an unknown user', { username: 'nobody', password: alice.password }],
  ])('%s is INVALID_CREDENTIALS', async (_what, credential) => {
    const report = await operations.check({ registry: registries.basic.host, ...credential }, insecure);
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', valid: false, retryable: false });
  });

  test('with verification on it is PLAIN_HTTP, and it never sees the user', async () => {
    const seenBefore = mentionsInBasicLog(alice.username);
    const report = await operations.check({ registry: registries.basic.host, ...alice });
    expect(report).toMatchObject({ outcome: 'PLAIN_HTTP', valid: false });
    expect(mentionsInBasicLog(alice.username)).toBe(seenBefore);
  });
});

describe('the htpasswd registry over TLS with a private authority', () => {
  test('with verification on it is TLS_UNTRUSTED', async () => {
    const report = await operations.check({ registry: registries.tls.host, ...alice });
    expect(report).toMatchObject({ outcome: 'TLS_UNTRUSTED', valid: false });
  });

  test('with verification off the right password is VALID', async () => {
    const report = await operations.check({ registry: registries.tls.host, ...alice }, insecure);
    expect(report).toMatchObject({ outcome: 'VALID', valid: true });
  });

  test('with verification off a wrong password is INVALID_CREDENTIALS', async () => {
    const report = await operations.check(
      { registry: registries.tls.host, username: alice.username, password: wrongPassword },
      insecure,
    );
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', valid: false });
  });

  test('when REGWAY_CA_FILE names the authority, the right password is VALID with verification on', async () => {
    const report = await trusting.check({ registry: registries.tls.host, ...alice });
    expect(report).toMatchObject({ outcome: 'VALID', valid: true });
  });

  test('when REGWAY_CA_FILE names the authority, a wrong password is INVALID_CREDENTIALS with verification on', async () => {
    const report = await trusting.check({
      registry: registries.tls.host,
      username: alice.username,
      password: wrongPassword,
    });
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', valid: false });
  });

  test('an insecure check leaves no connection behind that a secure one would use', async () => {
    const reports = await Promise.all(
      [false, true, false, true].map((secureConnection) =>
        operations.check({ registry: registries.tls.host, ...alice }, { secureConnection }),
      ),
    );
    expect(reports.map(({ outcome }) => outcome)).toEqual(['VALID', 'TLS_UNTRUSTED', 'VALID', 'TLS_UNTRUSTED']);
  });
});

describe('the registry whose token server is on another origin', () => {
  /** First in the file's use of the token server, so that its count starts at what the image push left. */
  test('the token server hears nothing before its host was confirmed; afterwards the right password is VALID', async () => {
    const { tokenServer } = registries;
    const connectionsBefore = tokenServer.connections();
    const refused = await trusting.check({ registry: registries.token.host, ...alice });
    expect(refused).toMatchObject({ outcome: 'FORBIDDEN_REALM', valid: false, realmHost: tokenServer.host });
    expect(tokenServer.connections()).toBe(connectionsBefore);

    const requestsBefore = requestsOf(alice.username).length;
    const accepted = await trusting.check({
      registry: registries.token.host,
      ...alice,
      trustedRealm: refused.realmHost ?? '',
    });
    expect(accepted).toMatchObject({ outcome: 'VALID', valid: true });
    expect(requestsOf(alice.username)).toHaveLength(requestsBefore + 1);
  });

  test('a wrong password is INVALID_CREDENTIALS and is tried only once', async () => {
    const credential = { username: 'mallory', password: wrongPassword };
    const report = await trusting.check({
      registry: registries.token.host,
      ...credential,
      trustedRealm: registries.tokenServer.host,
    });
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', valid: false });
    expect(requestsOf('mallory')).toHaveLength(1);
  });

  test('a confirmed host that is not the one the registry names stays FORBIDDEN_REALM and hears nothing', async () => {
    const connectionsBefore = registries.tokenServer.connections();
    const report = await trusting.check({ registry: registries.token.host, ...alice, trustedRealm: '127.0.0.2:1' });
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_REALM', realmHost: registries.tokenServer.host });
    expect(registries.tokenServer.connections()).toBe(connectionsBefore);
  });

  test('a user without rights on the named repository is INSUFFICIENT_SCOPE', async () => {
    const report = await trusting.check({
      registry: `${registries.token.host}/${pushedRepository}`,
      ...bob,
      trustedRealm: registries.tokenServer.host,
    });
    expect(report).toMatchObject({ outcome: 'INSUFFICIENT_SCOPE', valid: false });
  });

  test.each([
    ['the repository', `/${pushedRepository}`, undefined],
    ['a probe repository under a wildcard', '/team-a/*', pushedRepository],
  ])('a user with rights on %s is VALID, and only pull was asked for', async (_what, path, probeRepository) => {
    const before = registries.tokenServer.requests().length;
    const report = await trusting.check({
      registry: registries.token.host + path,
      ...alice,
      trustedRealm: registries.tokenServer.host,
      ...(probeRepository && { probeRepository }),
    });
    expect(report).toMatchObject({ outcome: 'VALID', valid: true });
    const scopes = registries.tokenServer
      .requests()
      .slice(before)
      .flatMap((request) => request.scopes);
    expect(new Set(scopes)).toEqual(new Set([`repository:${pushedRepository}:pull`]));
  });
});

describe('the token registry with verification off, or its authority unknown', () => {
  test('verification off covers only the registry: the token server is still verified and gets no password', async () => {
    const requestsBefore = registries.tokenServer.requests().length;
    const report = await operations.check(
      { registry: registries.token.host, ...alice, trustedRealm: registries.tokenServer.host },
      insecure,
    );
    expect(report).toMatchObject({ outcome: 'TLS_UNTRUSTED', valid: false });
    expect(registries.tokenServer.requests()).toHaveLength(requestsBefore);
  });

  test('verification off with a trusted token server: the right password is VALID, a wrong one INVALID_CREDENTIALS', async () => {
    const target = { registry: registries.token.host, trustedRealm: registries.tokenServer.host };
    expect(await trusting.check({ ...target, ...alice }, insecure)).toMatchObject({ outcome: 'VALID' });
    expect(
      await trusting.check({ ...target, username: alice.username, password: wrongPassword }, insecure),
    ).toMatchObject({ outcome: 'INVALID_CREDENTIALS' });
  });

  test('without the authority the registry itself is TLS_UNTRUSTED', async () => {
    const report = await operations.check({
      registry: registries.token.host,
      ...alice,
      trustedRealm: registries.tokenServer.host,
    });
    expect(report).toMatchObject({ outcome: 'TLS_UNTRUSTED', valid: false });
  });
});

describe('hosts that are no registry', () => {
  test('a closed port is UNREACHABLE', async () => {
    const report = await operations.check({ registry: await unreachableHost(), ...alice });
    expect(report).toMatchObject({ outcome: 'UNREACHABLE', valid: false, retryable: true });
  });

  test.each([
    [404, 'NOT_A_V2_REGISTRY'],
    [200, 'NOT_A_V2_REGISTRY'],
    // The response of a firewall, which may be in front of a registry.
    [403, 'UPSTREAM_FORBIDDEN'],
  ])('a web site that answers %i with a page is %s and gets no password', async (status, outcome) => {
    const site = await startWebSite(status);
    try {
      const report = await operations.check({ registry: site.host, ...alice }, insecure);
      expect(report).toMatchObject({ outcome, valid: false });
      expect(site.requestCount()).toBeGreaterThan(0);
      expect(site.authorizations).toEqual([]);
    } finally {
      await site.stop();
    }
  });
});

describe('every report', () => {
  test('contains the observations, the time, and the steps in the order of the protocol', async () => {
    const report = await operations.check({ registry: registries.basic.host, ...alice }, insecure);
    expect(report.message).not.toBe('');
    expect(Math.abs(Date.now() - Date.parse(report.checkedAt))).toBeLessThan(60_000);
    expectOrderedSteps(report);
    expect(report.steps.every(({ status }) => status !== 'FAILED')).toBe(true);
  });

  test('of a failure ends with the failed step, and has a hint', async () => {
    const report = await operations.check({ registry: registries.tls.host, ...alice });
    expectOrderedSteps(report);
    expect(report.steps.filter(({ status }) => status === 'FAILED').map(({ kind }) => kind)).toEqual(['TLS']);
    expect(report.hint).toMatch(/secureConnection|authority|CA/);
  });
});

describe('registryCheck over SSE', () => {
  test.each([
    ['a good', alice.password, 'VALID'],
    ['a wrong', wrongPassword, 'INVALID_CREDENTIALS'],
  ])('sends each step of %s password as it ends, in order, and the report last', async (_what, password, outcome) => {
    const events = await operations.progress(
      { registry: registries.basic.host, username: alice.username, password },
      insecure,
    );
    const report = events.at(-1)?.report;
    expect(report?.outcome).toBe(outcome);
    expect(events.slice(0, -1).map(({ step }) => step)).toEqual(report?.steps);
    expect(events.filter((event: Progress) => event.report !== null)).toHaveLength(1);
    expectOrderedSteps(report);
  });
});

function expectOrderedSteps(report: Report | null | undefined): void {
  const order = ['RESOLVE', 'CONNECT', 'TLS', 'PING', 'CHALLENGE', 'REALM', 'TOKEN', 'AUTHORIZE', 'REPOSITORY'];
  const places = (report?.steps ?? []).map(({ kind }) => order.indexOf(kind));
  expect(places.length).toBeGreaterThan(0);
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((left, right) => left - right));
}

function mentionsInBasicLog(text: string): number {
  return registries.basic.log().split(text).length;
}

function requestsOf(username: string): unknown[] {
  return registries.tokenServer.requests().filter((request) => request.username === username);
}
