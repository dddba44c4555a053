// Pull tokens and pull configurations over HTTP: what a caller gets, failures as data, and secrets that no log sees.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../../../src/core/shared/problem.ts';
import { Secret } from '../../../../src/core/shared/secret.ts';
import { dataAt, jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;
beforeEach(async () => {
  endpoint = await openEndpoint();
});
afterEach(() => endpoint.close());

const createPullToken =
  'mutation ($image: String!, $account: String) { createPullToken(image: $image, account: $account) { token expiresAt lines { trivy syft skopeo } errors { code reason message field } } }';
const pullConfig =
  'query ($format: PullConfigFormat!, $hosts: [String!], $token: Secret) { pullConfig(format: $format, hosts: $hosts, token: $token) { fileName mediaType content warnings } }';
const apiToken = `rgw_0123456789ab_${'A'.repeat(49)}`;

describe('createPullToken', () => {
  test('returns the token, its expiry, and the command lines, and forbids caching', async () => {
    const answer = await endpoint.send(createPullToken, { image: 'ghcr.io/anchore/grype:v1' }, 'PULL');
    expect(dataAt(answer, 'createPullToken')).toEqual({
      token: 'upstream-token',
      expiresAt: '2026-01-02T03:09:05.000Z',
      lines: {
        trivy: 'TRIVY_REGISTRY_TOKEN=upstream-token trivy image --image-src remote ghcr.io/anchore/grype:v1',
        syft: 'SYFT_REGISTRY_AUTH_TOKEN=upstream-token SYFT_REGISTRY_AUTH_AUTHORITY=ghcr.io syft registry:ghcr.io/anchore/grype:v1',
        skopeo:
          'skopeo copy --src-registry-token=upstream-token docker://ghcr.io/anchore/grype:v1 oci-archive:image.tar',
      },
      errors: [],
    });
    expect(answer.headers.get('cache-control')).toContain('no-store');
  });

  test.each([
    [
      'a malformed image',
      { image: 'ghcr.io/A' },
      { code: 'INVALID_REFERENCE', reason: 'PATH_UPPERCASE', field: ['image'] },
    ],
    [
      'an account that does not exist',
      { image: 'ubuntu', account: 'nobody' },
      { code: 'NOT_FOUND', field: ['account'] },
    ],
  ])('%s is data, at the argument that it is about', async (_, variables, error) => {
    const answer = await endpoint.send(createPullToken, variables);
    expect(dataAt(answer, 'createPullToken')).toMatchObject({
      token: null,
      expiresAt: null,
      lines: null,
      errors: [error],
    });
    expect(answer.body.errors).toBeUndefined();
  });

  test('of a registry without tokens is an error that points to the pull endpoint', async () => {
    endpoint.domain.mint = async () => undefined;
    const answer = await endpoint.send(createPullToken, { image: 'r.example:5000/a' });
    expect(dataAt(answer, 'createPullToken')).toMatchObject({
      token: null,
      lines: null,
      errors: [{ code: 'UPSTREAM_FAILED', reason: 'NO_TOKENS', field: ['image'] }],
    });
    expect(answer.text).toContain('regway.example/r.example_5000/a');
  });

  test('that the upstream refuses is data with its outcome', async () => {
    endpoint.domain.mint = () =>
      Promise.reject(new Problem('UPSTREAM_FAILED', 'The registry refused.', { reason: 'RATE_LIMITED' }));
    const answer = await endpoint.send(createPullToken, { image: 'ubuntu' });
    expect(dataAt(answer, 'createPullToken', 'errors')).toEqual([
      { code: 'UPSTREAM_FAILED', reason: 'RATE_LIMITED', message: 'The registry refused.', field: null },
    ]);
  });

  test('leaves its token in no log, even when the answer fails after it was made', async () => {
    endpoint.domain.mint = async () => ({ token: new Secret('MARKER-token'), expiresAt: new Date(Number.NaN) });
    const answer = await endpoint.send(createPullToken, { image: 'ubuntu' });
    expect(answer.body.errors).toHaveLength(1);
    expect(JSON.stringify([answer.body.errors, endpoint.log, endpoint.observed])).not.toContain('MARKER');
    expect(endpoint.log).toHaveLength(1);
  });
});

describe('pullConfig', () => {
  test('returns the file with the passed token', async () => {
    const answer = await endpoint.send(pullConfig, { format: 'AUTH_JSON', token: apiToken }, 'PULL');
    const { content, ...rest } = dataAt(answer, 'pullConfig') as { content: string };
    expect(rest).toEqual({ fileName: 'auth.json', mediaType: 'application/json', warnings: [] });
    expect(JSON.parse(content)).toEqual({
      auths: { 'regway.example': { auth: Buffer.from(`regway:${apiToken}`).toString('base64') } },
    });
    expect(answer.headers.get('cache-control')).toContain('no-store');
  });

  test('creates no token and has a placeholder if none was passed, for any caller', async () => {
    const answer = await endpoint.send(pullConfig, { format: 'CONTAINERD_HOSTS_TOML', hosts: ['docker.io'] });
    expect(dataAt(answer, 'pullConfig')).toMatchObject({
      fileName: 'docker.io/hosts.toml',
      content: expect.stringContaining('REGWAY_TOKEN'),
      warnings: [expect.stringContaining('REGWAY_TOKEN')],
    });
    expect(await endpoint.domain.store.access.hasNoTokens()).toBe(true);
  });

  test.each([
    ['a password of somewhere else', { format: 'AUTH_JSON', token: 'MARKER-password' }, ['token']],
    ['an invalid host', { format: 'AUTH_JSON', hosts: ['a b'] }, ['hosts', '0']],
  ])('%s is refused at its argument, and shown nowhere', async (_, variables, field) => {
    const answer = await endpoint.send(pullConfig, variables);
    expect(answer.body).toMatchObject({ data: null, errors: [{ extensions: { code: 'INVALID_INPUT', field } }] });
    expect(`${answer.text}${endpoint.log.join('')}`).not.toContain('MARKER');
  });

  test('does not repeat a token in a rejected document', async () => {
    const query = `{ pullConfig(format: HELM, token: "${apiToken}") { content } }`;
    const answer = await endpoint.request('/graphql', {
      method: 'POST',
      headers: jsonHeaders('PULL'),
      body: JSON.stringify({ query }),
    });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(apiToken);
  });
});
