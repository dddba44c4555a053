// Hashing on a thread: the digests are those of the content, and memory is called free only when nothing reads it.

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHashThread } from '../../../../src/server/oci/content/hash-thread.ts';

const thread = createHashThread({ onDeath: unexpected, onGivenUp: unexpected });

function unexpected(): void {
  throw new Error('The worker died.');
}

function shared(bytes: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length));
  bytes.copy(copy);
  return copy;
}

describe('a hash on a thread', () => {
  it.each([
    ['sha256', 1, 1],
    ['sha256', 1000, 100],
    ['sha256', 100_000, 30],
    ['sha384', 300_000, 3],
    ['sha512', 300_000, 3],
  ])(
    '%s of pieces of %i bytes, %i of them, is that of their content, and each is called free once',
    async (algorithm, bytes, count) => {
      const hash = thread.start({ algorithm });
      const pieces = Array.from({ length: count }, (_, index) =>
        index % 2 === 0 ? shared(randomBytes(bytes)) : randomBytes(bytes),
      );
      const expected = createHash(algorithm).update(Buffer.concat(pieces)).digest('hex');
      let free = 0;
      for (const piece of pieces) {
        // As with a slab that is used again.
        hash.update(piece, () => {
          free += 1;
          piece.fill(0);
        });
      }
      expect(await hash.digest()).toBe(expected);
      expect(free).toBe(count);
    },
  );

  it('of no content is that of no content', async () => {
    expect(await thread.start({ algorithm: 'sha256' }).digest()).toBe(createHash('sha256').digest('hex'));
  });

  it('is of its own pieces, also if others are hashed between them', async () => {
    const contents = Array.from({ length: 5 }, () => Array.from({ length: 20 }, () => shared(randomBytes(20_000))));
    const hashes = contents.map(() => thread.start({ algorithm: 'sha256' }));
    for (let piece = 0; piece < 20; piece += 1)
      hashes.forEach((hash, index) => hash.update(contents[index]?.[piece] ?? Buffer.alloc(0), () => undefined));
    const digests = await Promise.all(hashes.map((hash) => hash.digest()));
    expect(digests).toEqual(contents.map((pieces) => createHash('sha256').update(Buffer.concat(pieces)).digest('hex')));
  });

  it('hashes a small piece after a pause, also if no other follows', async () => {
    const hash = thread.start({ algorithm: 'sha256' });
    for (let count = 0; count < 3; count += 1)
      await new Promise<void>((resolve) => hash.update(shared(Buffer.from('few')), resolve));
    expect(await hash.digest()).toBe(createHash('sha256').update('fewfewfew').digest('hex'));
  });

  it('that was abandoned releases no piece, because it may still be read', async () => {
    const hash = thread.start({ algorithm: 'sha256' });
    let free = 0;
    for (let count = 0; count < 10; count += 1) hash.update(shared(Buffer.alloc(500_000)), () => void (free += 1));
    hash.forget();
    const other = thread.start({ algorithm: 'sha256' });
    await other.digest();
    await setTimeout(10);
    expect(free).toBe(0);
  });
});

describe('a hashing worker that has nothing to do', () => {
  it('ends, which gives back its memory, and is no death; the next hash starts another', async () => {
    const workers: Worker[] = [];
    const note = (worker: Worker): void => void workers.push(worker);
    process.on('worker', note);
    onTestFinished(() => void process.off('worker', note));
    const idle = createHashThread({ onDeath: unexpected, onGivenUp: unexpected, idleMs: 100 });
    const digestOf = async (text: string) => {
      const hash = idle.start({ algorithm: 'sha256' });
      hash.update(shared(Buffer.from(text)), () => undefined);
      return hash.digest();
    };
    const expected = createHash('sha256').update('piece').digest('hex');
    expect([await digestOf('piece'), await digestOf('piece')]).toEqual([expected, expected]);
    expect(workers).toHaveLength(1);
    await expect.poll(() => workers[0]?.threadId, { timeout: 10_000 }).toBe(-1);
    // One that was forgotten begins the wait too, and one that runs does not.
    idle.start({ algorithm: 'sha256' }).forget();
    const running = idle.start({ algorithm: 'sha256' });
    await setTimeout(500);
    expect(workers).toHaveLength(2);
    expect(workers[1]?.threadId).toBeGreaterThan(0);
    await running.digest();
    await expect.poll(() => workers[1]?.threadId, { timeout: 10_000 }).toBe(-1);
  });
});

describe('a hashing worker that dies', () => {
  /** No worker survives an algorithm that does not exist. */
  function mortalThread() {
    const events: string[] = [];
    let time = 0;
    const mortal = createHashThread({
      onDeath: (fault) => events.push(`death: ${(fault as Error).message}`),
      onGivenUp: () => events.push('given up'),
      now: () => time,
    });
    return {
      ...mortal,
      events,
      pass: (ms: number) => void (time += ms),
      die: () => expect(mortal.start({ algorithm: 'sha257' }).digest()).rejects.toThrow('died'),
    };
  }

  it('fails every hash that it held, returns their pieces, and is reported once', async () => {
    const mortal = mortalThread();
    const held = [mortal.start({ algorithm: 'sha256' }), mortal.start({ algorithm: 'sha512' })];
    let free = 0;
    for (const hash of held) hash.update(Buffer.from('piece'), () => void (free += 1));
    const unread = mortal.start({ algorithm: 'sha256' });
    await mortal.die();
    for (const hash of held) await expect(hash.digest()).rejects.toThrow('died');
    unread.update(Buffer.from('late'), () => void (free += 1));
    unread.forget();
    expect(free).toBe(3);
    expect(mortal.events).toEqual([expect.stringMatching(/^death: Digest method not supported/)]);
  });

  it('is started again by the next hash', async () => {
    const mortal = mortalThread();
    await mortal.die();
    const hash = mortal.start({ algorithm: 'sha256' });
    hash.update(Buffer.from('piece'), () => undefined);
    expect(await hash.digest()).toBe(createHash('sha256').update('piece').digest('hex'));
  });

  it('is started again 3 times within a minute; then it is given up', async () => {
    const mortal = mortalThread();
    for (let death = 1; death <= 4; death += 1) {
      expect(mortal.events).not.toContain('given up');
      await mortal.die();
      mortal.pass(19_000);
    }
    expect(mortal.events.at(-1)).toBe('given up');
  });

  it('is started again as long as no 4 deaths fall within a minute', async () => {
    const mortal = mortalThread();
    for (let death = 1; death <= 6; death += 1) {
      await mortal.die();
      mortal.pass(20_000);
    }
    expect(mortal.events).toHaveLength(6);
  });
});
