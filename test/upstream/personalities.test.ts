// Registries of the field in one table, each with a validation, a pull, and an upstream token.

import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/shared/secret.ts';
import { check, secure, withCa } from './fixtures.ts';
import { openUpstream, passTime, sourceOf } from './pulling.ts';
import { morePersonalities } from './more-registries.ts';
import { ecrPublicClock, personalities, showsPassword } from './registries.ts';

const wrong = { username: 'alice', password: new Secret('wrong-password') };
/** A registry for a path, so that a password for that path is one. */
const path = { repository: 'team/*' };

beforeEach(() => {
  ecrPublicClock.generation = 1;
});

/** A minted token as the table names it. */
const kindOf = (token: string | undefined) => (token?.startsWith('ey') === true ? 'jwt' : token);

describe.each([...personalities, ...morePersonalities])('$name', (personality) => {
  const { handler, checks, forbiddenPull, wrong: refused, token, limit } = personality;

  it('is checked', async () => {
    const server = await secure(handler);
    expect((await check({ host: server.host, repository: 'team/app' }, withCa)).outcome).toBe(checks.allowed);
    expect((await check({ host: server.host, repository: 'other/app' }, withCa)).outcome).toBe(checks.forbidden);
    expect((await check({ host: server.host, repository: 'team/app' }, withCa, {}, wrong)).outcome).toBe(refused.check);
    expect(server.received.filter(({ url }) => showsPassword(url))).toEqual([]);
  });

  it('serves pulls, and a rejection of one repository affects only that one', async () => {
    const server = await secure(handler);
    const upstream = openUpstream();
    for (const [repository, expected] of [
      ['team/app', '200 {"tags":["latest"]}'],
      ['other/app', forbiddenPull],
      ['team/app', '200 {"tags":["latest"]}'],
      ['other/app', forbiddenPull],
    ] as const)
      expect(await upstream.pull(sourceOf(server.host, repository, path))).toBe(expected);
    const together = await Promise.all(
      Array.from({ length: 50 }, () => upstream.pull(sourceOf(server.host, 'team/app', path))),
    );
    expect(new Set(together)).toEqual(new Set(['200 {"tags":["latest"]}']));
  });

  it('rejects a wrong password as what it is', async () => {
    const server = await secure(handler);
    expect(await openUpstream().pull(sourceOf(server.host, 'team/app', path, wrong))).toBe(refused.pull);
  });

  it('gets one token request for each scope, with cold caches and 50 concurrent pulls', async () => {
    const server = await secure(handler);
    const upstream = openUpstream();
    await Promise.all(Array.from({ length: 50 }, () => upstream.pull(sourceOf(server.host, 'team/app', path))));
    const requests = server.received.map(({ url }) => url).filter((url) => /\/(?:token|auth)\b.*scope=/.test(url));
    expect(requests).toEqual([...new Set(requests)]);
  });

  it('issues a token for pulling, or none', async () => {
    const server = await secure(handler);
    const upstream = openUpstream();
    const minted = await upstream.mint(sourceOf(server.host, 'team/app', path));
    expect(kindOf(minted?.token.reveal())).toBe(token);
    if (token === undefined) return;
    await expect(upstream.mint(sourceOf(server.host, 'other/app', path))).rejects.toMatchObject({
      reason: 'INSUFFICIENT_SCOPE',
    });
    await expect(openUpstream().mint(sourceOf(server.host, 'team/app', path, wrong))).rejects.toMatchObject({
      reason: refused.pull,
    });
  });

  it('limits in its own way, which is no verdict on the credential and ends by itself', async () => {
    let isLimited = true;
    const server = await secure((request, response) =>
      isLimited && request.headers.authorization !== undefined ? limit(response) : handler(request, response),
    );
    const upstream = openUpstream();
    const source = sourceOf(server.host, 'team/app', path);
    const minted = () =>
      upstream.mint(source).then(
        (one) => kindOf(one?.token.reveal()),
        (error: { reason?: string }) => error.reason,
      );
    const checked = async () => (await check({ host: server.host, repository: 'team/app' }, withCa)).outcome;
    expect(await checked()).toBe('RATE_LIMITED');
    expect(await upstream.pull(source)).toBe('RATE_LIMITED');
    expect(await minted()).toBe(token === undefined ? undefined : 'RATE_LIMITED');
    isLimited = false;
    expect([await checked(), await upstream.pull(source), await minted()]).toEqual([
      'VALID',
      '200 {"tags":["latest"]}',
      token,
    ]);
  });
});

it('an ended token of ECR Public, which is answered by 400, is replaced', async () => {
  const ecr = personalities.find(({ name }) => name === 'ECR Public');
  const server = await secure(ecr?.handler ?? (() => undefined));
  const upstream = openUpstream();
  expect(await upstream.pull(sourceOf(server.host))).toMatch(/^200/);
  ecrPublicClock.generation = 2;
  expect(await upstream.pull(sourceOf(server.host))).toMatch(/^200/);
  passTime(upstream, 30_000);
  ecrPublicClock.generation = 3;
  expect((await upstream.mint(sourceOf(server.host)))?.token.reveal()).toBe('ecr-3');
});
