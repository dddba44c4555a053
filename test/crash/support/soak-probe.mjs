// Loaded into a server before it starts: writes down every few seconds what only the process itself can tell.

import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const file = process.env.SOAK_PROBE_FILE;
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

setInterval(() => {
  const delayP99Ms = delay.percentile(99) / 1e6;
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  appendFileSync(
    file,
    `${JSON.stringify({ heapBytes: heapUsed, externalBytes: external, rssBytes: rss, resources: process.getActiveResourcesInfo().length, delayP99Ms })}\n`,
  );
  // The collection above is ours and does not count.
  setImmediate(() => delay.reset());
}, Number(process.env.SOAK_PROBE_MS)).unref();
