// Closes every opened part of a server, also if closing one fails.

import { expect, it } from 'vitest';
import { type Closable, closeAll } from '../../src/app/server.ts';

it('parts are closed in reverse order, and a part that fails to close does not keep the others open', async () => {
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
