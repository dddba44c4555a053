// A process that writes registries to the store named by its first argument, and names each on a line once it is acknowledged.

import { writeSync } from 'node:fs';

import { openStarted } from './harness.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from './samples.ts';

const store = await openStarted(process.argv[2]!);
for (let number = Number(process.argv[3]); ; number++) {
  await store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent({ target: sampleRegistry(number).id }));
  writeSync(1, `${number}\n`);
}
