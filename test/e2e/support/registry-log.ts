// Reads from docker-registry's log which user pulled which content. The registry must log at the level `debug`.

export interface LoggedPull {
  readonly username: string;
  readonly repository: string;
  readonly kind: 'manifest' | 'blob';
}

/** Manifests and blobs that were asked for by a user who was let in, in order. */
export function pullsIn(log: string): LoggedPull[] {
  return log.split('\n').flatMap((line) => {
    const kind = /msg=(GetImageManifest|GetBlob) /.exec(line)?.[1];
    const username = /auth\.user\.name=(\S+)/.exec(line)?.[1];
    const repository = /vars\.name=(\S+)/.exec(line)?.[1];
    if (kind === undefined || username === undefined || repository === undefined) {
      return [];
    }
    return [{ username, repository, kind: kind === 'GetBlob' ? ('blob' as const) : ('manifest' as const) }];
  });
}

/** User names of the logins that htpasswd refused, in order. */
export function refusedLoginsIn(log: string): string[] {
  return [...log.matchAll(/msg="error authenticating user \\"(.+?)\\"/g)].map(([, username = '']) => username);
}
