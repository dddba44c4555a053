// The outcomes of validating against registries and token servers whose responses are not a success.

import { describe, expect, it } from 'vitest';
import { check, secure, trailOf, withCa } from '../fixtures.ts';
import { bearerServer, ociError, sendJson } from '../personalities.ts';

describe('an answer to the first, anonymous request', () => {
  it.each([
    [403, {}, 'UPSTREAM_FORBIDDEN', true],
    [429, {}, 'RATE_LIMITED', true],
    [404, {}, 'NOT_A_V2_REGISTRY', false],
    [405, {}, 'NOT_A_V2_REGISTRY', false],
    [204, {}, 'NOT_A_V2_REGISTRY', false],
    [301, { location: 'https://other.example/v2/' }, 'REDIRECTED', false],
    [302, {}, 'REDIRECTED', false],
    [500, {}, 'UPSTREAM_ERROR', true],
    [503, {}, 'UPSTREAM_ERROR', true],
    [401, {}, 'UNSUPPORTED_CHALLENGE', false],
    [401, { 'www-authenticate': 'Digest realm="x", nonce="y"' }, 'UNSUPPORTED_CHALLENGE', false],
    [401, { 'www-authenticate': 'Bearer service="x"' }, 'UNSUPPORTED_CHALLENGE', false],
    [200, { 'content-type': 'text/html' }, 'NOT_A_V2_REGISTRY', false],
    [402, {}, 'NOT_A_V2_REGISTRY', false],
  ])('of HTTP %i %j is %s', async (status, headers, outcome, retryable) => {
    const server = await secure((_request, response) => void response.writeHead(status, headers).end());
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome, retryable });
    expect(report.advice).not.toEqual([]);
    expect(server.authorizations()).toEqual([]);
    expect(report.steps.filter((step) => step.status === 'FAILED')).toHaveLength(1);
  });

  it('names a scheme once, however often a hostile registry does', async () => {
    const challenges = [
      'Digest a="1"',
      ...Array.from({ length: 6 }, (_, index) => `Made-Up-${index} a="1"`),
      'Digest b="2"',
    ];
    const server = await secure(
      (_request, response) => void response.writeHead(401, { 'www-authenticate': challenges }).end(),
    );
    const { message } = await check({ host: server.host }, withCa);
    expect(message).toContain('digest, an unregistered scheme');
    expect(message.match(/unregistered|digest/g)).toHaveLength(2);
  });

  it.each([
    ['a greeting', {}, 'hello'],
    ['a web page', { 'content-type': 'text/html; charset=utf-8' }, '<html>'],
    ['a JSON list', { 'content-type': 'application/json' }, '[]'],
    ['a JSON object in a web page', { 'content-encoding': 'gzip' }, '{}'],
  ])('of HTTP 200 with %s is no registry', async (_case, headers, body) => {
    const server = await secure((_request, response) => void response.writeHead(200, headers).end(body));
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'NOT_A_V2_REGISTRY' });
  });

  it.each([
    ['the version header', { 'docker-distribution-api-version': 'registry/2.0', 'content-type': 'text/html' }, '<p>'],
    ['an empty body', {}, ''],
    ['an empty object', { 'content-type': 'text/plain' }, '{}'],
  ])('of HTTP 200 with %s is a registry', async (_case, headers, body) => {
    const server = await secure((_request, response) => void response.writeHead(200, headers).end(body));
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'NO_AUTH_REQUIRED' });
  });

  it('names the host that a redirect leads to', async () => {
    const server = await secure(
      (_request, response) =>
        void response.writeHead(307, { location: 'https://registry.other.example/v2/?x=1' }).end(),
    );
    expect((await check({ host: server.host }, withCa)).message).toContain('registry.other.example;');
  });

  it.each([
    ['120', 120_000],
    ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
    ['999999999', 24 * 60 * 60 * 1000],
    ['2.5', 2_500],
    ['soon', null],
    ['-1', null],
  ])('carries Retry-After %s into the report', async (value, waitMs) => {
    const now = new Date('2026-11-24T12:00:00Z');
    const server = await secure((_request, response) => void response.writeHead(429, { 'retry-after': value }).end());
    const report = await check({ host: server.host }, { ...withCa, now: () => now });
    expect(report.retryAfter).toBe(waitMs === null ? null : now.getTime() + waitMs);
  });
});

describe('a token server', () => {
  const lockout = ociError('UNAUTHORIZED', 'too many failed login attempts for username or IP address');

  it.each([
    [429, {}, 'RATE_LIMITED', true],
    [429, lockout, 'LOCKED_OUT', false],
    [403, lockout, 'LOCKED_OUT', false],
    [403, ociError('TOOMANYREQUESTS'), 'RATE_LIMITED', true],
    [403, { message: 'You have exceeded a secondary rate limit.' }, 'RATE_LIMITED', true],
    [404, {}, 'TOKEN_ENDPOINT_ERROR', false],
    [302, {}, 'TOKEN_ENDPOINT_ERROR', false],
    [502, {}, 'TOKEN_ENDPOINT_ERROR', true],
    [200, {}, 'TOKEN_ENDPOINT_ERROR', false],
    [200, 'text', 'TOKEN_ENDPOINT_ERROR', false],
    [200, { token: 'a', access_token: 'b' }, 'TOKEN_ENDPOINT_ERROR', false],
    [200, { token: 'a\r\nX-Evil: 1' }, 'TOKEN_ENDPOINT_ERROR', false],
    [200, { token: 'a'.repeat(20_000) }, 'TOKEN_ENDPOINT_ERROR', false],
    [200, { token: 'a'.repeat(200_000) }, 'RESPONSE_TOO_LARGE', false],
  ])('that responds with HTTP %i %j has the outcome %s', async (status, body, outcome, retryable) => {
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? sendJson(response, status, body)
        : bearerServer().registry(request, response),
    );
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome, retryable });
    expect(trailOf(report).at(-1)).toBe('TOKEN FAILED');
    expect(server.authorizations()).toHaveLength(1);
  });

  it('that blocks logins is not contacted for a quarter of an hour', async () => {
    const now = new Date('2026-11-24T12:00:00Z');
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? sendJson(response, 429, lockout)
        : bearerServer().registry(request, response),
    );
    const report = await check({ host: server.host }, { ...withCa, now: () => now });
    expect(report.retryAfter).toBe(now.getTime() + 15 * 60 * 1000);
  });

  it('that sends a web page with 403 turned us away, not the password', async () => {
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? void response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>No robots</h1>')
        : bearerServer().registry(request, response),
    );
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'UPSTREAM_FORBIDDEN' });
    expect(report.message).not.toContain('robots');
  });
});
