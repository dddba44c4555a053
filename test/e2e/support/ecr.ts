// A registry of Amazon ECR on loopback: an AWS that checks signatures and issues passwords, and a docker-registry behind TLS that accepts only the issued ones.

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { json, serveCloud, verifySignature } from '../../upstream/cloud/servers.ts';
import type { Asked, KnownKeys, Reply } from '../../upstream/cloud/servers.ts';
import { createCertificateAuthority, readKeyPair, selfSigned } from './certificates.ts';
import { pushImage, writeImage } from './images.ts';
import type { ImageLayout } from './images.ts';
import { startPasswordRegistry } from './registries.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

/** Cloud registries have no port in their names, so TLS is on 443 of an address that nothing else uses. */
const address = '127.0.0.9';
const port = 443;

export interface EcrOptions {
  readonly host: string;
  readonly repository: string;
  readonly keys: KnownKeys;
  /** More names that lead to the registry. */
  readonly otherNames?: readonly string[];
}

export interface LoopbackEcr {
  /** The settings with which a server finds AWS and the registry. */
  readonly settings: Readonly<Record<string, string>>;
  readonly image: ImageLayout;
  /** Every request that AWS got. */
  readonly asked: readonly Asked[];
  /** Passwords that were issued, in order; the registry knows the last one. */
  readonly issued: readonly string[];
  /** TLS connections to the registry so far. */
  connections(): number;
  registryLog(): string;
  /** Makes AWS answer so in the place of a login; undefined ends it. */
  failWith(reply: Reply | undefined): void;
  /** Makes the registry reject every login that was issued until now. */
  endLogins(): void;
  stop(): Promise<void>;
}

export async function startEcr({ host, repository, keys, otherNames = [] }: EcrOptions): Promise<LoopbackEcr> {
  const directory = makeTemporaryDirectory('ecr');
  const authority = createCertificateAuthority(directory);
  const registry = await startPasswordRegistry(directory, 'ecr', [
    { username: 'AWS', password: 'before-any-was-issued' },
  ]);
  const image = writeImage(join(directory, 'image'));
  await pushImage({
    layout: image.layout,
    reference: `${registry.host}/${repository}:latest`,
    credential: 'AWS:before-any-was-issued',
  });
  const issued: string[] = [];
  let failure: Reply | undefined;
  const issue = (asked: Asked): Reply => {
    if (failure !== undefined) return failure;
    const fault = faultOf(asked, keys);
    if (fault !== undefined)
      return json({ __type: fault, message: `not this one: ${asked.headers.authorization}` }, 400);
    const password = `issued-${issued.length + 1}-${'x'.repeat(1_000)}`.slice(0, 60);
    issued.push(password);
    registry.setUsers([{ username: 'AWS', password }]);
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    return json({
      authorizationData: [
        { authorizationToken, expiresAt: Date.now() / 1000 + 12 * 3600, proxyEndpoint: `https://${host}` },
      ],
    });
  };
  const aws = await serveCloud(issue);
  const front = await startFront(directory, [host, ...otherNames], Number(registry.host.split(':')[1]));
  const names = Object.fromEntries([host, ...otherNames].map((name) => [name, address]));
  return {
    settings: {
      REGWAY_CA_FILE: authority.certificateFile,
      AWS_ENDPOINT_URL_ECR: aws.origin,
      AWS_CONFIG_FILE: join(directory, 'no-config'),
      AWS_SHARED_CREDENTIALS_FILE: join(directory, 'no-credentials'),
      AWS_EC2_METADATA_DISABLED: 'true',
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'name-service.ts')}`,
      TEST_NAMES: JSON.stringify(names),
    },
    image,
    asked: aws.asked,
    issued,
    connections: front.connections,
    registryLog: () => registry.log(),
    failWith: (reply) => void (failure = reply),
    endLogins: () => registry.setUsers([{ username: 'AWS', password: 'of-no-login' }]),
    async stop() {
      await Promise.all([aws.close(), front.close()]);
      await registry.stop();
    },
  };
}

/** The response of AWS to a request that it rejects. */
function faultOf(asked: Asked, keys: KnownKeys): string | undefined {
  try {
    verifySignature(asked, keys);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Ends TLS in front of the registry, with a certificate for the names. */
async function startFront(directory: string, names: readonly string[], registryPort: number) {
  const alternatives = names.map((name) => `DNS:${name}`).join(',');
  const extra = [
    '-CA',
    join(directory, 'authority.pem'),
    '-CAkey',
    join(directory, 'authority.key'),
    '-addext',
    `subjectAltName=${alternatives}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ];
  const open = new Set<TLSSocket>();
  let count = 0;
  const server = createTlsServer(readKeyPair(selfSigned(directory, 'front', extra)), (socket) => {
    count += 1;
    open.add(socket);
    const registry = connect(registryPort, '127.0.0.1');
    socket.on('error', () => registry.destroy()).on('close', () => open.delete(socket));
    registry.on('error', () => socket.destroy());
    socket.pipe(registry).pipe(socket);
  });
  server.listen(port, address);
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { connections: () => count, close };
}
