// Every sentence about the registry in Regway that a refused pull prints, executed: somebody does what it says, and the same pull works.

import { expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { marker, secure } from '../../upstream/fixtures.ts';
import { bearerServer, ociError, sendJson } from '../../upstream/personalities.ts';
import { callerOf } from '../../support/domain.ts';
import { inPath, openPullEndpoint } from './harness.ts';
import { layer, layerDigest, sendLayer, serveContent, startRegistry } from './registry.ts';

type Changes = { username?: string; password?: Secret; trustedRealm?: string };

interface Execution {
  readonly host: string;
  readonly stored?: { readonly username?: string; readonly password?: string };
  readonly sentence: string | RegExp;
  /** Returns the changes of the registry, after what a person does elsewhere. */
  readonly follow: (sentence: string) => Changes | undefined;
}

const executions: Record<string, () => Promise<Execution>> = {
  CHECK_CREDENTIAL: async () => ({
    host: (await startRegistry({ scheme: 'basic' })).host,
    stored: { password: 'wrong' },
    sentence: 'Update the registry in Regway with a working username and password.',
    follow: () => ({ username: 'alice', password: new Secret(marker) }),
  }),
  GRANT_PULL: async () => {
    let isGranted = false;
    const content = startRegistry({
      scheme: 'basic',
      content: (request, response) =>
        isGranted ? serveContent(request, response) : sendJson(response, 403, ociError('DENIED')),
    });
    return {
      host: (await content).host,
      sentence: 'Grant the stored user or token pull access at the registry.',
      follow: () => {
        isGranted = true;
        return undefined;
      },
    };
  },
  TRUST_REALM: async () => {
    const tokens: { readonly origin: string } = await secure((request, response) => tokenServer(request, response));
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const { host } = await secure((request, response) => {
      if (request.url?.includes('/blobs/') === true && request.headers.authorization?.startsWith('Bearer ') === true)
        sendLayer(request, response);
      else registry(request, response);
    });
    return {
      host,
      sentence: /If (\S+) is the token server of this registry, set it as the trusted token server/,
      follow: (sentence) => ({
        trustedRealm: /If (\S+) is the token server/.exec(sentence)?.[1] ?? '',
        password: new Secret(marker),
      }),
    };
  },
};

it.each(Object.entries(executions))('%s', async (_kind, start) => {
  const { host, stored, sentence, follow } = await start();
  const endpoint = await openPullEndpoint();
  const { id } = await endpoint.add(host, stored);
  const pull = () => endpoint.get(`/v2/${inPath(host)}/team/app/blobs/${layerDigest}`);
  const refused = await pull();
  expect(refused.status).toBe(403);
  const text = (JSON.parse(String(refused.body)) as { errors: { message: string }[] }).errors[0]?.message ?? '';
  expect(text).toMatch(sentence);
  const changes = follow(text);
  if (changes !== undefined)
    await endpoint.domain.registries.update(callerOf('READ_WRITE'), id, changes, {
      secureConnection: true,
      validate: false,
    });
  expect(await pull()).toMatchObject({ status: 200, body: layer });
});
