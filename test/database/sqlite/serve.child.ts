// A process that serves the store named by its first argument until it is killed; says "serving" once it does.

import { openStore } from '../../../src/database/store.ts';
import { migrationsDir } from '../harness.ts';

await openStore({ url: process.argv[2]!, migrationsDir, owned: true });
process.stdout.write('serving\n');
setInterval(() => undefined, 60_000);
