// A process that opens the store named by its first argument, says what it did, and ends.

import { sampleEvent, sampleKey, sampleToken } from './samples.ts';
import { openStarted } from './harness.ts';

const store = await openStarted(process.argv[2]!);
const key = await store.keys.insertFirst(sampleKey(1), new Uint8Array([1]));
const token = await store.access.insertFirstToken(sampleToken(`token-${process.pid}`), sampleEvent());
await store.close();
process.stdout.write(JSON.stringify({ key, token }));
