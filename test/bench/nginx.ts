// Runs nginx with one worker on one core.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from '../e2e/support/child-process.ts';
import { nginxProgram } from '../e2e/support/storage-server.ts';
import { useOf, type ProcessUse } from './process-use.ts';

export interface NginxOptions {
  /** Folder for its settings and files; made if it is not there. */
  readonly directory: string;
  /** What stands inside of `http { … }`. */
  readonly http: string;
  readonly core: number;
}

/** The use is that of the worker. */
export interface Nginx extends ProcessUse {
  stop(): Promise<void>;
}

/** Starts it and waits for its worker. */
export async function startNginx({ directory, http, core }: NginxOptions): Promise<Nginx> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'nginx.conf');
  writeFileSync(file, `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 1;
    pid ${directory}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join('\n')}
      access_log off;
      keepalive_requests 1000000;
      ${http}
    }`);
  const program = await startProgram({
    command: 'taskset',
    args: ['-c', String(core), nginxProgram, '-p', directory, '-e', 'stderr', '-c', file],
    ready: [/start worker process \d+/],
  });
  const worker = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim().split(' ')[0];
  return {
    ...useOf(Number(worker)),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}
