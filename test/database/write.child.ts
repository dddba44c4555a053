// A process that writes registries to the store named by its first argument, several at a time, and names each on a line once it is acknowledged.

import { writeSync } from 'node:fs';

import { openStarted } from './harness.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from './samples.ts';

const store = await openStarted(process.argv[2]!);
const lanes = 8;

async function write(number: number): Promise<void> {
  await store.registries.insert(
    sampleRegistry(number),
    sampleSealed(),
    sampleEvent({ target: sampleRegistry(number).id }),
  );
  writeSync(1, `${number}\n`);
}

async function lane(first: number): Promise<void> {
  for (let number = first; ; number += lanes) await write(number);
}

await Promise.all(Array.from({ length: lanes }, (_, index) => lane(Number(process.argv[3]) + index)));
