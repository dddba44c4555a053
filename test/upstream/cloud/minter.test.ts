// The port over all clouds: the results of validations and pulls with a minted login, and with a cloud that issues none.

import { describe, expect, it, onTestFinished } from 'vitest';
import type { Pulls, PullSource } from '../../../src/core/pulls/pull.ts';
import type { RegistryType } from '../../../src/core/registry/registry.ts';
import type { ValidationStep } from '../../../src/core/registry/report.ts';
import type { CheckTarget, Credential, Validator } from '../../../src/core/validation/validator.ts';
import { type Cloud, createCloud } from '../../../src/upstream/cloud/minter.ts';
import { reportOf, stranger } from '../../support/domain.ts';
import { googleKeyFile, json, login, type LoopbackCloud, type Reply, startCloud } from './servers.ts';

const key = login('_json_key', JSON.stringify(googleKeyFile));
const target: CheckTarget = {
  host: 'europe-docker.pkg.dev',
  repository: 'example/*',
  type: 'GCR',
  secureConnection: true,
  trustedRealm: null,
  probeRepository: null,
};
const registry = { id: 'reg_1', version: 1, host: target.host, type: 'GCR' as RegistryType };

interface Test {
  readonly cloud: Cloud;
  readonly google: LoopbackCloud;
  nowMs: number;
  reply: () => Reply | Promise<Reply>;
}

async function start(): Promise<Test> {
  const test = {
    nowMs: Date.parse('2026-03-01T12:00:00Z'),
    reply: (): Reply | Promise<Reply> => json({ access_token: `minted-${google.asked.length}`, expires_in: 3600 }),
  };
  const google = await startCloud(() => test.reply());
  const cloud = createCloud({
    extraCa: undefined,
    now: () => new Date(test.nowMs),
    monotonicMs: () => test.nowMs,
    ambient: { aws: false, gcp: false, azure: false },
    google: { tokenUrl: new URL('/token', google.origin) },
  });
  onTestFinished(() => cloud.close());
  return Object.assign(test, { cloud, google });
}

/** A validator that notes what it was asked. */
function notingValidator() {
  const asked: { readonly target: CheckTarget; readonly credential: Credential }[] = [];
  const ping: ValidationStep = { kind: 'PING', status: 'PASSED', message: 'It answered.', durationMs: 1 };
  const validator: Validator = {
    check: async (checked, credential, options) => {
      asked.push({ target: checked, credential });
      options?.onStep?.(ping);
      return reportOf('VALID', [ping]);
    },
  };
  return { asked, validator };
}

describe('a validation', () => {
  it('mints first, reports that as a step, and lets the registry validate the minted login', async () => {
    const { cloud } = await start();
    const { asked, validator } = notingValidator();
    const steps: ValidationStep[] = [];
    const report = await cloud.wrapValidator(validator).check(target, key, { onStep: (step) => steps.push(step) });
    expect(report.outcome).toBe('VALID');
    expect(steps).toEqual(report.steps);
    expect(report.steps.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['TOKEN PASSED', 'PING PASSED']);
    expect(report.steps[0]!.message).toBe(
      'Google issued a login for the stored identity, valid until 2026-03-01T13:00:00.000Z.',
    );
    expect(asked).toHaveLength(1);
    expect(asked[0]!.target).toEqual({ ...target, type: 'DOCKER_V2' });
    expect([asked[0]!.credential.username, asked[0]!.credential.password.reveal()]).toEqual([
      'oauth2accesstoken',
      'minted-1',
    ]);
  });

  it('mints each time, because it validates the current identity', async () => {
    const { cloud, google } = await start();
    const validator = cloud.wrapValidator(notingValidator().validator);
    await validator.check(target, key);
    await validator.check(target, key);
    expect(google.asked).toHaveLength(2);
  });

  it('returns NATIVE_CREDENTIAL_ERROR if the cloud rejects the identity, and sends nothing to the registry', async () => {
    const test = await start();
    test.reply = () => json({ error: 'invalid_grant' }, 400);
    const { asked, validator } = notingValidator();
    const report = await test.cloud.wrapValidator(validator).check(target, key);
    expect(report).toMatchObject({
      outcome: 'NATIVE_CREDENTIAL_ERROR',
      message: expect.stringContaining('invalid_grant'),
      advice: expect.arrayContaining([{ kind: 'CORRECT_CLOCK' }]),
      retryable: false,
    });
    expect(report.steps.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['TOKEN FAILED']);
    expect(asked).toEqual([]);
    expect(JSON.stringify(report)).not.toContain('PRIVATE KEY');
  });

  it('of a static credential is left to the validator, which gets the key file unchanged', async () => {
    const { cloud, google } = await start();
    const { asked, validator } = notingValidator();
    const plain = { ...target, type: 'DOCKER_V2' } as const;
    const report = await cloud.wrapValidator(validator).check(plain, key);
    expect(report.steps).toHaveLength(1);
    expect(asked).toEqual([{ target: plain, credential: key }]);
    expect(google.asked).toEqual([]);
  });

  it('that is canceled throws the reason of its signal', async () => {
    const test = await start();
    const cancel = new AbortController();
    test.reply = () => {
      cancel.abort(new Error('the client left'));
      return new Promise(() => undefined);
    };
    await expect(
      test.cloud.wrapValidator(notingValidator().validator).check(target, key, { signal: cancel.signal }),
    ).rejects.toThrow('the client left');
  });

  it('ends when the server stops', async () => {
    const test = await start();
    test.reply = () => new Promise(() => setImmediate(() => void test.cloud.close()));
    await expect(test.cloud.wrapValidator(notingValidator().validator).check(target, key)).rejects.toThrow(
      'The server is stopping.',
    );
  });
});

describe('a use', () => {
  it('opens the stored identity only to mint, and uses the minted login until it is renewed', async () => {
    const test = await start();
    let opened = 0;
    const open = async (): Promise<Credential> => {
      opened += 1;
      return key;
    };
    const use = async () => (await test.cloud.resolveCredential(registry, open)).password.reveal();
    expect([await use(), await use(), opened]).toEqual(['minted-1', 'minted-1', 1]);
    test.nowMs += 3600_000;
    expect([await use(), opened, test.google.asked.length]).toEqual(['minted-2', 2, 2]);
  });

  it('of a static credential opens it each time and contacts no cloud', async () => {
    const { cloud, google } = await start();
    const open = async () => key;
    expect(await cloud.resolveCredential({ ...registry, type: 'DOCKER_V2' }, open)).toBe(key);
    expect(google.asked).toEqual([]);
  });

  it('fails with a Problem that says what to do and contains no secret', async () => {
    const test = await start();
    test.reply = () => json({ error: 'invalid_grant' }, 400);
    await expect(test.cloud.resolveCredential(registry, async () => key)).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      reason: 'NATIVE_CREDENTIAL_ERROR',
      message: 'Google issued no login for the stored key (invalid_grant).',
      advice: [{ kind: 'CREATE_SERVICE_ACCOUNT_KEY' }, { kind: 'CORRECT_CLOCK' }],
    });
  });

  it('that is aborted does not abort the minting for others that wait for it', async () => {
    const test = await start();
    const { promise, resolve } = Promise.withResolvers<Reply>();
    test.reply = () => promise;
    const leaving = new AbortController();
    const left = test.cloud.resolveCredential(registry, async () => key, leaving.signal);
    const stays = test.cloud.resolveCredential(registry, async () => key);
    leaving.abort(new Error('the client left'));
    await expect(left).rejects.toThrow('the client left');
    resolve(json({ access_token: 'minted', expires_in: 3600 }));
    expect((await stays).password.reveal()).toBe('minted');
    expect(test.google.asked).toHaveLength(1);
  });

  it('of a host outside the cloud of its type sends the stored identity nowhere', async () => {
    const { cloud, google } = await start();
    for (const type of ['AWSECR', 'GCR', 'ACR'] as const) {
      await expect(cloud.issueLogin({ host: 'registry.example', type }, key, undefined)).rejects.toMatchObject({
        reason: 'NATIVE_CREDENTIAL_ERROR',
        message: expect.stringContaining('no login was issued'),
      });
    }
    expect(google.asked).toEqual([]);
  });
});

describe('a pull', () => {
  /** Pulls with one source, as the domain passes it. */
  function pullsOf(source: PullSource): Pulls {
    return {
      permits: () => true,
      resolve: async () => source,
      recordUse: async () => undefined,
      openCircuits: () => 0,
    };
  }
  const image = { host: target.host, repository: 'example/app' };
  const stored = {
    ...registry,
    ...target,
    account: 'admin',
    registry: `${target.host}/example/*`,
    name: '',
    username: '_json_key',
    lastValidation: null,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  };

  it('gets a registry like any other, whose credential is the minted login', async () => {
    const { cloud } = await start();
    const source = await cloud
      .wrapPulls(pullsOf({ ...image, registry: stored, credential: async () => key }))
      .resolve(stranger, image);
    expect(source.registry).toEqual({ ...stored, type: 'DOCKER_V2' });
    const { username, password } = await source.credential!();
    expect([username, password.reveal()]).toEqual(['oauth2accesstoken', 'minted-1']);
  });

  it.each([
    ['without a registry', { ...image, registry: null, credential: null }],
    [
      'with a static login',
      { ...image, registry: { ...stored, type: 'DOCKER_V2' as const }, credential: async () => key },
    ],
  ])('%s is left as it is', async (_, source) => {
    const { cloud } = await start();
    expect(await cloud.wrapPulls(pullsOf(source)).resolve(stranger, image)).toBe(source);
  });
});
