// The search for a member agrees with the parser about every text, and lets other work run.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasMember, isRecord, parseJson } from '../../../src/core/shared/json.ts';

const names = ['tags', 'mediaType'];
const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve));
const scan = (text: string | Uint8Array) => hasMember(Buffer.from(text as string), names, async () => undefined);

function parsed(text: string): boolean {
  const value = parseJson(text);
  return isRecord(value) && names.some((name) => Object.hasOwn(value, name));
}

/** Objects of which many have the names, at any depth. */
const objects = fc.object({
  key: fc.oneof(fc.constantFrom('tags', 'mediaType', 'tag', 'tagss'), fc.string()),
  maxDepth: 4,
});

describe('the search for a member', () => {
  it('finds it where the parser does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.anything().map((value) => JSON.stringify(value) ?? ''),
        async (text) => {
          expect(await scan(text)).toBe(parsed(text));
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(objects, fc.constantFrom(undefined, 1, '\t'), async (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(await scan(text)).toBe(parsed(text));
      }),
    );
  });

  it('finds nothing in what the parser rejects', async () => {
    const characters = fc.constantFrom(...'{}[],:"\\ 01-+.eEtnu\t\n\u0001a'.split(''));
    await fc.assert(
      fc.asyncProperty(objects, fc.nat(), fc.nat(2), characters, async (value, place, removed, character) => {
        const text = JSON.stringify({ ...value, tags: [1, -0.5e3, true, null, 'a\n\u0001'] });
        const at = place % (text.length + 1);
        const broken = text.slice(0, at) + character + text.slice(at + removed);
        // A name with an escape is not looked for.
        fc.pre(!/\\u00[46-7]/.test(broken));
        expect(await scan(broken)).toBe(parsed(broken));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['', false],
    ['{"tags":1}', true],
    ['\ufeff{"tags":1}', true],
    ['{"tags":1} ', true],
    ['{"tags":1}{', false],
    ['{"tags":1},', false],
    ['{"tags"}', false],
    ['{"a":{"tags":1}}', false],
    ['{"a":"tags"}', false],
    ['["tags"]', false],
    ['{"tags":01}', false],
    ['{"tags":[1,]}', false],
    ['{"tags":1', false],
    [`{"tags":${'['.repeat(63)}${']'.repeat(63)}}`, true],
    [`{"tags":${'['.repeat(64)}${']'.repeat(64)}}`, false],
  ])('%s', async (text, expected) => {
    expect(await scan(text)).toBe(expected);
  });

  it('of 4 MiB of small arrays lets other work run all the time', async () => {
    const text = Buffer.from(`{"tags":[${'[],'.repeat(1_398_000)}[]]}`);
    let [cpu, longestMs] = [process.threadCpuUsage(), 0];
    const pause = async (): Promise<void> => {
      const { user, system } = process.threadCpuUsage(cpu);
      longestMs = Math.max(longestMs, (user + system) / 1_000);
      await nextTurn();
      cpu = process.threadCpuUsage();
    };
    expect(await hasMember(text, names, pause)).toBe(true);
    expect(longestMs).toBeLessThan(50);
  });
});
