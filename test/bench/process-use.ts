// What a process uses, read from /proc.

import { readFileSync } from 'node:fs';

export interface ProcessUse {
  /** User and system time of all its threads so far. */
  cpuMs(): number;
  /** Memory that is resident now. */
  rssMiB(): number;
}

/** Linux counts in hundredths of a second (`getconf CLK_TCK`). */
const tickMs = 10;

/** Reads the use of one process, without its children. */
export function useOf(pid: number): ProcessUse {
  const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  return {
    cpuMs: () => parseCpuMs(read('stat')),
    rssMiB: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read('status'))?.[1]) / 1024,
  };
}

/** Fields 14 and 15 of proc(5); the name before them is in brackets and may hold spaces. */
function parseCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}
