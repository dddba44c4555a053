// Rotates the keys of the installation in the directory of its first argument, data key and root key in turn, until it is killed.

import { rotateDataKey, rotateRootKey } from '../../src/encryption/rotation.ts';
import { reopenInstallation } from '../encryption/installation.ts';

const { parts } = await reopenInstallation(process.argv[2]!);
process.stdout.write('rotating\n');
for (;;) {
  await rotateDataKey(parts);
  await rotateRootKey(parts);
}
