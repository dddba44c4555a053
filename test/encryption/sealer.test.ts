import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataKeyRow } from '../../src/core/passwords/key-store.ts';
import type { Sealer } from '../../src/core/passwords/sealer.ts';
import type { SecretBinding } from '../../src/core/registry/registry.ts';
import { Problem } from '../../src/core/shared/problem.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { encodeContext, encrypt } from '../../src/encryption/aes-gcm.ts';
import { createSealingKey, readDataKeys } from '../../src/encryption/data-keys.ts';
import { type Keyring, KeyringError, parseKeyring, printKeyring } from '../../src/encryption/keyring.ts';
import { createSealer, holdsNothingSealed } from '../../src/encryption/sealer.ts';
import { memoryKeyStore, type MemoryKeyStore } from './memory-key-store.ts';

const binding: SecretBinding = {
  slot: 'CURRENT',
  account: 'anchore',
  id: 'reg_00000000000000000000000000000001',
  registry: 'docker.io/anchore/*',
  host: 'docker.io',
  repository: 'anchore/*',
  type: 'DOCKER_V2',
  username: 'robot',
  secureConnection: true,
  trustedRealm: null,
  secretVersion: 1,
};

function newKeyring(...keys: Uint8Array[]): Keyring {
  const all = keys.length > 0 ? keys : [randomBytes(32)];
  return parseKeyring(printKeyring(all.map((bytes) => createSecretKey(bytes))), '/etc/regway/keyring');
}

const keyring = newKeyring();
const keys = memoryKeyStore();
const sealer = await createSealer({ keyring, keys });
const dataKey = present(keys.rows[0]);
const canary = present(keys.canaryBlob);

function present<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error('The first start wrote nothing.');
  }
  return value;
}

function problemOf(attempt: () => unknown): Problem {
  try {
    attempt();
  } catch (error) {
    if (error instanceof Problem) {
      return error;
    }
    throw error;
  }
  throw new Error('Nothing was refused.');
}

function contentsOf({ rows, canaryBlob, registries, writes }: MemoryKeyStore): object {
  return structuredClone({ rows, canaryBlob, registries, writes });
}

/** The refusal of a start, after which the store must be exactly what it was. */
async function startRefusal(ring: Keyring, store: MemoryKeyStore): Promise<string> {
  const before = contentsOf(store);
  const outcome = await createSealer({ keyring: ring, keys: store }).catch((error: unknown) => error);
  if (!(outcome instanceof KeyringError)) {
    throw new Error('The start was not refused.', { cause: outcome });
  }
  expect(contentsOf(store)).toEqual(before);
  return outcome.message;
}

/** A data key that was wrapped with the right root key. */
function wrappedRow(id: number, bytes: Uint8Array): DataKeyRow {
  return { ...dataKey, id, wrapped: encrypt(keyring.sealing.key, id, encodeContext('data_key', { id }), bytes) };
}

const bindingChanges: Partial<SecretBinding>[] = [
  { account: 'admin' },
  { id: 'reg_00000000000000000000000000000002' },
  { registry: 'docker.io/anchore' },
  { registry: 'evil.example/anchore/*' },
  { registry: 'docker.io:444/anchore/*' },
  { host: 'evil.example' },
  { repository: 'anchore/grype' },
  { repository: null },
  { type: 'AWSECR' },
  { type: 'ACR' },
  { username: 'Robot' },
  { secureConnection: false },
  { trustedRealm: 'evil.example' },
  { trustedRealm: '' },
  { trustedRealm: 'null' },
  { secretVersion: 2 },
  { slot: 'PENDING' },
  { slot: 'PREVIOUS' },
  { account: 'anchorer', id: 'eg_00000000000000000000000000000001' },
];

describe('a sealed password', () => {
  it('opens for the binding it was sealed for', () => {
    expect(sealer.open(sealer.seal(new Secret('hunter2'), binding), { ...binding }).reveal()).toBe('hunter2');
  });

  it('opens with the parts of the binding in any order', () => {
    const reversed = Object.fromEntries(Object.entries(binding).toReversed()) as unknown as SecretBinding;
    expect(sealer.open(sealer.seal(new Secret('hunter2'), binding), reversed).reveal()).toBe('hunter2');
  });

  it('is refused for every other binding, with one sentence to act on', () => {
    const sealed = sealer.seal(new Secret('hunter2'), binding);
    const problems = bindingChanges.map((change) => problemOf(() => sealer.open(sealed, { ...binding, ...change })));
    expect(new Set(bindingChanges.flatMap((change) => Object.keys(change)))).toEqual(new Set(Object.keys(binding)));
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['SECRET_UNREADABLE']));
    expect(new Set(problems.map(({ message }) => message)).size).toBe(1);
    expect(problems[0]?.message).toContain('enter the password again');
  });

  it('is refused with the trusted realm taken away', () => {
    const trusting = { ...binding, trustedRealm: 'auth.example' };
    const sealed = sealer.seal(new Secret('hunter2'), trusting);
    expect(problemOf(() => sealer.open(sealed, binding)).code).toBe('SECRET_UNREADABLE');
    expect(sealer.open(sealed, trusting).reveal()).toBe('hunter2');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['the canary', canary],
    ['the data key', dataKey.wrapped],
    ['the password in clear', Buffer.from('hunter2'.padEnd(129))],
  ])('is refused when it was replaced by %s', (_, blob) => {
    expect(problemOf(() => sealer.open(blob, binding)).code).toBe('SECRET_UNREADABLE');
  });

  it('is refused when another installation sealed it', async () => {
    const other = await createSealer({ keyring: newKeyring(), keys: memoryKeyStore() });
    expect(problemOf(() => sealer.open(other.seal(new Secret('hunter2'), binding), binding)).code).toBe(
      'SECRET_UNREADABLE',
    );
  });

  it('is refused when another installation with the same root key sealed it', async () => {
    const other = await createSealer({ keyring, keys: memoryKeyStore() });
    expect(problemOf(() => sealer.open(other.seal(new Secret('hunter2'), binding), binding)).code).toBe(
      'SECRET_UNREADABLE',
    );
  });

  it('differs from a second seal of the same password', () => {
    const [one, other] = [1, 2].map(() => sealer.seal(new Secret('hunter2'), binding));
    expect(one).not.toEqual(other);
  });

  it('has the same length for 1 byte and for 62', () => {
    const lengths = ['x', 'x'.repeat(62)].map((password) => sealer.seal(new Secret(password), binding).length);
    expect(lengths).toEqual([129, 129]);
  });

  it('holds no trace of the password', () => {
    const password = randomBytes(24).toString('hex');
    expect(Buffer.from(sealer.seal(new Secret(password), binding)).includes(password)).toBe(false);
  });
});

describe('a password', () => {
  it.each([
    ['empty', ''],
    ['spaces around', ' p w '],
    ['NUL and line ends', 'a\0b\r\nc'],
    ['accents, composed and not', 'é e\u0301'],
    ['emoji', '🔑'.repeat(100)],
    ['a service account key', JSON.stringify({ type: 'service_account', private_key: 'k'.repeat(3_000) })],
    ['65,535 bytes', 'k'.repeat(65_535)],
  ])('comes back letter for letter: %s', (_, password) => {
    expect(sealer.open(sealer.seal(new Secret(password), binding), binding).reveal()).toBe(password);
  });

  it('comes back for any Unicode text and any binding', () => {
    const property = fc.property(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.option(fc.string()),
      fc.nat(),
      (password, username, trustedRealm, secretVersion) => {
        const place = { ...binding, username, trustedRealm, secretVersion };
        return sealer.open(sealer.seal(new Secret(password), place), place).reveal() === password;
      },
    );
    expect(() => fc.assert(property)).not.toThrow();
  });

  it('may belong to a username of any length', () => {
    const place = { ...binding, username: 'u'.repeat(10_000) };
    expect(sealer.open(sealer.seal(new Secret('hunter2'), place), place).reveal()).toBe('hunter2');
  });
});

it.each([
  ['65,536 bytes', 'k'.repeat(65_536)],
  ['few letters of many bytes', '🔑'.repeat(16_384)],
  ['a lone surrogate, which would come back as another letter', 'hunter2\uD800'],
])('a password that cannot come back whole is not sealed, nor shown: %s', (_, password) => {
  const problem = problemOf(() => sealer.seal(new Secret(password), binding));
  expect(problem.code).toBe('INVALID_INPUT');
  expect(problem.field).toEqual(['password']);
  expect(inspect(problem)).not.toContain(password.slice(0, 6));
});

describe('the first start', () => {
  it('writes one data key and the canary, at once', () => {
    expect(keys.writes).toBe(1);
    expect(keys.rows).toMatchObject([{ id: 1, rootKeyId: keyring.sealing.id, state: 'ACTIVE' }]);
  });

  it('lets the next start open what it sealed, and write nothing', async () => {
    const sealed = sealer.seal(new Secret('hunter2'), binding);
    const next = await createSealer({ keyring, keys });
    expect(next.open(sealed, binding).reveal()).toBe('hunter2');
    expect(keys.writes).toBe(1);
  });

  it('of several processes at once creates one data key, which all of them use', async () => {
    const store = memoryKeyStore();
    const sealers = await Promise.all(Array.from({ length: 5 }, () => createSealer({ keyring, keys: store })));
    const sealed = sealers.map((one) => one.seal(new Secret('hunter2'), binding));
    const opened = sealers.flatMap((one) => sealed.map((blob) => one.open(blob, binding).reveal()));
    expect(store.writes).toBe(1);
    expect(new Set(opened)).toEqual(new Set(['hunter2']));
  });

  it('of a process that lost the race to another keyring is refused', async () => {
    const store = memoryKeyStore();
    const winner = memoryKeyStore();
    await createSealer({ keyring, keys: winner });
    store.insertFirst = async () => {
      [store.rows, store.canaryBlob] = [winner.rows, winner.canaryBlob];
      return false;
    };
    await expect(createSealer({ keyring: newKeyring(), keys: store })).rejects.toThrow(keyring.sealing.id);
  });

  it('continues if another process finished between two reads', async () => {
    const store = memoryKeyStore();
    store.hasRegistries = async () => {
      [store.rows, store.canaryBlob] = [keys.rows, keys.canaryBlob];
      return true;
    };
    const late: Sealer = await createSealer({ keyring, keys: store });
    expect(late.open(sealer.seal(new Secret('hunter2'), binding), binding).reveal()).toBe('hunter2');
    expect(store.writes).toBe(0);
  });
});

describe('a start on a database that does not fit is refused and changes nothing', () => {
  const contents = { rows: keys.rows, canaryBlob: keys.canaryBlob, registries: true };
  const row = (change: Partial<DataKeyRow>): DataKeyRow[] => [{ ...dataKey, ...change }];

  it('with a wrong keyring, naming the file and the key that is needed', async () => {
    const message = await startRefusal(newKeyring(), memoryKeyStore(contents));
    expect(message).toContain('/etc/regway/keyring');
    expect(message).toContain(keyring.sealing.id);
  });

  it('with the canary of another database', async () => {
    const other = memoryKeyStore();
    await createSealer({ keyring, keys: other });
    expect(await startRefusal(keyring, memoryKeyStore({ ...contents, canaryBlob: other.canaryBlob }))).toContain(
      'canary',
    );
  });

  it('with the data key of another database', async () => {
    const other = memoryKeyStore();
    await createSealer({ keyring, keys: other });
    expect(await startRefusal(keyring, memoryKeyStore({ ...contents, rows: other.rows }))).toContain('canary');
  });

  it.each([
    ['registries, but neither key nor canary', { rows: [], canaryBlob: undefined }],
    ['registries and a key, but no canary', { canaryBlob: undefined }],
    ['a canary, but no key', { rows: [], registries: false }],
    ['a key cut short', { rows: row({ wrapped: dataKey.wrapped.subarray(1) }) }],
    ['a key under another id', { rows: row({ id: 2 }) }],
    ['a password in place of the key', { rows: row({ wrapped: sealer.seal(new Secret('k'.repeat(32)), binding) }) }],
    ['a root key id that was edited', { rows: row({ rootKeyId: '0000000000000000' }) }],
    ['a key of 16 bytes', { rows: [wrappedRow(1, randomBytes(16))] }],
    ['two active keys', { rows: [dataKey, wrappedRow(2, randomBytes(32))] }],
    ['no active key', { rows: row({ state: 'RETIRED' }) }],
    ['a damaged canary', { canaryBlob: canary.map((byte, index) => (index === 60 ? byte ^ 1 : byte)) }],
    ['an empty canary', { canaryBlob: new Uint8Array() }],
  ])('%s', async (_, change) => {
    expect(await startRefusal(keyring, memoryKeyStore({ ...contents, ...change }))).toContain('/etc/regway/keyring');
  });
});

it('a database sealed under an old root key opens while that key is still in the keyring', async () => {
  const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
  const store = memoryKeyStore();
  const before = await createSealer({ keyring: newKeyring(oldKey), keys: store });
  const after = await createSealer({ keyring: newKeyring(newKey, oldKey), keys: store });
  expect(after.open(before.seal(new Secret('hunter2'), binding), binding).reveal()).toBe('hunter2');
  expect(await startRefusal(newKeyring(newKey), store)).toContain(newKeyring(oldKey).sealing.id);
});

it('what a retired data key sealed opens still, and the active one seals', async () => {
  const store = memoryKeyStore({
    rows: [{ ...dataKey, state: 'RETIRED' }, wrappedRow(2, randomBytes(32))],
    canaryBlob: canary,
  });
  const rotated = await createSealer({ keyring, keys: store });
  expect(rotated.open(sealer.seal(new Secret('hunter2'), binding), binding).reveal()).toBe('hunter2');
  const sealed = rotated.seal(new Secret('hunter3'), binding);
  expect(rotated.open(sealed, binding).reveal()).toBe('hunter3');
  expect(problemOf(() => sealer.open(sealed, binding)).code).toBe('SECRET_UNREADABLE');
});

describe('keys that are read while a rotation ends', () => {
  /** Reads the canary before the rotation and the keys after it; from then on, the passed canary. */
  const rotatedBetween = async (canaryAfter: (rotated: Uint8Array) => Uint8Array): Promise<MemoryKeyStore> => {
    const store = memoryKeyStore({ rows: keys.rows, canaryBlob: canary });
    const { seed } = await readDataKeys(keyring, store);
    const { row, canary: rotated } = createSealingKey(keyring, 2, seed);
    let reads = 0;
    store.canary = async () => {
      reads += 1;
      return reads === 1 ? canary : canaryAfter(rotated);
    };
    store.rows = [row];
    return store;
  };

  it('are read again instead of being refused', async () => {
    expect(await readDataKeys(keyring, await rotatedBetween((rotated) => rotated))).toMatchObject({ activeId: 2 });
  });

  it.each<[string, (rotated: Uint8Array) => Uint8Array]>([
    ['stays as it was', () => canary],
    [
      'is another that does not open either',
      (rotated) => rotated.map((byte, index) => (index === 60 ? byte ^ 1 : byte)),
    ],
  ])('are refused when the canary %s', async (_what, canaryAfter) => {
    await expect(readDataKeys(keyring, await rotatedBetween(canaryAfter))).rejects.toThrow('the canary does not open');
  });
});

it('a keyring may be made only for a database that holds nothing sealed', async () => {
  expect(await holdsNothingSealed(memoryKeyStore())).toBe(true);
  expect(await holdsNothingSealed(memoryKeyStore({ rows: keys.rows }))).toBe(false);
  expect(await holdsNothingSealed(memoryKeyStore({ canaryBlob: keys.canaryBlob }))).toBe(false);
  expect(await holdsNothingSealed(memoryKeyStore({ registries: true }))).toBe(false);
});
