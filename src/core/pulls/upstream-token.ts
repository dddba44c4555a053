// Pull tokens: a short-lived token of the upstream itself, for one repository and the action `pull`, to be handed to a scanner.

import { z } from 'zod';
import { authorize } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { coversImage, imageNotCovered } from '../registry/match.ts';
import { type ImageReference, parseImageReference } from '../registry/reference.ts';
import { type ValidationOutcome, validationOutcomes } from '../registry/report.ts';
import { accountName, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { type PublicEndpoint, pullName } from './pull-name.ts';
import { retryWithCurrentCredential, type Pulls, type PullSource } from './pull.ts';

export interface PullTokenPorts {
  readonly pulls: Pick<Pulls, 'resolve' | 'recordUse'>;
  readonly minter: PullTokenMinter;
  readonly endpoint: PublicEndpoint;
}

/** A token and the image that it was asked for. */
export interface IssuedPullToken extends PullToken {
  readonly image: ImageReference;
}

export interface UpstreamTokens {
  /**
   * Gets a token of the upstream; the use is recorded, a refused one too. For an image that no registry covers, an anonymous one.
   * @param args `{ image, account? }`.
   * @throws Problem `INVALID_REFERENCE`, `UPSTREAM_FAILED` with the outcome, or `NO_TOKENS`, as its reason, and what `Pulls.source` throws.
   */
  create(caller: Caller, args: unknown): Promise<IssuedPullToken>;
}

export function createUpstreamTokens(ports: PullTokenPorts): UpstreamTokens {
  return { create: (caller, args) => issueUpstreamToken(ports, caller, args) };
}

async function issueUpstreamToken(
  { pulls, minter, endpoint }: PullTokenPorts,
  caller: Caller,
  args: unknown,
): Promise<IssuedPullToken> {
  const principal = authorize(caller, 'pull.use');
  const { image: text, account } = parseInput(pullTokenArguments, args);
  const image = parseImageReference(text);
  if (!coversImage(principal, image)) throw imageNotCovered(['reference']);
  const findSource = () => pulls.resolve(caller, { host: image.host, repository: image.repository, account });
  const issued = await retryWithCurrentCredential(findSource, async (source) => {
    const token = await minter.mint(source, caller.signal?.()).catch(async (error: unknown) => {
      await noteRefusal(pulls, caller, source, error);
      throw error;
    });
    return { source, token };
  });
  if (issued.token === undefined) throw noTokens(image, endpoint());
  await pulls.recordUse(caller, issued.source, 'DONE');
  return { ...issued.token, image };
}

async function noteRefusal(
  pulls: Pick<Pulls, 'recordUse'>,
  caller: Caller,
  source: PullSource,
  error: unknown,
): Promise<void> {
  if (!(error instanceof Problem) || error.code !== 'UPSTREAM_FAILED') return;
  const outcome = validationOutcomes.find((known): known is ValidationOutcome => known === error.reason);
  if (outcome !== undefined) await pulls.recordUse(caller, source, outcome);
}

function noTokens(image: ImageReference, endpoint: URL): Problem {
  const name = pullName(endpoint, image.host, image.repository);
  const instead = name === undefined ? 'through this server' : `it as ${name}`;
  return new Problem(
    'UPSTREAM_FAILED',
    `${image.host} has no token that could be handed out: it takes a user name and password, or asks for no login. Pull ${instead}, with an API token of this server as the password.`,
    { reason: 'NO_TOKENS', field: ['reference'] },
  );
}

/** The same token, in the form that each client takes it. */
export interface PullTokenLines {
  readonly trivy: string;
  readonly syft: string;
  readonly skopeo: string;
}

/** Lines for a POSIX shell. They hold the token in clear: they are made where it leaves the process, and nowhere else. */
export function pullTokenLines({ token, image }: IssuedPullToken): PullTokenLines {
  const value = shellWord(token.reveal());
  // Syft names Docker Hub so, and without the authority would send the token to every registry that it asks.
  const authority = image.host === 'docker.io' ? 'index.docker.io' : image.host;
  return {
    trivy: `TRIVY_REGISTRY_TOKEN=${value} trivy image --image-src remote ${image.reference}`,
    syft: `SYFT_REGISTRY_AUTH_TOKEN=${value} SYFT_REGISTRY_AUTH_AUTHORITY=${authority} syft registry:${image.reference}`,
    skopeo: `skopeo copy --src-registry-token=${value} docker://${skopeoReference(image)} oci-archive:image.tar`,
  };
}

/** Skopeo takes a tag or a digest, not both; the digest says which image it is. */
function skopeoReference({ host, repository, tag, digest }: ImageReference): string {
  if (digest !== null) return `${host}/${repository}@${digest}`;
  return tag === null ? `${host}/${repository}` : `${host}/${repository}:${tag}`;
}

/** What an upstream sends is quoted, so that a pasted line runs nothing of it. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9._~+/=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** An upstream token for one repository and the action `pull`, to be handed to a client. */
export interface PullToken {
  readonly token: Secret;
  readonly expiresAt: Date;
}

/** Gets short-lived upstream tokens. */
export interface PullTokenMinter {
  /**
   * Undefined when the registry takes Basic alone and so has no tokens to give.
   * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason when the registry refuses or cannot be asked.
   */
  mint(source: PullSource, signal: AbortSignal | undefined): Promise<PullToken | undefined>;
}

const pullTokenArguments = z.strictObject({ image: z.string(), account: accountName.nullish() });
