// The port itself: its reports, its refusals, its end.

import { describe, expect, it } from 'vitest';
import type { ValidationReport } from '../../../src/core/registry/report.ts';
import { check, credential, marker, secure, trailOf, withCa } from '../fixtures.ts';
import { basicRegistry, bearerServer, openRegistry } from '../personalities.ts';

describe('a realm on another host', () => {
  it('is FORBIDDEN_REALM until it is named as trustedRealm', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens = await secure(tokenServer);
    const server = await secure(registry);
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_REALM', retryable: false, realmHost: tokens.host });
    expect(report.advice).toEqual([{ kind: 'TRUST_REALM', host: tokens.host }]);
    expect(trailOf(report).at(-1)).toBe('REALM FAILED');
    expect(tokens.connections()).toBe(0);

    expect(await check({ host: server.host, trustedRealm: report.realmHost }, withCa)).toMatchObject({
      outcome: 'VALID',
      realmHost: tokens.host,
    });
  });
});

describe('every report', () => {
  it('is plain data that holds no password', async () => {
    const server = await secure(basicRegistry);
    const report: ValidationReport = await check({ host: server.host }, withCa);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(JSON.stringify(report)).not.toContain(marker);
  });

  it('shows only the first connection if the registry closes each one', async () => {
    const { both } = bearerServer();
    const server = await secure((request, response) => both(request, response.setHeader('connection', 'close')));
    const report = await check({ host: server.host, repository: 'a/b' }, withCa);
    expect(report.outcome).toBe('VALID');
    expect(server.connections()).toBeGreaterThan(3);
    expect(report.steps.map(({ kind }) => kind)).toEqual([
      'RESOLVE',
      'CONNECT',
      'TLS',
      'PING',
      'CHALLENGE',
      'REALM',
      'TOKEN',
      'AUTHORIZE',
      'REPOSITORY',
    ]);
  });

  it('streams its steps as they end', async () => {
    const server = await secure(basicRegistry);
    const steps: unknown[] = [];
    const report = await check({ host: server.host }, withCa, { onStep: (step) => steps.push(step) });
    expect(steps).toEqual(report.steps);
  });

  it('is refused for a user name that Basic cannot carry, before anything is sent', async () => {
    const server = await secure(basicRegistry);
    for (const username of ['a:b', 'a\r\nb', 'a\u0000']) {
      await expect(check({ host: server.host }, withCa, {}, { ...credential, username })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        field: ['username'],
      });
    }
    expect(server.connections()).toBe(0);
  });

  it('is refused for a repository that would be another path', async () => {
    const server = await secure(openRegistry);
    for (const probeRepository of ['../x', 'a/../b', 'a?b', 'a#b', 'A', 'a:push', 'a%2fb', '']) {
      await expect(check({ host: server.host, probeRepository }, withCa)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
    }
    expect(server.connections()).toBe(0);
  });
});

it('a canceled validation fails with the reason of its signal', async () => {
  const controller = new AbortController();
  const server = await secure(() => controller.abort(new Error('gone')));
  await expect(check({ host: server.host }, withCa, { signal: controller.signal })).rejects.toThrow('gone');
});
