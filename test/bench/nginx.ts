// Runs nginx as one process, on the cores that it is given.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from '../e2e/support/child-process.ts';
import { nginxProgram } from '../e2e/support/storage-server.ts';
import { useOf, type ProcessUse } from './process-use.ts';

export interface NginxOptions {
  /** Folder for its settings and files; made if it is not there. */
  readonly directory: string;
  /** What stands inside of `http { … }`. */
  readonly http: string;
  /** The cores that it may use, as taskset lists them. */
  readonly cores: string;
}

export interface Nginx extends ProcessUse {
  stop(): Promise<void>;
}

/** Starts it and waits until it serves. */
export async function startNginx({ directory, http, cores }: NginxOptions): Promise<Nginx> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'nginx.conf');
  writeFileSync(
    file,
    `
    daemon off;
    # The worker alone: a master that is killed with this process would leave it behind.
    master_process off;
    pid ${directory}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join('\n')}
      access_log off;
      keepalive_requests 1000000;
      ${http}
    }`,
  );
  const program = await startProgram({
    command: 'taskset',
    args: ['-c', cores, nginxProgram, '-p', directory, '-e', 'stderr', '-c', file],
    ready: [/using the "epoll" event method/],
  });
  return {
    ...useOf(program.pid),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}
