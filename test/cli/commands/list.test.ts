// `regway registry list`: every page, in every form.

import { beforeAll, describe, expect, it } from 'vitest';
import { withDatabase } from '../../e2e/support/database.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();
/** More than two pages of 100. */
const count = 205;
const texts = Array.from({ length: count }, (_, index) => `r${String(index).padStart(3, '0')}.example`);

describe('a list', () => {
  it('of nothing is an empty array, no id, and headings', async () => {
    expect(await line.run(['registry', 'list', '-o', 'json'])).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(await line.run(['registry', 'list', '-o', 'id'])).toMatchObject({ code: 0, stdout: '' });
    expect(await line.run(['registry', 'list'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^REGISTRY .+\n$/) as string,
    });
  });

  describe('of more than two pages', () => {
    beforeAll(async () => {
      for (const registry of texts) {
        await line.server.graphql(
          'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) { errors { message } } }',
          {
            input: {
              registry,
              username: 'alice',
              password: 'p',
            },
          },
        );
      }
      // Stored before names refused such characters.
      withDatabase(line.server.dataDirectory, (database) =>
        database.prepare("UPDATE registry SET name = ? WHERE registry = 'r000.example'").run('the \u202Efirst'),
      );
    });

    it('is one JSON array with the same keys in the same order everywhere', async () => {
      const { code, stdout } = await line.run(['registry', 'list', '-o', 'json']);
      const rows = JSON.parse(stdout) as { registry: string }[];
      expect({ code, registries: rows.map(({ registry }) => registry) }).toEqual({ code: 0, registries: texts });
      expect([...new Set(rows.map((row) => Object.keys(row).join()))]).toEqual([
        'registry,id,name,type,username,secureConnection,trustedRealm,probeRepository,host,repository,account,createdAt,updatedAt,lastValidation,pendingSince,previousUsableUntil',
      ]);
    });

    it('is one id a line', async () => {
      const { stdout } = await line.run(['registry', 'list', '-o', 'id']);
      const ids = stdout.trimEnd().split('\n');
      expect(new Set(ids).size).toBe(count);
      expect(ids.every((id) => /^reg_[0-9a-f]{32}$/.test(id))).toBe(true);
    });

    it('is a table with its headings once', async () => {
      const { stdout } = await line.run(['registry', 'list']);
      const lines = stdout.trimEnd().split('\n');
      expect(lines).toHaveLength(count + 1);
      expect(stdout.match(/REGISTRY/g)).toHaveLength(1);
      expect(lines.at(-1)).toMatch(
        /^r204\.example +r204\.example +docker_v2 +alice +verified +SKIPPED +\d{4}-\d\d-\d\d$/,
      );
    });

    it('shows a character that turns the direction of text as a replacement', async () => {
      const { stdout } = await line.run(['registry', 'list', '--search=r000']);
      expect(stdout).toContain('the \uFFFDfirst');
    });

    it('is narrowed by host and search', async () => {
      const { stdout } = await line.run(['registry', 'list', '--host=r007.example', '-o', 'json']);
      expect(JSON.parse(stdout)).toMatchObject([{ registry: 'r007.example' }]);
      expect(
        (await line.run(['registry', 'list', '--search=r20', '-o', 'id'])).stdout.trimEnd().split('\n'),
      ).toHaveLength(5);
    });

    it('is not for a token that may not list', async () => {
      const token = (await line.run(['token', 'create', '--role=READ_ONLY', '-o', 'id'])).stdout.trim();
      const { code, stdout } = await line.run(['registry', 'list', '-o', 'json'], { env: { REGWAY_TOKEN: token } });
      expect({ code, answer: JSON.parse(stdout) as unknown }).toMatchObject({
        code: 1,
        answer: { errors: [{ code: 'FORBIDDEN' }] },
      });
    });
  });
});
