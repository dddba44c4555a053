// What a server opened is closed, whatever fails on the way.

import { expect, it } from 'vitest';
import { type Closable, closeAll } from '../../src/app/server.ts';

it('a part that fails keeps no other one open, and what was opened last is closed first', async () => {
  const closed: string[] = [];
  const part = (name: string, fault?: Error): Closable => ({
    async close() {
      closed.push(name);
      if (fault !== undefined) throw fault;
    },
  });
  const opened = [part('store'), part('domain', new Error('the domain failed')), part('listener')];
  await expect(closeAll(opened)).rejects.toThrow('the domain failed');
  expect(closed).toEqual(['listener', 'domain', 'store']);
  await closeAll(opened);
  expect(closed).toHaveLength(3);
});
