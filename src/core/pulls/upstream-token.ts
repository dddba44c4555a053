// Issues short-lived tokens of the upstream registry for pulling one repository, to pass to a scanner.

import { z } from 'zod';
import { authorize } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { coversImage, imageNotCovered } from '../registry/match.ts';
import { type ImageReference, parseImageReference } from '../registry/reference.ts';
import { type ValidationOutcome, validationOutcomes } from '../registry/report.ts';
import { accountName, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { shellWord } from '../shared/shell.ts';
import { type PublicEndpoint, pullName } from './pull-name.ts';
import { retryWithCurrentCredential, type Pulls, type PullSource } from './pull.ts';

/** An upstream token for one repository and the action `pull`. */
export interface PullToken {
  readonly token: Secret;
  readonly expiresAt: Date;
}

/** The port that requests short-lived upstream tokens. */
export interface PullTokenMinter {
  /**
   * Requests a token. Returns undefined if the registry has no tokens, because it accepts only Basic authentication or requires none.
   * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason if the registry rejects the credential or is unreachable.
   */
  mint(source: PullSource, signal: AbortSignal | undefined): Promise<PullToken | undefined>;
}

const pullTokenArguments = z.strictObject({ image: z.string(), account: accountName.nullish() });

/** The ports of `createUpstreamTokens`. */
export interface PullTokenPorts {
  readonly pulls: Pick<Pulls, 'resolve' | 'recordUse'>;
  readonly minter: PullTokenMinter;
  readonly endpoint: PublicEndpoint;
}

/** An upstream token and the requested image. */
export interface IssuedPullToken extends PullToken {
  readonly image: ImageReference;
}

/** The use case of upstream tokens. */
export interface UpstreamTokens {
  /**
   * Issues an upstream token and records the use, also a rejected one. The token is anonymous if no registry covers the image.
   * @param args `{ image, account? }`.
   * @throws Problem `INVALID_REFERENCE`, `UPSTREAM_FAILED` with the outcome, or `NO_TOKENS`, as its reason, and the problems of `Pulls.resolve`.
   */
  create(caller: Caller, args: unknown): Promise<IssuedPullToken>;
}

/** Creates the use case of upstream tokens. */
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
      await recordRejection(pulls, caller, source, error);
      throw error;
    });
    return { source, token };
  });
  if (issued.token === undefined) throw noTokens(image, endpoint());
  await pulls.recordUse(caller, issued.source, 'DONE');
  return { ...issued.token, image };
}

async function recordRejection(
  pulls: Pick<Pulls, 'recordUse'>,
  caller: Caller,
  source: PullSource,
  error: unknown,
): Promise<void> {
  if (!(error instanceof Problem) || error.code !== 'UPSTREAM_FAILED') return;
  const outcome = validationOutcomes.find((known): known is ValidationOutcome => known === error.reason);
  if (outcome !== undefined) await pulls.recordUse(caller, source, outcome, undefined, error);
}

function noTokens(image: ImageReference, endpoint: URL): Problem {
  const name = pullName(endpoint, image.host, image.repository);
  return new Problem(
    'UPSTREAM_FAILED',
    `${image.host} has no upstream tokens: it accepts only a username and password, or requires no authentication. Pull it as ${name}, with a Regway API token as the password.`,
    { reason: 'NO_TOKENS', field: ['reference'] },
  );
}

/** Command lines that use the token, one for each client. */
export interface PullTokenLines {
  readonly trivy: string;
  readonly syft: string;
  readonly skopeo: string;
}

/** Returns command lines for a POSIX shell. They contain the token in clear, so call this only where it leaves the process. */
export function pullTokenLines({ token, image }: IssuedPullToken): PullTokenLines {
  const value = shellWord(token.reveal());
  // Syft uses this name for Docker Hub, and without the authority would send the token to every registry that it contacts.
  const authority = image.host === 'docker.io' ? 'index.docker.io' : image.host;
  return {
    trivy: `TRIVY_REGISTRY_TOKEN=${value} trivy image --image-src remote ${image.reference}`,
    syft: `SYFT_REGISTRY_AUTH_TOKEN=${value} SYFT_REGISTRY_AUTH_AUTHORITY=${authority} syft registry:${image.reference}`,
    skopeo: `skopeo copy --src-registry-token=${value} docker://${skopeoReference(image)} oci-archive:image.tar`,
  };
}

/** Returns the reference with either the tag or the digest, because Skopeo accepts only one. The digest identifies the image. */
function skopeoReference({ host, repository, tag, digest }: ImageReference): string {
  if (digest !== null) return `${host}/${repository}@${digest}`;
  return tag === null ? `${host}/${repository}` : `${host}/${repository}:${tag}`;
}
