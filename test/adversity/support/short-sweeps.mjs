// Loaded into a server with `--import`: after SIGUSR2 the five minutes between two sweeps of the schedule become a tenth of a second, and after
// the next SIGUSR2 they are five minutes again.

const sweepMs = 5 * 60_000;
const shortMs = 100;
const systemTimer = globalThis.setTimeout;
const waiting = new Set();
let areShort = false;

function sweepTimer(run, ...rest) {
  if (areShort) return systemTimer(run, shortMs, ...rest);
  const wait = { run, rest, timer: systemTimer(run, sweepMs, ...rest) };
  waiting.add(wait);
  return wait.timer;
}

globalThis.setTimeout = Object.assign(
  (run, delayMs, ...rest) => (delayMs === sweepMs ? sweepTimer(run, ...rest) : systemTimer(run, delayMs, ...rest)),
  systemTimer,
);

process.on('SIGUSR2', () => {
  areShort = !areShort;
  for (const { run, rest, timer } of areShort ? waiting : []) {
    clearTimeout(timer);
    systemTimer(run, 0, ...rest);
  }
  waiting.clear();
});
