// The laws of pull tokens: who gets one, for which image, what is recorded, and that the lines run as they are pasted.

import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../src/core/authz/principal.ts';
import type { PullSource } from '../../../src/core/pulls/pull.ts';
import {
  createUpstreamTokens,
  pullTokenLines,
  type PullTokenMinter,
  type UpstreamTokens,
} from '../../../src/core/pulls/upstream-token.ts';
import { parseImageReference } from '../../../src/core/registry/reference.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf, openDomain, stranger, type TestDomain } from '../../support/domain.ts';

const expiresAt = new Date('2026-01-02T03:09:05Z');

let domain: TestDomain;
let tokens: UpstreamTokens;
/** The requests to the minter, and its response. */
let asked: PullSource[];
let answer: (source: PullSource) => ReturnType<PullTokenMinter['mint']>;

beforeEach(async () => {
  domain = await openDomain();
  asked = [];
  answer = async () => ({ token: new Secret('upstream-token'), expiresAt });
  const mint = async (source: PullSource) => {
    asked.push(source);
    return answer(source);
  };
  tokens = createUpstreamTokens({
    pulls: domain.pulls,
    minter: { mint },
    endpoint: () => new URL('https://regway.example:8443'),
  });
  await domain.registries.create(
    callerOf('READ_WRITE'),
    { registry: 'r.example:5000/team/*', username: 'alice', password: new Secret('hunter2') },
    { secureConnection: true, validate: false },
  );
});
afterEach(() => domain.close());

async function problemOf(caller: Caller, args: unknown): Promise<Problem> {
  const error: unknown = await tokens.create(caller, args).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

describe('a pull token', () => {
  it.each(['ADMIN', 'READ_WRITE', 'PULL'] as const)(
    'goes to %s, for exactly the repository of the image, and is recorded',
    async (role) => {
      const issued = await tokens.create(callerOf(role), { image: 'R.example:5000/team/app:v1' });
      expect([issued.token.reveal(), issued.expiresAt, issued.image.reference]).toEqual([
        'upstream-token',
        expiresAt,
        'r.example:5000/team/app:v1',
      ]);
      expect(asked).toMatchObject([
        { host: 'r.example:5000', repository: 'team/app', registry: { registry: 'r.example:5000/team/*' } },
      ]);
      expect(domain.uses).toMatchObject([
        { actor: `token:${role.toLowerCase()}`, image: 'r.example:5000/team/app', registryVersion: 1, outcome: 'DONE' },
      ]);
    },
  );

  it('of an image that no registry covers is an anonymous one, and uses no credential', async () => {
    await tokens.create(callerOf('PULL'), { image: 'ubuntu' });
    expect(asked).toMatchObject([
      { host: 'docker.io', repository: 'library/ubuntu', registry: null, credential: null },
    ]);
    expect(domain.uses).toEqual([]);
  });

  it.each<[string, Caller, unknown, object]>([
    ['a stranger', stranger, { image: 'r.example:5000/team/app' }, { code: 'UNAUTHENTICATED' }],
    ['READ_ONLY', callerOf('READ_ONLY'), { image: 'r.example:5000/team/app' }, { code: 'FORBIDDEN' }],
    ['a stranger with a malformed image', stranger, { image: '???' }, { code: 'UNAUTHENTICATED' }],
    [
      'a token for other images',
      callerOf('PULL', 'admin', { images: ['r.example:5000/team/lib'] }),
      { image: 'r.example:5000/team/app' },
      { code: 'FORBIDDEN', reason: 'IMAGE_NOT_COVERED' },
    ],
    [
      'another account',
      callerOf('PULL', 'other'),
      { image: 'r.example:5000/team/app', account: 'admin' },
      { code: 'NOT_FOUND' },
    ],
    [
      'a malformed image',
      callerOf('PULL'),
      { image: 'r.example:5000/team/../app' },
      { code: 'INVALID_REFERENCE', reason: 'PATH_INVALID' },
    ],
    ['an invalid image', callerOf('PULL'), { image: 5 }, { code: 'INVALID_INPUT', field: ['image'] }],
  ])('is refused to %s, and the upstream is not asked', async (_, caller, args, expected) => {
    expect(await problemOf(caller, args)).toMatchObject(expected);
    expect([asked, domain.uses]).toEqual([[], []]);
  });

  it('goes to a limited token for an image inside its limit', async () => {
    const limited = callerOf('PULL', 'admin', { images: ['r.example:5000/team/*'] });
    expect((await tokens.create(limited, { image: 'r.example:5000/team/app' })).token.reveal()).toBe('upstream-token');
  });

  it.each([
    ['r.example:5000/team/app', 'regway.example:8443/r.example_5000/team/app'],
    ['ubuntu', 'regway.example:8443/docker.io/library/ubuntu'],
  ])(
    'of a registry that accepts only passwords is rejected with the way to pull %s through Regway, and nothing is recorded',
    async (image, name) => {
      answer = async () => undefined;
      const problem = await problemOf(callerOf('PULL'), { image });
      expect(problem).toMatchObject({ code: 'UPSTREAM_FAILED', reason: 'NO_TOKENS' });
      expect(problem.message).toContain(` ${name},`);
      expect(domain.uses).toEqual([]);
    },
  );

  it('that the upstream refuses is recorded with its outcome, and the next one waits', async () => {
    answer = async () => {
      throw new Problem('UPSTREAM_FAILED', 'The registry refused.', { reason: 'INVALID_CREDENTIALS' });
    };
    const call = () => problemOf(callerOf('PULL'), { image: 'r.example:5000/team/app' });
    expect(await call()).toMatchObject({ code: 'UPSTREAM_FAILED', reason: 'INVALID_CREDENTIALS' });
    expect(domain.uses).toMatchObject([{ outcome: 'INVALID_CREDENTIALS' }]);
    await call();
    expect(asked).toHaveLength(1);
  });

  it('that fails with an internal error is not recorded', async () => {
    answer = () => Promise.reject(new Error('a bug'));
    await expect(tokens.create(callerOf('PULL'), { image: 'r.example:5000/team/app' })).rejects.toThrow('a bug');
    expect(domain.uses).toEqual([]);
  });
});

describe('when the registry was changed while its upstream was asked', () => {
  const failing = (reason: string, changes: object) => async () => {
    answer = async () => ({ token: new Secret('upstream-token'), expiresAt });
    const { nodes } = await domain.registries.list(callerOf('READ_WRITE'), {});
    await domain.registries.update(callerOf('READ_WRITE'), nodes[0]?.id ?? '', changes, {
      secureConnection: true,
      validate: false,
    });
    throw new Problem('UPSTREAM_FAILED', 'The registry refused.', { reason });
  };

  it('a refused password is followed by the new one', async () => {
    answer = failing('INVALID_CREDENTIALS', { password: new Secret('new') });
    await tokens.create(callerOf('PULL'), { image: 'r.example:5000/team/app' });
    expect(domain.uses).toMatchObject([
      { registryVersion: 1, outcome: 'INVALID_CREDENTIALS' },
      { registryVersion: 2, outcome: 'DONE' },
    ]);
  });

  it.each([
    ['no answer in time', 'TIMEOUT', { password: new Secret('new') }],
    ['a password refused, and another name', 'INVALID_CREDENTIALS', { name: 'New' }],
  ])('%s is not asked for again', async (_, reason, changes) => {
    answer = failing(reason, changes);
    expect(await problemOf(callerOf('PULL'), { image: 'r.example:5000/team/app' })).toMatchObject({ reason });
    expect(asked).toHaveLength(1);
  });
});

describe('the lines', () => {
  const lines = (token: string, image: string) =>
    pullTokenLines({ token: new Secret(token), expiresAt, image: parseImageReference(image) });
  const digest = `sha256:${'a'.repeat(64)}`;

  it('name the variables and the flag that the clients know', () => {
    expect(lines('abc.DEF-_~+/=', 'r.example:5000/team/app:v1')).toEqual({
      trivy: 'TRIVY_REGISTRY_TOKEN=abc.DEF-_~+/= trivy image --image-src remote r.example:5000/team/app:v1',
      syft: 'SYFT_REGISTRY_AUTH_TOKEN=abc.DEF-_~+/= SYFT_REGISTRY_AUTH_AUTHORITY=r.example:5000 syft registry:r.example:5000/team/app:v1',
      skopeo:
        'skopeo copy --src-registry-token=abc.DEF-_~+/= docker://r.example:5000/team/app:v1 oci-archive:image.tar',
    });
  });

  it('name Docker Hub as Syft does, and contain a tag or a digest for Skopeo', () => {
    expect(lines('t', 'ubuntu').syft).toContain(' SYFT_REGISTRY_AUTH_AUTHORITY=index.docker.io ');
    expect(lines('t', `ubuntu:22.04@${digest}`).skopeo).toContain(` docker://docker.io/library/ubuntu@${digest} `);
    expect(lines('t', `ubuntu@${digest}`).skopeo).toContain(` docker://docker.io/library/ubuntu@${digest} `);
  });

  it.each(['$(touch /tmp/x)', '`id`', "a'b;id", 'a b', 'a\nb', 'a"b', '*', ''])(
    'of a token that a hostile upstream made (%j) run nothing of it',
    (token) => {
      const [assignment = ''] = lines(token, 'ubuntu').trivy.split(' trivy image');
      expect(
        execFileSync('/bin/sh', ['-c', `${assignment}; printf %s "$TRIVY_REGISTRY_TOKEN"`], { encoding: 'utf8' }),
      ).toBe(token);
    },
  );
});
