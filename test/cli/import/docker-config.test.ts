// Logins in config.json and auth.json: what is taken, what is refused, and that nothing is guessed.

import { describe, expect, it } from 'vitest';
import { parseDockerConfig } from '../../../src/cli/import/docker-config.ts';
import type { ImportEntry } from '../../../src/cli/import/entry.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const robot = { auth: base64('robot:s3cret:with:colons') };
const noChoices = () => undefined;

function parseOne(
  key: string,
  auth: unknown,
  more: object = {},
  choices: (key: string) => string | undefined = noChoices,
): ImportEntry {
  const [entry, ...others] = parseDockerConfig({ auths: { [key]: auth }, ...more }, choices);
  expect(others).toEqual([]);
  if (entry === undefined) throw new Error('no entry');
  return entry;
}

/** Returns the compared fields of an entry, with the revealed password. */
function revealed(entry: ImportEntry): unknown {
  return 'refusal' in entry
    ? entry
    : { registry: entry.registry, username: entry.username, password: entry.password?.reveal() };
}

describe('a key', () => {
  it.each(['constructor', 'toString', '__proto__'])('%s, which every object inherits, is not passed over', (key) => {
    const auths: unknown = JSON.parse(JSON.stringify({ KEY: robot }).replace('KEY', key));
    expect(parseDockerConfig({ auths, credHelpers: {} }, noChoices)).toEqual([
      { key, refusal: expect.any(String) as string },
    ]);
  });

  it.each([
    ['https://index.docker.io/v1/', 'docker.io'],
    ['https://index.docker.io/v1', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['ghcr.io', 'ghcr.io'],
    ['https://ghcr.io', 'ghcr.io'],
    ['https://ghcr.io/v2/', 'ghcr.io'],
    ['http://localhost:5000/v1/', 'localhost:5000'],
    ['HTTPS://Registry.Example.COM:443/', 'registry.example.com'],
    ['[2001:DB8::1]:5000', '[2001:db8::1]:5000'],
    ['quay.io/core/*', 'quay.io/core/*'],
    ['quay.io/*', 'quay.io'],
  ])('%s means %s', (key, registry) => {
    expect(revealed(parseOne(key, robot))).toEqual({ registry, username: 'robot', password: 's3cret:with:colons' });
  });

  it.each([
    ['quay.io/core', ['quay.io/core/*', 'quay.io/core', 'quay.io']],
    ['https://quay.io/core/team/', ['quay.io/core/team/*', 'quay.io/core/team', 'quay.io']],
    ['docker.io/anchore', ['docker.io/anchore/*', 'docker.io/library/anchore', 'docker.io']],
  ])('%s with a path is rejected until the user chooses which of %j it means', (key, readings) => {
    const entry = parseOne(key, robot) as { refusal: string };
    expect([...entry.refusal.matchAll(/--map '([^']+)'/g)].map((match) => match[1])).toEqual(
      readings.map((reading) => `${key}=${reading}`),
    );
    for (const reading of readings) {
      expect(revealed(parseOne(key, robot, {}, (asked) => (asked === key ? reading : undefined)))).toMatchObject({
        registry: reading,
      });
    }
  });

  it.each([
    ['*.example.com', /wildcard/],
    ['registry', /single-label host/],
    ['quay.io/co*re', /wildcard/],
    ['quay.io/Core', /must be lowercase/],
    ['https://example.com?x=1', /./],
    ['', /The text is empty/],
  ])('%j is refused', (key, reason) => {
    expect(parseOne(key, robot)).toMatchObject({ refusal: expect.stringMatching(reason) as string });
  });

  it('a choice cannot move a password to another host', () => {
    expect(parseOne('quay.io/core', robot, {}, () => 'evil.example/core/*')).toMatchObject({
      refusal: expect.stringContaining('another host') as string,
    });
    expect(parseOne('quay.io/core', robot, {}, () => 'quay.io/core*')).toMatchObject({
      refusal: expect.stringContaining('not a registry') as string,
    });
  });

  it('that holds a password does not show it', () => {
    const entry = parseOne('https://robot:hunter2@quay.io', robot);
    expect(JSON.stringify(entry)).not.toContain('hunter2');
    expect(entry).toMatchObject({ key: 'https://…@quay.io', refusal: expect.any(String) as string });
  });
});

const azure = '00000000-0000-0000-0000-000000000000';

describe('a login', () => {
  it.each<[string, object, { username: string; password: string }]>([
    ['in auth', { auth: base64('robot:p') }, { username: 'robot', password: 'p' }],
    ['with an empty line end', { auth: `${base64('robot:p')}\n` }, { username: 'robot', password: 'p' }],
    ['without padding', { auth: base64('robot:pw').replace(/=+$/, '') }, { username: 'robot', password: 'pw' }],
    ['padded with NUL', { auth: base64('robot:p\0\0') }, { username: 'robot', password: 'p' }],
    ['beyond ASCII', { auth: base64('röbot:pä🔑') }, { username: 'röbot', password: 'pä🔑' }],
    ['in two fields', { username: 'robot', password: 'p' }, { username: 'robot', password: 'p' }],
    [
      'as kubectl writes it',
      { username: 'robot', password: 'p', email: 'r@example.com', auth: base64('robot:p') },
      { username: 'robot', password: 'p' },
    ],
  ])('%s is taken', (_, auth, login) => {
    expect(revealed(parseOne('ghcr.io', auth))).toEqual({ registry: 'ghcr.io', ...login });
  });

  it.each<[string, object, string]>([
    ['without a password', { identitytoken: 'eyJ' }, '<token>'],
    ['next to a username without a password', { auth: base64('robot:'), identitytoken: 'eyJ' }, '<token>'],
    ['next to a password, because Docker prefers it', { auth: base64('robot:p'), identitytoken: 'eyJ' }, '<token>'],
    ['under the user name of Docker', { auth: base64('<token>:eyJ') }, '<token>'],
    ['under the user name of Azure', { auth: base64(`${azure}:eyJ`) }, azure],
    ['of Azure, as "az acr login" stores it', { auth: base64(`${azure}:`), identitytoken: 'eyJ' }, azure],
  ])('that is an identity token %s is taken as one', (_, auth, username) => {
    const entry = parseOne('ghcr.io', auth);
    expect(revealed(entry)).toEqual({ registry: 'ghcr.io', username, password: 'eyJ' });
    expect(entry).toMatchObject({ isIdentityToken: true });
  });

  it.each<[string, unknown, RegExp]>([
    ['a registry token', { registrytoken: 'eyJ' }, /registry token/],
    ['two logins', { auth: base64('robot:p'), username: 'robot', password: 'q' }, /different credentials/],
    ['nothing', {}, /no password/],
    ['no user name', { auth: base64(':p') }, /empty/],
    ['no password', { auth: base64('robot:') }, /empty/],
    ['no colon', { auth: base64('robot') }, /base64 of user:password/],
    ['text that is not base64', { auth: 'robot:p' }, /base64 of user:password/],
    [
      'bytes that are no text',
      { auth: Buffer.from([0x72, 0x3a, 0xff, 0xfe]).toString('base64') },
      /base64 of user:password/,
    ],
    ['no object', 'robot:p', /not an object/],
    ['a list', [], /not an object/],
  ])('that is %s is refused', (_, auth, reason) => {
    expect(parseOne('ghcr.io', auth)).toMatchObject({
      key: 'ghcr.io',
      refusal: expect.stringMatching(reason) as string,
    });
  });
});

describe('a credential helper', () => {
  it('has the password, so its host is rejected, also if auths still contains one', () => {
    const entries = parseDockerConfig(
      { auths: { 'ghcr.io': robot, 'quay.io': robot }, credHelpers: { 'ghcr.io': 'gh' } },
      noChoices,
    );
    expect(entries).toMatchObject([
      { registry: 'quay.io' },
      { key: 'ghcr.io', refusal: expect.stringContaining('credential helper gh') as string },
    ]);
  });

  it('for everything is named where an entry is empty', () => {
    expect(parseOne('ghcr.io', {}, { credsStore: 'desktop' })).toMatchObject({
      refusal: expect.stringContaining('credential helper desktop') as string,
    });
    expect(parseDockerConfig({ credsStore: 'desktop' }, noChoices)).toMatchObject([{ key: 'credsStore' }]);
    expect(revealed(parseOne('ghcr.io', robot, { credsStore: 'desktop' }))).toMatchObject({ username: 'robot' });
  });
});

it.each([{ auths: [] }, { auths: 'x' }, { auths: {}, credHelpers: 7 }])(
  'a configuration of another form is refused: %j',
  (document) => {
    expect(parseDockerConfig(document, noChoices)).toMatchObject([
      { refusal: expect.stringContaining('not a Docker configuration') as string },
    ]);
  },
);
