// Reads from the kernel the processor time of a process, and whether it is stopped.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Processor time that a running process has used, in seconds. */
export function processorSeconds(pid: number): number {
  const fields = statOf(pid);
  // utime and stime. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Processor time of every program that this process started and that has ended, in seconds. */
export function endedProgramsSeconds(): number {
  const fields = statOf('self');
  // cutime and cstime.
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Stops a process and waits until it has stopped. `kill(pid, 'SIGCONT')` continues it. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  while (statOf(pid)[0] !== 'T') await pause(1);
}

/** The fields after the name of the program, which may hold spaces: state first. */
function statOf(pid: number | 'self'): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
