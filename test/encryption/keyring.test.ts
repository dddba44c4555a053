import { execFileSync, spawn } from 'node:child_process';
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  isPrivate,
  KeyringError,
  loadKeyring,
  parseKeyring,
  printKeyring,
  rootKeyId,
} from '../../src/encryption/keyring.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { propertyRuns } from '../support/property-runs.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = makeTemporaryDirectory('keyring');
  path = join(directory, 'keyring');
});

const keyLine = (bytes = randomBytes(32)): string => `rgk1:${bytes.toString('base64')}`;

async function writeKeyring(text: string, mode = 0o400): Promise<void> {
  await writeFile(path, text);
  await chmod(path, mode);
}

/** The refusal of a load. Going through, or anything else thrown, fails the test. */
async function refusal(load: Promise<unknown>): Promise<KeyringError> {
  const outcome = await load.catch((error: unknown) => error);
  if (outcome instanceof KeyringError) {
    return outcome;
  }
  throw new Error('The keyring was not refused.', { cause: outcome });
}

/** The refusal of a text, or undefined when it parses; anything else thrown fails the test. */
function parseRefusal(text: string): KeyringError | undefined {
  try {
    parseKeyring(text, '/etc/regway/keyring');
    return undefined;
  } catch (error) {
    if (error instanceof KeyringError) {
      return error;
    }
    throw error;
  }
}

describe('a keyring that is made at the first start', () => {
  it('contains one key, is readable only by its owner, and leaves no other file behind', async () => {
    const keyring = await loadKeyring(path, { createIfMissing: true });
    expect(keyring.keys).toEqual([keyring.sealing]);
    expect((await stat(path)).mode & 0o7777).toBe(0o400);
    expect(await readdir(directory)).toEqual(['keyring']);
  });

  it('is the same at the next start', async () => {
    const first = await loadKeyring(path, { createIfMissing: true });
    const text = await readFile(path);
    const second = await loadKeyring(path, { createIfMissing: true });
    expect(second.sealing.id).toBe(first.sealing.id);
    expect(await readFile(path)).toEqual(text);
  });

  it('has its mode with any umask', async () => {
    const before = process.umask(0o777);
    try {
      await loadKeyring(path, { createIfMissing: true });
    } finally {
      process.umask(before);
    }
    expect((await stat(path)).mode & 0o7777).toBe(0o400);
  });

  it('is not made while the database is not empty', async () => {
    const error = await refusal(loadKeyring(path, { createIfMissing: false }));
    expect(error.message).toContain(path);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is refused with the file named when its directory is missing', async () => {
    const nowhere = join(directory, 'missing', 'keyring');
    expect((await refusal(loadKeyring(nowhere, { createIfMissing: true }))).message).toContain(nowhere);
  });

  it('does not follow a dangling link of an attacker', async () => {
    await symlink(join(directory, 'elsewhere'), path);
    await refusal(loadKeyring(path, { createIfMissing: true }));
    expect(await readdir(directory)).toEqual(['keyring']);
  });
});

it('three processes that create a keyring at once share one key', { timeout: 60_000 }, async () => {
  const rounds = 20;
  const processes = [1, 2, 3].map(() => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'keyring.child.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  try {
    await Promise.all(processes.map(({ lines }) => lines.next()));
    for (let round = 0; round < rounds; round += 1) {
      const contested = join(directory, `keyring-${round}`);
      processes.forEach(({ child }) => child.stdin.write(`${contested}\n`));
      // oxlint-disable-next-line no-await-in-loop -- each round is one race
      const ids = await Promise.all(processes.map(async ({ lines }) => (await lines.next()).value as string));
      // oxlint-disable-next-line no-await-in-loop -- as above
      const { sealing } = await loadKeyring(contested, { createIfMissing: false });
      expect(ids).toEqual([sealing.id, sealing.id, sealing.id]);
    }
    expect(await readdir(directory)).toHaveLength(rounds);
  } finally {
    processes.forEach(({ child }) => child.kill());
  }
});

describe('a keyring file', () => {
  it('seals with its first key and keeps the rest in order', async () => {
    const keys = [randomBytes(32), randomBytes(32), randomBytes(32)];
    await writeKeyring(`# new\n${keyLine(keys[0])}\n\n# old\n${keyLine(keys[1])}\r\n${keyLine(keys[2])}`);
    const keyring = await loadKeyring(path, { createIfMissing: false });
    expect(keyring.keys.map(({ key }) => key.export())).toEqual(keys);
    expect(keyring.sealing).toBe(keyring.keys[0]);
  });

  it('may be a link to a mounted secret', async () => {
    await writeKeyring(keyLine());
    const mounted = join(directory, 'mounted');
    await symlink(path, mounted);
    expect((await loadKeyring(mounted, { createIfMissing: false })).keys).toHaveLength(1);
  });

  it.each([0o404, 0o444, 0o644, 0o600 | 0o010, 0o420, 0o402, 0o460, 0o777])(
    'open to others is refused: mode %o',
    async (mode) => {
      await writeKeyring(keyLine(), mode);
      const error = await refusal(loadKeyring(path, { createIfMissing: true }));
      expect(error.message).toContain('chmod 0400');
    },
  );

  it.each([0o400, 0o600])('closed to others is accepted: mode %o', async (mode) => {
    await writeKeyring(keyLine(), mode);
    expect((await loadKeyring(path, { createIfMissing: false })).keys).toHaveLength(1);
  });

  const [root, server, group, foreignGroup] = [0, 1000, 2000, 3000];
  it.each([
    [0o400, server, foreignGroup, true],
    [0o600, server, foreignGroup, true],
    [0o440, root, group, true],
    [0o640, root, group, true],
    [0o440, root, foreignGroup, false],
    [0o440, server, group, false],
    [0o450, root, group, false],
    [0o460, root, group, false],
    [0o444, root, group, false],
  ])('of mode %o that user %i and group %i own is private to the server: %s', (mode, uid, gid, expected) => {
    expect(isPrivate({ mode: 0o100_000 | mode, uid, gid }, [server, group])).toBe(expected);
  });

  it('that is a directory is refused', async () => {
    await mkdir(path, { mode: 0o700 });
    expect((await refusal(loadKeyring(path, { createIfMissing: true }))).message).toContain('not a regular file');
  });

  it('that is a named pipe is refused at once', async () => {
    execFileSync('mkfifo', ['-m', '0400', path]);
    expect((await refusal(loadKeyring(path, { createIfMissing: true }))).message).toContain('not a regular file');
  });

  it('that is larger than any keyring is refused', async () => {
    await writeKeyring(`${keyLine()}\n${'#'.repeat(64 * 1024)}\n`);
    expect((await refusal(loadKeyring(path, { createIfMissing: false }))).message).toContain('larger');
  });

  it('is left as it was when it is refused', async () => {
    await writeKeyring('rgk1:short\n');
    await link(path, join(directory, 'same'));
    await refusal(loadKeyring(path, { createIfMissing: true }));
    expect(await readFile(path, 'utf8')).toBe('rgk1:short\n');
    expect((await stat(path)).nlink).toBe(2);
  });
});

const key = randomBytes(32);
const encoded = key.toString('base64');

describe('the text of a keyring', () => {
  it.each([
    ['nothing', ''],
    ['comments only', '# one\n# two\n'],
    ['a short key', keyLine(randomBytes(31))],
    ['a long key', keyLine(randomBytes(33))],
    ['an empty key', 'rgk1:'],
    ['a key cut off', `rgk1:${encoded.slice(0, -3)}`],
    ['a key without padding', `rgk1:${encoded.slice(0, -1)}`],
    ['a key in hex', `rgk1:${key.toString('hex')}`],
    ['a key in base64url', `rgk1:${Buffer.alloc(32, 0xff).toString('base64url')}=`],
    ['a space after the key', `${keyLine(key)} `],
    ['a space before the key', ` ${keyLine(key)}`],
    ['a space in the key', `rgk1: ${encoded}`],
    ['bits that the encoding ignores', `rgk1:${'A'.repeat(42)}B=`],
    ['a key without its prefix', encoded],
    ['a prefix in upper case', `RGK1:${encoded}`],
    ['a prefix of another version', `rgk2:${encoded}`],
    ['a comment after the key', `${keyLine(key)} # mine`],
    ['an unknown line after a key', `${keyLine(key)}\nhello`],
    ['a byte-order mark', `\uFEFF${keyLine(key)}`],
    ['a key that occurs twice', `${keyLine(key)}\n${keyLine()}\n${keyLine(key)}`],
  ])('is refused, with the file named and no key shown: %s', (_, text) => {
    const error = parseRefusal(text);
    expect(error?.message).toContain('/etc/regway/keyring');
    expect(inspect(error)).not.toContain(encoded.slice(0, 16));
  });

  it('parses back to the keys it was printed from', () => {
    const anyKeys = fc.uniqueArray(fc.uint8Array({ minLength: 32, maxLength: 32 }), {
      minLength: 1,
      maxLength: 5,
      selector: String,
    });
    fc.assert(
      fc.property(anyKeys, (keys) => {
        const text = printKeyring(keys.map((bytes) => createSecretKey(bytes)));
        const parsed = parseKeyring(text, 'keyring');
        expect(parsed.keys.map((root) => new Uint8Array(root.key.export()))).toEqual(keys);
        expect(printKeyring(parsed.keys.map((root) => root.key))).toBe(text);
      }),
    );
  });

  it('throws only KeyringError, for any text', () => {
    const anyLine = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constant(keyLine(key)),
      fc.string().map((text) => `rgk1:${text}`),
      fc.base64String({ maxLength: 48 }).map((text) => `rgk1:${text}`),
      fc.string().map((text) => `#${text}`),
    );
    const anyText = fc.array(anyLine).map((lines) => lines.join('\n'));
    const property = fc.property(
      anyText,
      (text) => parseRefusal(text)?.message.includes('/etc/regway/keyring') ?? true,
    );
    expect(() => fc.assert(property, { numRuns: propertyRuns(1_000) })).not.toThrow();
  });
});

describe('a root key', () => {
  it('is never seen when a keyring is printed', () => {
    const keyring = parseKeyring(keyLine(key), 'keyring');
    const shown = inspect(keyring, { depth: Infinity, showHidden: true }) + JSON.stringify(keyring);
    expect(shown).not.toContain(encoded.slice(0, 16));
    expect(shown).not.toContain(key.toString('hex').slice(0, 16));
  });

  it('has an ID that an operator can compute', () => {
    const expected = createHmac('sha256', key).update('regway/root-key-id').digest().subarray(0, 8).toString('hex');
    expect(rootKeyId(createSecretKey(key))).toBe(expected);
  });
});
