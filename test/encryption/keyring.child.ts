// A process that loads the keyring named on each line of its input and answers with the key's id: several of them race in keyring.test.ts.

import { createInterface } from 'node:readline';
import { loadKeyring } from '../../src/encryption/keyring.ts';

process.stdout.write('ready\n');
for await (const path of createInterface({ input: process.stdin })) {
  const keyring = await loadKeyring(path, { createIfMissing: true });
  process.stdout.write(`${keyring.keys.map(({ id }) => id).join()}\n`);
}
